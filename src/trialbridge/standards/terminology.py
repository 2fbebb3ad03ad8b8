"""CDISC controlled terminology: its codelists, their terms, and which list decodes which.

A codelist is unpacked when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from trialbridge.errors import TermError
from trialbridge.standards.guide import ig_datasets, ig_variables
from trialbridge.standards.stores import DEFAULT_CT, CodelistFacts, Entry, Store, store_of

# Domains that have one codelist per instrument: what the names of those codelists end in.
_INSTRUMENTS = {
    "FTTESTCD": "Functional Test Test Code",
    "FTTEST": "Functional Test Test Name",
    "QSTESTCD": "Questionnaire Test Code",
    "QSTEST": "Questionnaire Test Name",
    "RSTESTCD": "Clinical Classification Test Code",
    "RSTEST": "Clinical Classification Test Name",
}


class Term(NamedTuple):
    """One term of a codelist.

    Attributes:
        code: NCI code.
        submission_value: The value that is submitted.
        synonyms: CDISC synonyms.
        preferred_term: NCI preferred term.
    """

    code: str
    submission_value: str
    synonyms: tuple[str, ...]
    preferred_term: str


@dataclass(frozen=True, eq=False)
class Codelist:
    """One codelist of one version, with its terms in the order of their submission values.

    Example:
        >>> sex = codelist("SEX")
        >>> "F" in sex, "Female" in sex
        (True, False)
        >>> sex.find("female").submission_value
        'F'
    """

    code: str
    name: str
    submission_value: str
    extensible: bool
    terms: tuple[Term, ...]

    def __contains__(self, submission_value: object) -> bool:
        return submission_value in self._by_value

    def term(self, submission_value: str) -> Term | None:
        """Return the term with exactly this submission value."""
        return self._by_value.get(submission_value)

    def by_code(self, code: str) -> Term | None:
        """Return the term with this NCI code."""
        return self._by_code.get(code)

    def find(self, text: str) -> Term | None:
        """Return the one term that `text` names; none when no term does, or more than one.

        A submission value goes before its spelling in other case, and that before the other names.
        """
        exact = self.term(text)
        if exact is not None:
            return exact
        folded = text.strip().casefold()
        found = self._by_folded_value.get(folded) or self._by_other_name.get(folded) or set()
        return next(iter(found)) if len(found) == 1 else None

    @cached_property
    def _by_value(self) -> Mapping[str, Term]:
        return {term.submission_value: term for term in self.terms}

    @cached_property
    def _by_code(self) -> Mapping[str, Term]:
        return {term.code: term for term in self.terms}

    @cached_property
    def _by_folded_value(self) -> Mapping[str, set[Term]]:
        return _gather((term.submission_value, term) for term in self.terms)

    @cached_property
    def _by_other_name(self) -> Mapping[str, set[Term]]:
        return _gather((name, term) for term in self.terms for name in (*term.synonyms, term.preferred_term))


def codelist(code_or_submission_value: str, ct: str = DEFAULT_CT) -> Codelist:
    """Return a codelist by its NCI code or its submission value.

    Args:
        code_or_submission_value: Such as ``C66731`` or ``SEX``.
        ct: The name of a release, or what `release` returned for it.

    Raises:
        TermError: There is no such codelist, or no such version.

    Example:
        >>> codelist("C66731").submission_value
        'SEX'
        >>> codelist("UNIT").extensible
        True
    """
    store = store_of(ct)
    return _codelist(store, _entry(store, code_or_submission_value).facts.code)


def codelists(ct: str = DEFAULT_CT) -> tuple[CodelistFacts, ...]:
    """Return what is known of every codelist, without its terms.

    Raises:
        TermError: There is no such version.

    Example:
        >>> [facts.name for facts in codelists() if facts.submission_value == "LBTESTCD"]
        ['Laboratory Test Code']
    """
    return store_of(ct).facts


def paired(codelist_code: str, ct: str = DEFAULT_CT) -> str | None:
    """Return the code of the codelist that holds the same concepts as names for codes, or as codes for names.

    Raises:
        TermError: There is no such codelist, or no such version.

    Example:
        >>> paired("C65047"), paired("C67154"), paired("C66731")
        ('C67154', 'C65047', None)
    """
    return _entry(store_of(ct), codelist_code).facts.paired or None


def name_of_test(variable: str, submission_value: str, ct: str = DEFAULT_CT) -> str | None:
    """Return the decode of a test code: the term of the paired codelist that has the same NCI code.

    Args:
        variable: The variable with the code, such as ``LBTESTCD`` or ``TSPARMCD``.
        submission_value: Its value.
        ct: Version of the terminology.

    Returns:
        None where no codelist of the variable has the value, or where two instruments decode it differently.

    Example:
        >>> name_of_test("LBTESTCD", "GLUC")
        'Glucose'
        >>> name_of_test("QSTESTCD", "EQ5D0201")
        'EQ5D02-Mobility'
    """
    found = {
        name for code in _governing(variable, store_of(ct)) if (name := _decode(code, submission_value, ct))
    }
    return found.pop() if len(found) == 1 else None


def code_of_test(variable: str, code: str, ct: str = DEFAULT_CT) -> str | None:
    """Return the test code that an NCI code stands for, in any codelist of a variable.

    Args:
        variable: The variable with the test code, such as ``QSTESTCD``.
        code: The NCI code of the test.
        ct: Version of the terminology.

    Returns:
        None where no codelist of the variable has the code, or where two have it with different values.

    Example:
        >>> code_of_test("LBTESTCD", "C105585")
        'GLUC'
    """
    found = {
        term.submission_value
        for name in _governing(variable, store_of(ct))
        if (term := codelist(name, ct).by_code(code))
    }
    return found.pop() if len(found) == 1 else None


def governing(variable: str, ct: str = DEFAULT_CT) -> tuple[str, ...]:
    """Return the NCI codes of the codelists that govern a variable: those of SDTMIG, and one per instrument.

    Raises:
        ReleaseError: There is no such release.

    Example:
        >>> governing("LBTESTCD"), len(governing("QSTESTCD")) > 100, governing("AETERM")
        (('C65047',), True, ())
    """
    return _governing(variable, store_of(ct))


def _entry(store: Store, code_or_submission_value: str) -> Entry:
    found = store.entries.get(code_or_submission_value)
    if found is None:
        raise TermError(code_or_submission_value, "", store.name)
    return found


@cache
def _codelist(store: Store, code: str) -> Codelist:
    facts = store.entries[code].facts
    return Codelist(*facts[:4], tuple(_term(*cells) for cells in store.lines(code)))


def _term(_: str, code: str, submission_value: str, synonyms: str, preferred_term: str) -> Term:
    return Term(code, submission_value, tuple(synonyms.split("; ")) if synonyms else (), preferred_term)


def _gather(pairs: Iterator[tuple[str, Term]]) -> Mapping[str, set[Term]]:
    found: dict[str, set[Term]] = {}
    for text, term in pairs:
        found.setdefault(text.casefold(), set()).add(term)
    return found


@cache
def _governed() -> Mapping[str, tuple[str, ...]]:
    return {variable.name: variable.codelists for name in ig_datasets() for variable in ig_variables(name)}


@cache
def _governing(variable: str, store: Store) -> tuple[str, ...]:
    of_guide = (code for code in _governed().get(variable, ()) if code in store.entries)
    ending = _INSTRUMENTS.get(variable)
    of_instruments = (facts.code for facts in store.facts if ending and facts.name.endswith(ending))
    return (*of_guide, *of_instruments)


def _decode(code: str, submission_value: str, ct: str) -> str | None:
    other = paired(code, ct)
    term = codelist(code, ct).term(submission_value)
    decode = codelist(other, ct).by_code(term.code) if other and term else None
    return decode.submission_value if decode else None
