"""Terms that a code or text may mean, ranked for a person to decide upon, each with what speaks for it.

Names come first: submission values, synonyms, preferred terms and decodes of the variable's codelists, the
abbreviations that laboratories write, and the words of the crosswalks. For a test the unit, the specimen and
the values seen are evidence besides; for a LOINC name its parts are. Nothing here is ever used unasked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from trialbridge import crosswalks
from trialbridge.converters.alike import Name, Names, plain
from trialbridge.converters.evidence import Seen, seen_of, weighed
from trialbridge.converters.loinc_parts import suggest_from_parts
from trialbridge.converters.unit_words import unit_of
from trialbridge.crosswalks.dimensions import Measure, parse
from trialbridge.crosswalks.tables import CODELISTS
from trialbridge.decisions import is_test
from trialbridge.errors import TermError
from trialbridge.standards import DEFAULT_CT, codelist, codelists, domain_variables, ig_datasets, name_of_test
from trialbridge.vocabulary import LOINC

MOST = 5
LOWEST = 40
"""A score below this is a coincidence of letters."""

NEIGHBOURS: Mapping[str, tuple[str, ...]] = {
    "LB": ("LB", "IS", "MB", "CP", "GF"),
    "VS": ("VS", "EG", "RE", "CV"),
}
"""Domain that a category says -> the domains whose tests are sent under it."""

_FOREIGN = 0.96
"""What a test of another domain than the category's counts."""

_WHOLES = ("Leukocytes", "Erythrocytes", "Hemoglobin")
"""What a test that is reported in percent is a part of."""

_SAME_LETTERS = 0.01
"""What a name in the very letters of the text is ahead of one in the same words."""

_LABORATORY = ("LB", "VS", "EG", "IS", "MB", "CP")
_LETTER = re.compile(r"[^\W\d_]|[/%]")
"""A code without any letter says nothing by its looks."""

_TAIL = re.compile(r"\s*(?:[\[(,]|\b(?:in|by|of)\b).*$", re.IGNORECASE)


class Asked(NamedTuple):
    """What is known of an unknown code or text.

    Attributes:
        domain: Domain of the variable; empty where not even that is known.
        variable: The variable; empty for a test whose domain is not known.
        texts: The text and the code, as they were sent.
        system: Code system of the code.
        units: The units of its results, the most frequent first, with ``; `` between.
        specimens: The specimens, likewise.
        values: Some results, likewise.
    """

    domain: str
    variable: str
    texts: tuple[str, ...]
    system: str = ""
    units: str = ""
    specimens: str = ""
    values: str = ""


class Suggestion(NamedTuple):
    """One term that may be meant.

    Attributes:
        value: What to write as the decision: the submission value, with its domain where that is not plain.
        name: What it is called: of a test its decode.
        code: NCI code; empty for a name of the tables alone.
        score: How near, of 100.
        why: What speaks for it, and what against.
    """

    value: str
    name: str
    code: str
    score: int
    why: str


def suggest(
    asked: Asked, ct: str = DEFAULT_CT, *, most: int = MOST, without: Collection[Name] = ()
) -> list[Suggestion]:
    """Return the terms of the variable's codelists that a code or text may mean, best first.

    Args:
        asked: What is known of it.
        ct: Version of the terminology.
        most: How many at most.
        without: Names that are not looked at; for measuring.

    Example:
        >>> [found.value for found in suggest(Asked("LB", "LBTESTCD", ("Hgb",), units="g/dL"))][:1]
        ['HGB']
        >>> suggest(Asked("LB", "LBREFID", ("anything",)))
        []
    """
    test = is_test(asked.variable)
    best: dict[tuple[str, str], tuple[float, Name, str]] = {}
    for name, score, why in _found(asked, ct, without):
        key = (name.place, name.value)
        if key not in best or best[key][0] < score:
            best[key] = (score, name, why)
    seen = seen_of(asked.texts, asked.units, asked.specimens, asked.values) if test else None
    ranked = [
        _weighed(asked, _titled(asked, name, ct), score, why, seen) for score, name, why in best.values()
    ]
    ranked.sort(key=lambda found: (-found[0], found[1].value))
    good = [found for _, found in ranked if found.score >= LOWEST][:most]
    return [*good, *_rest(asked, ct, good)]


def _titled(asked: Asked, name: Name, ct: str) -> Name:
    """Return the name by which a term is best known, of a test its decode."""
    if not is_test(asked.variable):
        return name
    return name._replace(name=name_of_test(f"{name.place}TESTCD", name.value, ct) or name.name)


def _rest(asked: Asked, ct: str, good: Sequence[Suggestion]) -> list[Suggestion]:
    """Return what else a codelist has that is so short that a person may look at all of it."""
    terms: dict[str, Name] = {}
    for one in names_of(asked.domain, asked.variable, ct).all:
        if terms.setdefault(one.value, one).name == one.value:
            terms[one.value] = one  # the first name that says more than the value
    if len(terms) > MOST:
        return []
    why = f"one of the {len(terms)} terms of the list"
    chosen = {one.value for one in good}
    others = (one for value, one in terms.items() if value not in chosen)
    return [Suggestion(one.value, one.name, one.code, 0, why) for one in others]


def _weighed(asked: Asked, name: Name, score: float, why: str, seen: Seen | None) -> tuple[float, Suggestion]:
    said = [why]
    if seen is not None:
        change, more = weighed(name.value, seen)
        score += change
        said += more
        if asked.domain and name.place != asked.domain:
            score *= _FOREIGN
    plainly = not is_test(asked.variable) or name.place == asked.domain
    value = name.value if plainly else f"{name.place}.{name.value}"
    shown = max(0, min(100, round(score)))
    return score, Suggestion(value, name.name, name.code, shown, "; ".join(said))


def _found(asked: Asked, ct: str, without: Collection[Name]) -> Iterator[tuple[Name, float, str]]:
    names = names_of(asked.domain, asked.variable, ct)
    texts = [text for text in dict.fromkeys(asked.texts) if _LETTER.search(text)]
    tried_texts = _tried(texts, test=is_test(asked.variable))
    if is_test(asked.variable) and "%" in asked.units:
        tried_texts |= {f"{text}/{whole}": 0.95 for text in texts for whole in _WHOLES}
    for tried, weight in tried_texts.items():
        for name, full in names.near(tried, without):
            score = full * weight * _kind(tried, name.name)
            score += _SAME_LETTERS * (tried.casefold() == name.name.casefold())
            if score >= LOWEST / 2:
                yield name, score, f"{tried!r} is like {name.name!r}"
    if asked.variable.endswith("U"):
        yield from _same_measure(texts, asked, ct)
    if asked.system == LOINC:
        for one in suggest_from_parts(texts[0], ct) if texts else ():
            yield Name(one.domain, one.testcd, one.testcd, ""), float(one.score), f"LOINC parts: {one.why}"


def _kind(text: str, name: str) -> float:
    """Return how far two names agree to be a ratio, or none."""
    ratio = "/" in text or "ratio" in text.casefold()
    return 1.0 if ratio == ("/" in name or "ratio" in name.casefold()) else 0.9


_BESIDE = (
    "serum|plasma|whole blood|blood|urine|urinary|ur|csf|stool|fa?ecal|saliva|capillary|venous|arterial"
    "|calc(?:ulated)?|auto(?:mated)?|manual|dipstick|abs(?:olute)?|quant(?:itative)?"
    "|conc(?:entration)?|result|value|level"
)
"""What a name says besides the test: specimen, method, kind of result."""

_JUNK: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        (r"\[[^\]]*\]|\([^)]*\)", " "),
        (r"\bx?\s*10\s*[\^*e]?\s*\d+\s*(?:/\s*\w+)?", " "),
        (r"(?:^|\s)[munpk]?(?:g|mol|iu|u|eq)/[dmuµ]?l\b", " "),
        (r"^(?:f?(?:s|p|b|u|se|pl|csf|ser|du)|f?n?s)-(?=[a-z])", ""),
        (rf"\b(?:{_BESIDE})\b\.?", " "),
    )
)


def _tried(texts: Iterable[str], *, test: bool) -> dict[str, float]:
    """Return what is compared -> its weight: the text, and what is left without units, specimen and tail."""
    found: dict[str, float] = {}
    for text in texts:
        found.setdefault(text, 1.0)
        if test:
            bare = text
            for pattern, put in _JUNK:
                bare = pattern.sub(put, bare)
            found.setdefault(" ".join(bare.split()).strip(" ,;:-"), 0.97)
        found.setdefault(_TAIL.sub("", text), 0.87)
    return {text: weight for text, weight in found.items() if plain(text)}


def _same_measure(texts: Sequence[str], asked: Asked, ct: str) -> Iterator[tuple[Name, float, str]]:
    """Return the units that are the same magnitude of the same property."""
    for text in texts:
        written = unit_of(text)
        for name in _spelled(asked.domain, asked.variable, ct).get(written.casefold(), ()):
            yield name, 99.0, f"{text!r} is {written!r}"
        for measure in dict.fromkeys((parse(written), parse(written, "ucum"))):
            for name in _measures(asked.domain, asked.variable, ct).get(measure, ()) if measure else ():
                yield name, 98.0, f"{text!r} is the same magnitude"


@cache
def _spelled(domain: str, variable: str, ct: str) -> Mapping[str, tuple[Name, ...]]:
    found: dict[str, tuple[Name, ...]] = {}
    for name in names_of(domain, variable, ct).all:
        if name.name == name.value:
            found[name.value.casefold()] = (*found.get(name.value.casefold(), ()), name)
    return found


@cache
def _measures(domain: str, variable: str, ct: str) -> Mapping[Measure, tuple[Name, ...]]:
    found: dict[Measure, tuple[Name, ...]] = {}
    for name in names_of(domain, variable, ct).all:
        measure = parse(name.value) if name.name == name.value else None
        if measure is not None and measure.dimensions:
            found[measure] = (*found.get(measure, ()), name)
    return found


@cache
def names_of(domain: str, variable: str, ct: str = DEFAULT_CT) -> Names:
    """Return every name of every term that may be the value of a variable.

    Example:
        >>> [one.name for one in names_of("VS", "VSTESTCD").all if one.value == "BMI"][:2]
        ['BMI', 'Body Mass Index']
    """
    found = [name for place, code in _codelists(domain, variable, ct) for name in _terms(place, code, ct)]
    return Names(tuple(dict.fromkeys([*found, *_words(domain, variable, found, ct)])))


def _codelists(domain: str, variable: str, ct: str) -> list[tuple[str, str]]:
    """Return domain and codelist of what may be meant; all tests' where not even the domain is known."""
    if not is_test(variable):
        return [(domain, code) for code in _of_variable(domain, variable)]
    domains = NEIGHBOURS.get(domain, (domain,)) if domain else _of_findings(ct)
    return [(place, code) for place in domains for code in _of_variable(place, f"{place}TESTCD")]


def _of_variable(domain: str, variable: str) -> tuple[str, ...]:
    return next((facts.codelists for facts in domain_variables(domain) if facts.name == variable), ())


def _of_findings(ct: str) -> tuple[str, ...]:
    """Return the domains whose tests have a codelist, the common ones first; not those that ask questions."""
    others = [
        domain
        for domain in ig_datasets()
        if domain not in {"FA", "SR", "RS", "TR", "TU", "SC", "SS", "PP", "DA", "DD", *_LABORATORY}
        and any(_known(code, ct) for code in _of_variable(domain, f"{domain}TESTCD"))
    ]
    return (*_LABORATORY, *others)


def _known(code: str, ct: str) -> bool:
    return any(facts.code == code for facts in codelists(ct))


def _terms(place: str, code: str, ct: str) -> Iterator[Name]:
    """Return every name of every term of a codelist; of tests their decodes, too."""
    try:
        facts = codelist(code, ct)
    except TermError:
        return
    other = next((found.paired for found in codelists(ct) if found.code == code), "")
    pairs = codelist(other, ct) if other else None
    for term in facts.terms:
        pair = pairs.by_code(term.code) if pairs else None
        decode = (pair.submission_value,) if pair else ()
        said = (term.submission_value, *decode, *term.synonyms, term.preferred_term)
        for name in dict.fromkeys(filter(None, said)):
            yield Name(place, term.submission_value, name, term.code)


def _words(domain: str, variable: str, known: Sequence[Name], ct: str) -> Iterator[Name]:
    """Return the names that our own tables have for terms of the codelists."""
    codes = {(one.place, one.value): one.code for one in known}
    if is_test(variable):
        rows = (
            (row["domain"], row["testcd"], row["text"]) for row in crosswalks.crosswalk("test_names").rows
        )
    else:
        rows = ((domain, row.get("target", ""), row.get("text", "")) for row in _rows(domain, variable, ct))
    for place, value, texts in rows:
        if (place, value) in codes:
            for text in filter(None, texts.split("|")):
                yield Name(place, value, text, codes[place, value])


def _rows(domain: str, variable: str, ct: str) -> Iterator[Mapping[str, str]]:
    """Return the rows of the crosswalks that lead to the codelists of a variable."""
    lists = _of_variable(domain, variable)
    for table, value in CODELISTS.items():
        if any(_known(code, ct) and codelist(code, ct).submission_value == value for code in lists):
            yield from crosswalks.crosswalk(table).rows
