"""Rules in words: what a line of a mapping does, for a reader who does not read Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trialbridge import codecs, rules
from trialbridge.coded import Coded, Several
from trialbridge.encoded import NAMES, Encoded, Named
from trialbridge.matching import PRODUCT, Chosen, Matching
from trialbridge.quantities import Measured, Printed, Unit
from trialbridge.rules import Rule
from trialbridge.tested import Tested, TestName

_FEW = 3


def _codes(codec: codecs.Codes) -> str:
    if len(codec.table) > _FEW:
        return f"the code is looked up in a table of {len(codec.table)}"
    return "; ".join(f"{code} is {term}" for code, term in codec.table.items())


_CODECS: Mapping[type, Callable[[Any], str]] = {
    codecs.Text: lambda _: "the text as it stands",
    codecs.DateTime: lambda _: "the date as it was written",
    codecs.Number: lambda _: "the number as it was written",
    codecs.Flag: lambda _: "true is Y, false is N",
    codecs.Yes: lambda _: "true is Y; false says nothing",
    codecs.Upper: lambda _: "the words in upper case",
    codecs.Ref: lambda codec: f"the id behind {codec.type}/",
    codecs.Codes: _codes,
    codecs.Term: lambda codec: f"the NCI code is looked up in codelist {codec.codelist}",
    codecs.Lookup: lambda codec: f"the code is looked up in the crosswalk {codec.crosswalk!r}",
}


def _matching(rule: Matching) -> str:
    wanted = " and ".join(f"{path} is {_condition(value)}" for path, value in rule.where.items())
    alone = ", or the only one there is" if rule.alone else ""
    what = describe_codec(rule.codec) if rule.value else f"it is {rule.then}"
    return f"the repetition of which {wanted}{alone}: {what}"


def _condition(value: object) -> str:
    if isinstance(value, Chosen):
        return f"the one that the study's settings name for {value.name}"
    return "the study product" if value is PRODUCT else str(value)


def _encoded(rule: Encoded) -> str:
    what = "text, where it is a term letter by letter," if rule.by_text else "coding"
    return (
        f"{ENTRIES.get(rule.field, rule.field)} of the entry that the {what} has in {NAMES[rule.dictionary]}"
    )


ENTRIES = {
    "llt": "the lowest level term",
    "pt": "the preferred term",
    "hlt": "the high level term",
    "hlgt": "the high level group term",
    "soc": "the primary system organ class",
    "preferred": "the preferred name",
    "atc": "the class, where there is one alone,",
    **{
        f"{level}cd": f"the code of the {level.upper()}"
        for level in ("llt", "pt", "hlt", "hlgt", "soc", "atc")
    },
}


def _several(rule: Several) -> str:
    many = (
        f"the number {rule.number} of several" if rule.number else f"{rule.multiple} where there are several"
    )
    urls = ", ".join(url for source in rule.sources for url in source.urls)
    return f"the codes of {urls} in the crosswalk {rule.crosswalk!r}; {many}"


def _coded(rule: Coded) -> str:
    through = f"a coding in the crosswalk {rule.crosswalk!r}, " if rule.crosswalk else ""
    kept = "; text that no table knows is kept" if rule.verbatim else ""
    return f"{through}an NCI code, or a text that is a term of codelist {rule.codelist}{kept}"


_FIELDS = {
    "domain": "the domain that the code of the test belongs to",
    "testcd": "the test that the code means",
    "test": "the name of the test that the code means",
    "cat": "the category of the test that the code means",
    "scat": "the subcategory of the test that the code means",
    "spec": "the specimen that the code of the test names",
    "method": "the method that the code of the test names",
    "pos": "the position that the code of the test names",
    "resscl": "the scale of the result that the code of the test names",
    "restyp": "the kind of result that the code of the test names",
    "fast": "whether the code of the test asks for fasting",
    "tpt": "the planned time point that the code of the test names",
    "pdur": "the duration of collection that the code of the test names",
}


def _field(name: str) -> str:
    return _FIELDS.get(name, f"{name} of the test")


_RULES: Mapping[type, Callable[[Any], str]] = {
    rules.At: lambda rule: describe_codec(rule.codec),
    rules.Const: lambda rule: f"always {rule.value}",
    rules.OneWay: lambda rule: rule.why,
    Measured: lambda _: "comparator and number as they were written",
    Printed: lambda rule: f"the {rule.part} of a text that is a number with its unit",
    Unit: lambda _: "the UCUM code as CDISC writes the unit, else the printed unit, else as collected",
    Coded: _coded,
    Tested: lambda rule: f"{_field(rule.field)}: by the study's own codes, decisions, LOINC, then NCI code",
    TestName: lambda _: "the name that the terminology pairs with the test code, else the printed name",
    Matching: _matching,
    rules.Read: lambda rule: describe(rule.rule),
    rules.Given: lambda rule: (
        f"{describe(rule.rule)}, only {'with' if rule.present else 'without'} {rule.path}"
    ),
    Several: _several,
    Encoded: _encoded,
    Named: lambda _: "the term of the code in the user's own dictionary",
}


def describe(rule: Rule) -> str:
    """Return what a rule, or one alternative of a rule, does.

    Example:
        >>> describe(rules.At("effectiveDateTime", codecs.DateTime()))
        'the date as it was written'
    """
    if isinstance(rule, rules.OneOf):
        return "; else ".join(map(describe, rule.rules))
    return _RULES.get(type(rule), _own_words)(rule)


def describe_codec(codec: codecs.Codec) -> str:
    """Return what a codec does towards SDTM.

    Example:
        >>> describe_codec(codecs.Codes({"male": "M"}))
        'male is M'
    """
    return _CODECS.get(type(codec), _own_words)(codec)


def _own_words(rule: object) -> str:
    """Return the first sentence that the class says of itself."""
    return (type(rule).__doc__ or type(rule).__name__).splitlines()[0].rstrip(".")
