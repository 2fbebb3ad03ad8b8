"""Units on their way in and out: UCUM, or what the wild writes for it, against CDISC's UNIT codelist."""

from __future__ import annotations

from collections import Counter
from functools import cache

from trialbridge.crosswalks.dimensions import Measure, parse
from trialbridge.crosswalks.tables import crosswalk
from trialbridge.standards import codelist

UCUM = "http://unitsofmeasure.org"
#: synonyms of CDISC that are not used: giga and mega per litre are one shift key away from grams and moles;
#: QS is a week as well as a sufficient quantity; the other two differ in magnitude from their term
REFUSED = frozenset({"G/L", "M/L", "EU/dL", "QS", "Hundred Thousand International Units"})
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
    }
)


@cache
def to_cdisc_unit(code: str, unit: str = "") -> str | None:
    """Return the CDISC unit of the first of `code`, `unit` that is known; magnitudes are always equal.

    A spelling is known when it is a term of CDISC's UNIT codelist, a UCUM code or common spelling of our
    table, a synonym of a term, or a UCUM expression that measures the same as exactly one term.

    Example:
        >>> to_cdisc_unit("10*3/uL"), to_cdisc_unit("no such unit", "THOU/uL")
        ('10^9/L', '10^9/L')
    """
    for text in (code, unit):
        found = _known(text.strip())
        if found is not None:
            return found
    return None


@cache
def to_ucum(cdisc_unit: str) -> str | None:
    """Return the UCUM code that a term of CDISC's UNIT codelist is written as, or None.

    Example:
        >>> to_ucum("10^9/L"), to_ucum("beats/min")
        ('10*9/L', '{beats}/min')
    """
    written = crosswalk("ucum").preferred(cdisc_unit, UCUM)
    if written is not None:
        return written
    measure = parse(cdisc_unit)
    if measure is None or not measure.dimensions:
        return None
    spelled = cdisc_unit.replace("10^", "10*")
    return spelled if parse(spelled, "ucum") == measure else None


def is_unitless(text: str) -> bool:
    """Return whether `text`, found where a unit should stand, says that there is none.

    Example:
        >>> is_unitless("NO UNITS"), is_unitless("[pH]"), is_unitless("mg/dL")
        (True, True, False)
    """
    return text.strip().casefold() in UNITLESS


def _known(text: str) -> str | None:
    if not text:
        return None
    if text in _terms():
        return text
    table = crosswalk("ucum")
    return table.find(UCUM, text) or table.find("", text) or _synonyms().get(text) or _equal(text)


def _equal(text: str) -> str | None:
    """Return the one term that measures exactly what the UCUM expression `text` does."""
    measure = parse(text, "ucum")
    terms = () if measure is None or not measure.dimensions else _measures().get(measure, ())
    return terms[0] if len(terms) == 1 else None


@cache
def _terms() -> frozenset[str]:
    return frozenset(term.submission_value for term in codelist("UNIT").terms)


@cache
def _synonyms() -> dict[str, str]:
    """Return the synonyms that name one term only and, as far as they are understood, measure the same."""
    terms = codelist("UNIT").terms
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
def _measures() -> dict[Measure, tuple[str, ...]]:
    found: dict[Measure, tuple[str, ...]] = {}
    for term in sorted(_terms()):
        measure = parse(term)
        if measure is not None:
            found[measure] = (*found.get(measure, ()), term)
    return found
