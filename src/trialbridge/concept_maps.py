"""The user's own FHIR ConceptMaps: codes to terms of CDISC, which go before the tables that are shipped.

R4, R4B and R5 are read. A row counts where its target is not narrower than its source: a code is never turned
into a term that says more than it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from trialbridge.crosswalks.tables import CODELISTS, canonical
from trialbridge.errors import ConfigurationError
from trialbridge.findings import Finding, Severity
from trialbridge.standards import Codelist, codelist, codelists, governing

CODELIST_URI = "urn:trialbridge:codelist:"
"""Names a codelist by its submission value, as the target of a ConceptMap."""

OF_CODELIST = "urn:trialbridge:codelist"
"""The extension of a group that names the codelist of its targets, where a map has groups of several."""

VARIABLE_URI = "urn:trialbridge:sdtm:"
"""Names a variable that a target says something of besides, such as ``LBSPEC``."""

UNITS = "UNIT"
TESTS = tuple(f"{name}TESTCD" for name in ["LB", "VS", "EG", "IS", "MB", "CP", "CV", "QS", "RS", "FT"])
"""The variables whose codelists make a code a test; the first that has a codelist counts."""
_USED = (*dict.fromkeys(CODELISTS.values()), UNITS, *TESTS[:7])
_SAME = frozenset({"equal", "equivalent"})
_BROADER = frozenset({"wider", "subsumes", "source-is-narrower-than-target"})
_NONE = frozenset({"unmatched", "disjoint", "not-related-to"})
_TARGETS = ("targetUri", "targetCanonical", "targetScopeUri", "targetScopeCanonical")
_C_CODE = re.compile(r"\bC\d{4,}\b")


class Link(NamedTuple):
    """One row of a ConceptMap.

    Attributes:
        codelist: NCI code of the codelist of the target.
        system: Code system of the source.
        code: Code of the source.
        value: Submission value of the target; empty where the map says that there is none.
        relation: As the map says it, such as ``equivalent`` or ``source-is-narrower-than-target``.
        source: Name of the file.
        besides: What the target says of other variables: the variable without its prefix, and the value.
        variable: The variable of a test, such as ``LBTESTCD``; empty where the codelist is of no tests.
    """

    codelist: str
    system: str
    code: str
    value: str
    relation: str
    source: str
    besides: tuple[tuple[str, str], ...] = ()
    variable: str = ""


@dataclass(frozen=True)
class ConceptMaps:
    """All rows of the user's ConceptMaps.

    Attributes:
        links: The rows that count.
        passed: What is said of rows that do not.
        files: Name and SHA-256 of each file.
    """

    links: tuple[Link, ...] = ()
    passed: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    def find(self, of: str, system: str, code: str) -> Link | None:
        """Return the row for a code, and note that it was used; None where there is none.

        Args:
            of: NCI code or submission value of the codelist.
            system: Code system of the code.
            code: The code.

        Example:
            >>> ConceptMaps().find("SPECTYPE", "http://snomed.info/sct", "119364003") is None
            True
        """
        found = self._rows.get((of, canonical(system), code)) if self.links else None
        if found is not None:
            self._uses[found] = self._uses.get(found, 0) + 1
        return found

    def test(self, system: str, code: str) -> Link | None:
        """Return the row that makes a code a test, and note that it was used; None where there is none."""
        found = self._tests.get((canonical(system), code)) if self.links else None
        return self.find(found.codelist, system, code) if found else None

    def findings(self) -> list[Finding]:
        """Return a notice for each row used since this was last asked, and for each that was passed over."""
        found = [
            Finding(Severity.NOTICE, "concept-map-used", _sentence(link), source=link.source, value=link.code)
            for link in sorted(self._uses)
        ]
        self._uses.clear()
        return found + [Finding(Severity.NOTICE, "concept-map-passed-over", text) for text in self.passed]

    @cached_property
    def _uses(self) -> dict[Link, int]:
        return {}

    @cached_property
    def _tests(self) -> Mapping[tuple[str, str], Link]:
        links = (link for link in reversed(self.links) if link.variable and link.value)
        return {(canonical(link.system), link.code): link for link in links}

    @cached_property
    def _rows(self) -> Mapping[tuple[str, str, str], Link]:
        found: dict[tuple[str, str, str], Link] = {}
        for link in self.links:
            found.setdefault((link.codelist, canonical(link.system), link.code), link)
        names = {facts.code: facts.submission_value for facts in codelists()}
        named = {(names.get(of, of), system, code): link for (of, system, code), link in found.items()}
        return found | named


@cache
def _variable(of: str, ct: str) -> str:
    """Return the variable of tests that a codelist governs; empty where it governs none."""
    return next((name for name in TESTS if of in governing(name, ct)), "")


def _sentence(link: Link) -> str:
    of = f" of {link.system}" if link.system else ""
    value = link.value or "nothing"
    return f"{link.code!r}{of} is {value} by {link.source} ({link.relation}), not by the shipped table"


def read_concept_maps(paths: Sequence[Path], ct: str) -> ConceptMaps:
    """Return the rows of ConceptMap files, those of earlier files first.

    Args:
        paths: JSON files: one ConceptMap each, or a Bundle of them.
        ct: The release whose terms are meant.

    Raises:
        ConfigurationError: A file cannot be read, is no ConceptMap, or has targets of no codelist.
    """
    links: list[Link] = []
    passed: list[str] = []
    files: list[tuple[str, str]] = []
    for path in paths:
        try:
            data = path.read_bytes()
            found = json.loads(data)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigurationError(str(path), f"cannot be read as a ConceptMap: {error}") from error
        files.append((path.name, hashlib.sha256(data).hexdigest()))
        for one in _maps(path, found):
            for group in one.get("group", ()):
                made = _group(path.name, one, group, ct)
                links += (
                    item._replace(variable=_variable(item.codelist, ct))
                    for item in made
                    if isinstance(item, Link)
                )
                passed += (item for item in made if isinstance(item, str))
    return ConceptMaps(tuple(links), tuple(passed), tuple(files))


def _maps(path: Path, found: Any) -> Iterator[dict[str, Any]]:
    entries = [found]
    if isinstance(found, dict) and found.get("resourceType") == "Bundle":
        entries = [entry.get("resource", {}) for entry in found.get("entry", ())]
    for one in entries:
        if not isinstance(one, dict) or one.get("resourceType") != "ConceptMap":
            raise ConfigurationError(str(path), "is no FHIR ConceptMap")
        yield one


def _group(source: str, one: Mapping[str, Any], group: Mapping[str, Any], ct: str) -> list[Link | str]:
    known = _codelist(source, one, group, ct)
    system = group.get("source", "").partition("|")[0]
    found: list[Link | str] = []
    for element in group.get("element", ()):
        code = element.get("code", "")
        if element.get("noMap"):
            found.append(Link(known.code, system, code, "", "noMap", source))
            continue
        usable = [target for target in element.get("target", ()) if _relation(target) in _SAME | _BROADER]
        usable = [target for target in usable if not target.get("dependsOn")]
        none = [target for target in element.get("target", ()) if _relation(target) in _NONE]
        if len(usable) == 1:
            found.append(_link(source, known, system, code, usable[0]))
        elif none and not usable:
            found.append(Link(known.code, system, code, "", _relation(none[0]), source))
        else:
            found.append(f"{source}: {code!r} has {len(usable)} targets that are not narrower than it")
    return found


def _relation(target: Mapping[str, Any]) -> str:
    """Return the relation, in the words of R4 or R5."""
    return str(target.get("relationship") or target.get("equivalence") or "")


def _link(source: str, known: Codelist, system: str, code: str, target: Mapping[str, Any]) -> Link:
    value = _value(known, target.get("code", ""))
    if value is None:
        message = f"the target {target.get('code')!r} of {code!r} is no term of {known.submission_value}"
        raise ConfigurationError(source, message)
    besides = tuple(_product(product) for product in target.get("product", ()))
    return Link(known.code, system, code, value, _relation(target), source, besides)


def _product(product: Mapping[str, Any]) -> tuple[str, str]:
    """Return a variable without its prefix, in lower case, and its value."""
    name = str(product.get("property") or product.get("attribute") or "")
    name = name.rpartition(":")[2].rpartition("/")[2]
    coding = product.get("valueCoding", {})
    value = (
        product.get("value") or product.get("valueString") or product.get("valueCode") or coding.get("code")
    )
    return name[2:].lower(), str(value or "")


def _value(known: Codelist, code: str) -> str | None:
    term = known.by_code(code) or known.term(code)
    if term is not None:
        return term.submission_value
    return code if known.extensible and code and not _C_CODE.fullmatch(code) else None


def _codelist(source: str, one: Mapping[str, Any], group: Mapping[str, Any], ct: str) -> Codelist:
    """Return the codelist that a group is to: the named one, else the one that has all its targets."""
    named = [item["valueString"] for item in group.get("extension", ()) if item.get("url") == OF_CODELIST]
    places = named + [str(one[name]) for name in _TARGETS if one.get(name)] + [str(group.get("target", ""))]
    by_name = {name: facts.code for facts in codelists(ct) for name in (facts.code, facts.submission_value)}
    for place in places:
        words = (*_C_CODE.findall(place), re.split(r"[:/=|]", place.partition("|")[0])[-1])
        for word in words:
            if word in by_name:
                return codelist(word, ct)
    codes = {
        target.get("code", "") for element in group.get("element", ()) for target in element.get("target", ())
    }
    fitting = [name for name in _USED if _has_all(codelist(name, ct), codes)]
    if len(fitting) != 1:
        many = f"fit {', '.join(fitting)}" if fitting else "are of no codelist that is used here"
        raise ConfigurationError(source, f"its targets {many}: name one, as targetUri {CODELIST_URI}SPECTYPE")
    return codelist(fitting[0], ct)


def _has_all(known: Codelist, codes: set[str]) -> bool:
    return bool(codes) and all(known.by_code(code) or known.term(code) for code in codes)
