"""Units on their way in and out: UCUM, or what the wild writes for it, against CDISC's UNIT codelist."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from trialbridge.crosswalks.dimensions import Measure, in_ucum, parse
from trialbridge.crosswalks.tables import crosswalk
from trialbridge.standards import codelist

UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
#: synonyms of CDISC that are not used: giga and mega per litre are one shift key away from grams and moles;
#: QS is a week as well as a sufficient quantity; the other two differ in magnitude from their term
REFUSED = frozenset({"G/L", "M/L", "EU/dL", "QS", "Hundred Thousand International Units"})
#: units of which both a thousandth and a million is used
AMBIGUOUS = re.compile(r"M\[?I?U\]?(?:[/.]|$)", re.IGNORECASE)
#: what a UCUM code is made of: no blank, no letter beyond ASCII, and no circumflex for a power
UCUM_TEXT = re.compile(r"[!-\]_-~]+")
#: what the wild writes where there is no unit, folded
UNITLESS = frozenset(
    {"1", "[ph]", "ph", "ph units", "{ph}", "no units", "no unit", "unitless", "none", "n/a", "na"}
    | {
        "{score}",
        "score",
        "{t-score}",
        "t-score",
        "{z-score}",
        "z-score",
        "{#}",
        "{index_val}",
        "{s_co_ratio}",
        "s/co",
        "#",
        "index",
        "{index}",
    }
)


#: a power of ten as laboratories print it: x10E3, 10 3, 10(9), E9
TEN = re.compile(
    r"^(?:[x*] ?)?(?:10(?: ?(?:\*\*?|\^|e) ?\(?| | ?\()|e)(\d{1,2})\)? ?(?=[/a-z])", re.IGNORECASE
)
#: characters that are another's twins: both code points of mu, signs, raised digits
TWINS = str.maketrans(
    {"\u00b5": "u", "\u03bc": "u", "\u00d7": "x", "\u00b2": "2", "\u00b3": "3", "\u00b7": "."}
)
#: raised digits behind a ten are a power of it
RAISED = re.compile("(?<=10)[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
LOWERED = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
#: prefixes whose two cases are a factor of a milliard apart, or more
TWO_SIZES = ("M", "P", "G", "T")


@cache
def to_cdisc_unit(code: str, unit: str = "", name: str = "UNIT") -> str | None:
    """Return the CDISC unit of the first of `code`, `unit` that is known; magnitudes are always equal.

    A spelling is known when it is a term of the codelist, a UCUM code or common spelling of our table, a
    synonym of a term, a UCUM expression that measures the same as exactly one term, or one of these but for
    the way in which it is printed: ``MG/DL``, ``x10E3/uL``.

    Args:
        code: The coded unit.
        unit: The printed unit.
        name: The codelist: ``UNIT``, ``VSRESU``, or one of those of pharmacokinetics, such as ``PKUNIT``.

    Example:
        >>> to_cdisc_unit("10*3/uL"), to_cdisc_unit("no such unit", "THOU/uL")
        ('10^9/L', '10^9/L')
        >>> to_cdisc_unit("h.ng/mL", name="PKUNIT")
        'h*ng/mL'
    """
    for text in (code, unit):
        plain = text.strip()
        found = _known(plain, name) or _known(_respelled(plain), name) or _in_other_case(plain, name)
        if found is not None:
            return found
    return None


def is_ucum(text: str) -> bool:
    """Return whether `text` is a UCUM code, as far as it can be told here.

    Example:
        >>> is_ucum("10*3/uL"), is_ucum("mmol/l"), is_ucum("THOU/uL"), is_ucum("MG/DL")
        (True, True, False, False)
    """
    if UCUM_TEXT.fullmatch(text) is None:
        return False
    return text == "1" or text.startswith("{") or text in _ucum_codes() or parse(text, "ucum") is not None


@cache
def to_ucum(cdisc_unit: str, name: str = "UNIT") -> str | None:
    """Return the UCUM code that a term of one of CDISC's unit codelists is written as, or None.

    Example:
        >>> to_ucum("10^9/L"), to_ucum("beats/min")
        ('10*9/L', '{beats}/min')
    """
    written = crosswalk("ucum").preferred(cdisc_unit, UCUM)
    if written is not None:
        return written
    spelled = in_ucum(cdisc_unit)
    return spelled if spelled and _known(spelled, name) in {None, cdisc_unit} else None


def is_unitless(text: str) -> bool:
    """Return whether `text`, found where a unit should stand, says that there is none.

    Example:
        >>> is_unitless("NO UNITS"), is_unitless("[pH]"), is_unitless("mg/dL")
        (True, True, False)
    """
    return text.strip().casefold() in UNITLESS


@cache
def _known(text: str, name: str) -> str | None:
    if not text:
        return None
    if text in _terms(name):
        return text
    table = crosswalk("ucum")
    usual = table.find(UCUM, text) or table.find(SNOMED, text)
    if usual in _terms(name):
        return usual
    return _synonyms(name).get(text) or _spelled(name).get(text) or _equal(text, name)


def _respelled(text: str) -> str:
    """Return a unit with its characters, its power of ten and its blanks as they usually are."""
    plain = RAISED.sub(lambda found: "^" + found[0].translate(LOWERED), text)
    plain = re.sub(r" ?([/.*]) ?", r"\1", plain.translate(TWINS))
    plain = TEN.sub(r"10^\1", plain)
    return re.sub(r"/(?:hrs?|HRS?)(?![a-z])", "/h", plain)


def _in_other_case(text: str, name: str) -> str | None:
    """Return the one term that `text` is but for its case, where no prefix hangs on the case.

    Capitals throughout are what UCUM calls its case insensitive form: M is milli there, and so it is here.
    A milli and a mega of international units are both used: those are left alone.
    """
    if len(text) < 2 or text in REFUSED or not (text.isupper() or text.islower()) or AMBIGUOUS.match(text):
        return None
    found = _folded(name).get(text.casefold(), ())
    if len(found) != 1 or found[0].startswith(TWO_SIZES):
        return None
    return found[0]


def _equal(text: str, name: str) -> str | None:
    """Return the one term that measures exactly what the UCUM expression `text` does."""
    measure = parse(text, "ucum")
    terms = () if measure is None or not measure.dimensions else _measures(name).get(measure, ())
    return terms[0] if len(terms) == 1 else None


@cache
def _terms(name: str) -> frozenset[str]:
    return frozenset(term.submission_value for term in codelist(name).terms)


@cache
def _folded(name: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for term in sorted(_terms(name)):
        found[term.casefold()] = (*found.get(term.casefold(), ()), term)
    return found


@cache
def _synonyms(name: str) -> dict[str, str]:
    """Return the synonyms that name one term only and, as far as they are understood, measure the same."""
    terms = codelist(name).terms
    shared = Counter(synonym for term in terms for synonym in set(term.synonyms))
    return {
        synonym: term.submission_value
        for term in terms
        for synonym in term.synonyms
        if shared[synonym] == 1 and synonym not in REFUSED and _agrees(synonym, term.submission_value)
    }


def _agrees(synonym: str, term: str) -> bool:
    measure, other = parse(term), parse(synonym) or parse(synonym, "ucum")
    return measure is None or other is None or measure == other


@cache
def _spelled(name: str) -> dict[str, str]:
    """Return the terms by what they are in UCUM's words: terms of one size may differ in them."""
    found: dict[str, list[str]] = {}
    for term in sorted(_terms(name)):
        found.setdefault(in_ucum(term) or "", []).append(term)
    return {spelled: terms[0] for spelled, terms in found.items() if spelled and len(terms) == 1}


@cache
def _ucum_codes() -> frozenset[str]:
    return frozenset(row["code"] for row in crosswalk("ucum").rows if row["system"] == UCUM)


@cache
def _measures(name: str) -> dict[Measure, tuple[str, ...]]:
    found: dict[Measure, tuple[str, ...]] = {}
    for term in sorted(_terms(name)):
        measure = parse(term)
        if measure is not None:
            found[measure] = (*found.get(measure, ()), term)
    return found
