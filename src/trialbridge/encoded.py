"""Rules for terms that a licensed dictionary codes: one field of the entry that a coding, or a text, has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank, by_values, joined, split
from trialbridge.dictionaries import Dictionaries, Dictionary
from trialbridge.mapping import alternatives
from trialbridge.rules import Cells, Leaves, OneOf, Read, Rule, Written, cells_of
from trialbridge.standards import domain_variables
from trialbridge.vocabulary import Vocabulary

CANONICAL = {
    "meddra": "https://www.meddra.org",
    "whodrug": "http://terminology.hl7.org/CodeSystem/W1-W2",
    "snomed": "http://snomed.info/sct",
}
"""Dictionary -> the code system that is written."""

NAMES = {"meddra": "MedDRA", "whodrug": "WHODrug", "snomed": "SNOMED CT"}
"""Dictionary -> its own name, as a define.xml has it."""

MEDDRA: Mapping[str, str] = {
    "LLT": "llt",
    "LLTCD": "lltcd",
    "DECOD": "pt",
    "PTCD": "ptcd",
    "HLT": "hlt",
    "HLTCD": "hltcd",
    "HLGT": "hlgt",
    "HLGTCD": "hlgtcd",
    "BODSYS": "soc",
    "BDSYCD": "soccd",
    "SOC": "soc",
    "SOCCD": "soccd",
}
"""Variable behind the domain's letters -> field of MedDRA; BODSYS is the primary system organ class, too."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One field of the entry of the user's own dictionary that a coding has.

    Read: the first coding in a system of the dictionary whose code the dictionary has. Without the dictionary
    nothing is read, for a coding says neither its level nor what stands above it.

    Attributes:
        base: Path of the CodeableConcept.
        dictionary: ``meddra``, ``whodrug`` or ``snomed``.
        field: What is taken of the entry, such as ``pt`` or ``ptcd``.
        writes: Which part of the coding the field is written to, if any.
        by_text: The text is looked up instead, where the study's settings allow it.
        reports: What has a coding or a text and no entry is a loss, for somebody to code.
        needs: A place that must be written for this one to be.
    """

    base: str
    dictionary: str
    field: str
    writes: Literal["", "code", "display"] = ""
    by_text: bool = False
    reports: bool = False
    needs: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """System, code, display of every coding, and the text."""
        coding = f"{self.base}.coding[*]"
        return (f"{coding}.system", f"{coding}.code", f"{coding}.display", f"{self.base}.text")

    @property
    def targets(self) -> tuple[str, ...]:
        """The coding of the dictionary, if this writes."""
        return (f"{self.coding}.{self.writes}",) if self.writes else ()

    @property
    def coding(self) -> str:
        """The path of the coding that is written."""
        return f"{self.base}.coding[system={CANONICAL[self.dictionary]}]"

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the field."""
        dictionary = vocabulary.dictionaries.named(self.dictionary)
        if dictionary is None or (self.by_text and not vocabulary.dictionaries.autocode and not self.reports):
            return cells_of(blank(leaves.rows))
        columns = [joined(leaves(path)) for path in self.paths]
        by_text = self.by_text and vocabulary.dictionaries.autocode

        def value(systems: str, codes: str, displays: str, text: str) -> str | None:
            code = (
                _code_of(dictionary, (text, *split(displays)))
                if by_text
                else _coded(dictionary, split(systems), split(codes))
            )
            return dictionary.decode(code).get(self.field) if code else None

        nothing = self.by_text and not by_text
        values = blank(leaves.rows) if nothing else by_values(columns, value)
        return cells_of(values, *columns[1:], partial=not self.reports)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the value at its place in the coding; a code is of letters and digits."""
        if not self.writes:
            return {}
        if self.writes == "code":
            column = pc.if_else(pc.match_substring_regex(column, "^[0-9A-Za-z]+$"), column, None)
        return {self.targets[0]: column}


def _coded(dictionary: Dictionary, systems: Sequence[str], codes: Sequence[str]) -> str | None:
    pairs = zip(systems, codes, strict=False)
    return next(
        (code for system, code in pairs if dictionary.has_system(system) and dictionary.decode(code)), None
    )


def _code_of(dictionary: Dictionary, texts: Sequence[str]) -> str | None:
    return next((code for text in texts if text and (code := dictionary.code_of(text))), None)


@dataclass(frozen=True, slots=True)
class Named:
    """The term of a code that came without words, from whichever of the user's dictionaries knows it.

    Attributes:
        base: Path of the CodeableConcept.
    """

    base: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """System and code of every coding."""
        return (f"{self.base}.coding[*].system", f"{self.base}.coding[*].code")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the terms."""
        known = vocabulary.dictionaries

        def term(systems: str, codes: str) -> str | None:
            pairs = zip(split(systems), split(codes), strict=False)
            return next((found for pair in pairs if (found := known.term(*pair))), None)

        if not known.sources and not known.terms:
            return cells_of(blank(leaves.rows))
        return cells_of(by_values([joined(leaves(path)) for path in self.paths], term))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def decoded_by(
    dictionary: str,
    field: str,
    *bases: str,
    writes: Literal["", "code", "display"] = "",
    reports: bool = False,
    needs: str = "",
) -> OneOf:
    """Return the rule of one field of a dictionary: by the codings of `bases`, then by their texts.

    Args:
        dictionary: ``meddra``, ``whodrug`` or ``snomed``.
        field: What is taken of the entry.
        bases: Paths of CodeableConcepts, in order of trust; the first is written.
        writes: The part of the coding that the field is written to.
        reports: What is not coded goes to the worklist.
        needs: A place that must be written for this one to be.

    Example:
        >>> decoded_by("whodrug", "preferred", "medicationCodeableConcept").paths[1]
        'medicationCodeableConcept.coding[*].code'
    """
    first, *rest = bases
    by_code: list[Rule] = [Encoded(first, dictionary, field, writes, needs=needs)]
    by_code += [Read(Encoded(base, dictionary, field)) for base in rest]
    by_text = [Read(Encoded(base, dictionary, field, by_text=True, reports=reports)) for base in bases]
    return OneOf(*by_code, *by_text)


def meddra_variables(domain: str, *bases: str) -> dict[str, OneOf]:
    """Return the rule of each variable of a domain that holds a level of MedDRA.

    On the way back the coding is of the lowest level term, else of the preferred term; `meddra_first` says in
    which order they are written.

    Args:
        domain: Two letters.
        bases: Paths of CodeableConcepts, in order of trust.

    Example:
        >>> list(meddra_variables("MH", "code"))
        ['MHDECOD', 'MHBODSYS']
    """
    known = {variable.name for variable in domain_variables(domain)}
    return {name: _meddra(suffix, *bases) for suffix in MEDDRA if (name := f"{domain}{suffix}") in known}


def meddra_first(domain: str) -> tuple[str, ...]:
    """Return the variables of `meddra_variables` in the order in which they are written.

    Example:
        >>> meddra_first("MH")
        ('MHDECOD',)
    """
    known = {variable.name for variable in domain_variables(domain)}
    names = (f"{domain}{suffix}" for suffix in ("LLTCD", "LLT", "PTCD", "DECOD"))
    return tuple(name for name in names if name in known)


def dictionary_of(rule: Rule | None) -> str:
    """Return the name of the dictionary that a variable is coded by; empty for none.

    Example:
        >>> dictionary_of(decoded_by("meddra", "pt", "event"))
        'meddra'
    """
    encoded = _encoded(rule)
    return encoded.dictionary if encoded else ""


def _encoded(rule: Rule | None) -> Encoded | None:
    return next((one for one in alternatives(rule) if isinstance(one, Encoded)), None) if rule else None


class Offered(NamedTuple):
    """A term in the very letters of a text: its value for the variable, its code, and the dictionary."""

    value: str
    code: str
    dictionary: str


def offered(rule: Rule | None, texts: Sequence[str], dictionaries: Dictionaries) -> Offered | None:
    """Return the term of a variable's dictionary that is one of `texts`, for a person to decide upon.

    Args:
        rule: The rule of the variable.
        texts: What was sent.
        dictionaries: The user's own.

    Example:
        >>> offered(decoded_by("meddra", "pt", "event"), ["Headache"], Dictionaries()) is None
        True
    """
    encoded = _encoded(rule)
    dictionary = dictionaries.named(encoded.dictionary) if encoded else None
    if encoded is None or dictionary is None:
        return None
    code = _code_of(dictionary, texts)
    value = dictionary.decode(code).get(encoded.field) if code else None
    name = f"{dictionary.name} {dictionary.version}".strip()
    return Offered(value, code, name) if code and value else None


def _meddra(suffix: str, *bases: str) -> OneOf:
    parts: dict[str, Literal["code", "display"]] = {
        "LLTCD": "code",
        "PTCD": "code",
        "LLT": "display",
        "DECOD": "display",
    }
    code = f"{bases[0]}.coding[system={CANONICAL['meddra']}].code"
    return decoded_by(
        "meddra",
        MEDDRA[suffix],
        *bases,
        writes=parts.get(suffix, ""),
        reports=suffix == "DECOD",
        needs=code if suffix == "LLT" else "",
    )
