"""Checks of values against controlled terminology: closed and extensible lists, pairs of code and decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from trialbridge.crosswalks.tables import crosswalk
from trialbridge.errors import TermError
from trialbridge.standards import Codelist, codelist, governing, ig_variables, name_of_test, sdtm_release
from trialbridge.timing import as_mask
from trialbridge.validation.checking import Check, NotChecked
from trialbridge.validation.conditions import holds, variables_of
from trialbridge.validation.frame import Frame, Mask
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import DefineFile, Package
from trialbridge.validation.rule import Rule

_RESULTS = ("ORRES", "STRESC", "QVAL", "TSVAL")
"""A result is governed by a codelist only where it is coded: numbers and words are legal."""

_BY_CONDITION = {"DSDECOD"}
_ASKED_FOR = {("DM", "RACE"): "MULTIPLE"}
"""No term of the codelist; the conformance rules of CDISC ask for it."""


def release_of(package: Package) -> str:
    """Return the release of controlled terminology that holds.

    Raises:
        NotChecked: Nothing names one, or there is none of that date.
    """
    if not package.standards.ct:
        raise NotChecked("needs a release of controlled terminology: neither define.xml nor --ct names one")
    try:
        return sdtm_release(package.standards.ct)
    except TermError as error:
        raise NotChecked(f"needs SDTM terminology {package.standards.ct}: {error}") from error


def lists_of(package: Package, frame: Frame, name: str, release: str) -> list[Codelist]:
    """Return the codelists that govern a variable of a domain, as far as the release has them."""
    return [found for code in _codes(package, frame, name, release) if (found := _known(code, release))]


def _codes(package: Package, frame: Frame, name: str, release: str) -> Sequence[str]:
    version = package.standards.ig if package.standards.ig in {"3.3", "3.4"} else "3.4"
    try:
        facts = next((one for one in ig_variables(frame.name, version) if one.name == name), None)
    except LookupError:
        facts = None
    return facts.codelists if facts is not None else governing(name, release)


def _known(code: str, release: str) -> Codelist | None:
    try:
        return codelist(code, release)
    except TermError:
        return None


def _terms(kind: str) -> Callable[[Package, Rule, Frame], Sequence[Hits]]:
    """Return the check for values of one kind: beyond a closed list, added, spelt or named otherwise."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        del rule
        release = release_of(package)
        hits: list[Hits] = []
        for name in frame.variables:
            if name[2:] in _RESULTS or name in _RESULTS or name in _BY_CONDITION:
                continue
            lists = lists_of(package, frame, name, release)
            if lists:
                hits += _hits(package, frame, name, lists, kind)
        return hits

    return run


def _hits(package: Package, frame: Frame, name: str, lists: Sequence[Codelist], kind: str) -> Iterator[Hits]:
    values = pc.unique(frame.text(name)).drop_null().to_pylist()
    said = extended(package.define, name)
    for value in values:
        if (
            value not in said
            and value != _ASKED_FOR.get((frame.name, name))
            and kind_of(value, lists) == kind
        ):
            names = " and ".join(f"{one.name} ({one.code})" for one in lists)
            yield from hits_of(
                frame, _equal(frame, name, value), [name], _message(value, lists, names), (name,)
            )


def _message(value: str, lists: Sequence[Codelist], names: str) -> str:
    meant = next((term.submission_value for one in lists if (term := one.find(value))), "")
    hint = f"; its term is {meant!r}" if meant else ""
    return f"{value!r} is no term of {names}{hint}"


def _equal(frame: Frame, name: str, value: str) -> Mask:
    return as_mask(pc.equal(frame.text(name), value))


def kind_of(value: str, lists: Sequence[Codelist]) -> str:
    """Return how a value stands to its codelists: term, closed, case, synonym or extended.

    Example:
        >>> kind_of("F", [codelist("SEX")]), kind_of("Female", [codelist("SEX")])
        ('term', 'closed')
        >>> kind_of("Beats/min", [codelist("UNIT")]), kind_of("bananas", [codelist("UNIT")])
        ('case', 'extended')
    """
    if any(value in one for one in lists):
        return "term"
    if not any(one.extensible for one in lists):
        return "closed"
    meant = [term.submission_value for one in lists if (term := one.find(value))]
    if any(one.casefold() == value.casefold() for one in meant):
        return "case"
    return "synonym" if meant else "extended"


def extended(define: DefineFile | None, name: str) -> frozenset[str]:
    """Return the values that define.xml marks as added by the sponsor, in any codelist of a variable."""
    if define is None or define.root is None:
        return frozenset()
    root, found = define.root, set()
    space = root.nsmap.get("def", "")
    wanted = {
        one.get("CodeListOID")
        for item in root.iterfind(".//{*}ItemDef")
        if item.get("Name") == name
        for one in item.iterfind("{*}CodeListRef")
    }
    for one in root.iterfind(".//{*}CodeList"):
        if one.get("OID") in wanted:
            found |= _extended_in(one, space)
    return frozenset(found)


def _extended_in(one: etree._Element, space: str) -> set[str]:
    return {item.get("CodedValue", "") for item in one if item.get(f"{{{space}}}ExtendedValue") == "Yes"}


def _pairs(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose decode is not that of their code in the terminology."""
    del rule
    release = release_of(package)
    hits: list[Hits] = []
    for code, decode in (("--TESTCD", "--TEST"), ("--PARMCD", "--PARM")):
        if frame.has(code) and frame.has(decode):
            for value in pc.unique(frame.text(code)).drop_null().to_pylist():
                wanted = name_of_test(frame.resolve(code), value, release)
                if wanted:
                    wrong = _equal(frame, code, value) & frame.filled(decode) & ~_equal(frame, decode, wanted)
                    message = f"{value} means {wanted!r} in {release}"
                    hits += hits_of(frame, wrong, [code, decode], message, (code, decode))
    return hits


def _by_condition(*, closed: bool) -> Callable[[Package, Rule, Frame], Sequence[Hits]]:
    """Return the check of values whose codelist depends on another value of the row."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        release = release_of(package)
        hits: list[Hits] = []
        for one in rule.asked["lists"]:
            known = _known(one["codelist"], release)
            if known and known.extensible is not closed and frame.has(one["variable"]):
                hits += _conditional(package, frame, one, known)
        return hits

    return run


def _conditional(
    package: Package, frame: Frame, one: Mapping[str, object], known: Codelist
) -> Iterator[Hits]:
    name, when = str(one["variable"]), one["when"]
    assert isinstance(when, list)  # noqa: S101 -- the schema says so
    if not all(frame.has(other) for other in variables_of(when)):
        return
    among = holds(package, frame, when) & frame.filled(name)
    said = extended(package.define, name)
    for value in pc.unique(frame.text(name).filter(pa.array(among))).to_pylist():
        if value not in known and value not in said:
            message = _message(value, [known], f"{known.name} ({known.code})")
            mask = among & _equal(frame, name, value)
            yield from hits_of(frame, mask, [*variables_of(when), name], message, (*variables_of(when), name))


def _country(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose country has no code of ISO 3166-1 alpha-3."""
    known = {row["target"] for row in crosswalk("country").rows}
    name = rule.asked["variable"]
    among = holds(package, frame, rule.asked.get("where", ()))
    return hits_of(frame, among & frame.where(name, lambda value: value not in known), [name], cause=(name,))


TERM_CHECKS: Mapping[str, Check] = {
    "terms closed": Check(_terms("closed")),
    "terms extended": Check(_terms("extended")),
    "terms in other case": Check(_terms("case")),
    "terms by another name": Check(_terms("synonym")),
    "code and decode": Check(_pairs),
    "terms by condition, closed": Check(_by_condition(closed=True)),
    "terms by condition, extensible": Check(_by_condition(closed=False)),
    "country": Check(_country),
}
"""Name of a check -> what runs it."""
