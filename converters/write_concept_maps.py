"""The shipped crosswalks as FHIR ConceptMaps (R4): one for each table, with the relation of every pair."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from trialbridge.concept_maps import CODELIST_URI, OF_CODELIST, UNITS, VARIABLE_URI
from trialbridge.converters.whole_file import whole_file
from trialbridge.crosswalks.tables import CODELISTS, NCIT, Row, crosswalk
from trialbridge.errors import ConfigurationError
from trialbridge.standards import DEFAULT_CT, codelist, governing

LOINC = "http://loinc.org"
LOINC_NOTICE = (
    "This material contains content from LOINC (https://loinc.org). LOINC is copyright "
    "Regenstrief Institute, Inc. and the LOINC Committee and is available at no cost under the licence at "
    "https://loinc.org/license."
)
UCUM_NOTICE = "UCUM is copyright Regenstrief Institute, Inc. (https://ucum.org/license)."
NOTICES = {"loinc": LOINC_NOTICE, "ucum": UCUM_NOTICE}
_PLAIN = {"system", "code", "text", "target", "preferred", "case", "ct", "codelist"}
_OF_TEST = ("cat", "spec", "method", "pos", "loc", "bdagnt", "resscl", "restyp", "fast", "pdur", "tpt")
_VARIABLES = {"lat": "--LAT", "variable": "--SER", "reason": "--REASND", "cat": "--CAT"}
_OTHER = {"country": "urn:iso:std:iso:3166"}
"""Systems of the targets of tables that have no codelist."""

Pair = tuple[str, str, str, str, Row]
"""Source system, source code, printed name, target, and the row."""


def table_names() -> tuple[str, ...]:
    """Return the names of the crosswalks from codes to terms, in order.

    Example:
        >>> {"loinc", "ucum", "specimen"} <= set(table_names())
        True
    """
    names = sorted(file.name.removesuffix(".tsv") for file in files("trialbridge.crosswalks").iterdir())
    tables = (name for name in names if (files("trialbridge.crosswalks") / f"{name}.tsv").is_file())
    return tuple(name for name in tables if name == "loinc" or {"system", "code", "target"} <= _columns(name))


def _columns(name: str) -> set[str]:
    rows = crosswalk(name).rows
    return set(rows[0]) if rows else set()


def concept_map(name: str) -> dict[str, Any]:
    """Return a crosswalk as a ConceptMap.

    Args:
        name: One of `table_names`.

    Raises:
        ConfigurationError: There is no such table.

    Example:
        >>> concept_map("sex")["targetUri"]
        'urn:trialbridge:codelist:SEX'
    """
    if name not in table_names():
        raise ConfigurationError(name, f"is none of {', '.join(table_names())}")
    pairs = list(_of_loinc() if name == "loinc" else _of_table(name))
    target = UNITS if name == "ucum" else CODELISTS.get(name, "")
    made: dict[str, Any] = {
        "resourceType": "ConceptMap",
        "id": f"trialbridge-{name.replace('_', '-')}",
        "url": f"urn:trialbridge:conceptmap:{name}",
        "version": DEFAULT_CT,
        "name": f"Trialbridge{name.title().replace('_', '')}",
        "status": "active",
        "description": f"Crosswalk {name} of trialbridge, to SDTM controlled terminology {DEFAULT_CT}.",
    }
    if name in NOTICES:
        made["copyright"] = NOTICES[name]
    if target:
        made["targetUri"] = f"{CODELIST_URI}{target}"
    return made | {"group": list(_groups(name, target, pairs))}


def write_concept_maps(names: Iterable[str], folder: Path) -> list[Path]:
    """Return the files, after writing one ConceptMap for each table."""
    made = {name: concept_map(name) for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for content in made.values():
        target = folder / f"ConceptMap-{content['id']}.json"
        with whole_file(target) as file:
            file.write((json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode())
        found.append(target)
    return found


def _of_table(name: str) -> Iterator[Pair]:
    """Yield the pairs of a table; printed words without a code are sources of their own, of no system."""
    for row in crosswalk(name).rows:
        if row["code"] and ".." not in row["code"]:
            yield row["system"], row["code"], "", row["target"], row
        for text in filter(None, row.get("text", "").split("|")):
            yield "", text, "", row["target"], row


def _of_loinc() -> Iterator[Pair]:
    for row in crosswalk("loinc").rows:
        if row["testcd"]:
            yield LOINC, row["loinc"], "", row["testcd"], row


def _groups(name: str, target: str, pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    """Yield a group for each source system and codelist of targets."""
    shared = Counter((system, _list_of(name, target, row), value) for system, _, _, value, row in pairs)
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for system, code, _, value, row in pairs:
        of = _list_of(name, target, row)
        single = shared[system, of, value] == 1
        elements = groups.setdefault((system, of), {})
        elements.setdefault(code, [])
        made = _target(name, of, value, row, single=single)
        if made not in elements[code]:
            elements[code].append(made)
    for (system, of), elements in groups.items():
        known = of and _known(of)
        head: dict[str, Any] = {"source": system} if system else {}
        if known and of != target:
            head["extension"] = [{"url": OF_CODELIST, "valueString": of}]
        there = NCIT if known else _OTHER.get(name, f"{CODELIST_URI}{of or name}")
        yield head | {"target": there, "element": [_element(code, made) for code, made in elements.items()]}


def _element(code: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"code": code, "target": targets}


def _list_of(name: str, target: str, row: Row) -> str:
    if name == "loinc":
        variable = f"{row['domain']}TESTCD"
        lists = (code for code in governing(variable) if row["testcd"] in codelist(code))
        return next((codelist(code).submission_value for code in lists), variable)
    return row.get("codelist", "") or target


def _known(of: str) -> bool:
    try:
        codelist(of)
    except LookupError:
        return False
    return True


def _target(name: str, of: str, value: str, row: Row, *, single: bool) -> dict[str, Any]:
    """Return one target: the NCI code where the value is a term, and how it relates to the source."""
    if not value:
        return {"equivalence": "unmatched"}
    term = codelist(of).term(value) if of and _known(of) else None
    equal = name != "loinc" and (single or row.get("preferred") == "Y")
    made: dict[str, Any] = {"code": term.code if term else value, "display": value}
    made["equivalence"] = "equal" if equal else "wider"
    products = list(_products(name, row))
    return made | ({"product": products} if products else {})


def _products(name: str, row: Row) -> Iterator[dict[str, str]]:
    if name == "loinc":
        said: Mapping[str, str] = {f"{row['domain']}{field.upper()}": row[field] for field in _OF_TEST}
    else:
        said = {_VARIABLES.get(field, field): value for field, value in row.items() if field not in _PLAIN}
    for variable, value in said.items():
        if value:
            yield {"property": f"{VARIABLE_URI}{variable}", "value": value}
