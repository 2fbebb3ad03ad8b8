"""Small packages for rules: rows as mappings, identifiers filled in where a case does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from lxml import etree

from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables
from trialbridge.validation.frame import Part, SourceFile
from trialbridge.validation.package import DefineFile, Package, Standards, frames_of

WITHOUT_SUBJECT = {"TA", "TE", "TV", "TI", "TS", "TD", "TM", "TX", "OI", "DI", "TT", "TP"}
MODEL_NUMBERS = {
    *("SEQ", "DOSE", "DOSTOT", "VAMT", "STRESN", "STNRLO", "STNRHI", "STREFN", "DY", "STDY", "ENDY"),
    *("TPTNUM", "REPNUM", "LLOQ", "ULOQ"),
}


def package(case: Mapping[str, Any]) -> Package:
    """Return the package of a case: rows by dataset, and what else is said of variables and files."""
    parts = [part(name, rows, case) for name, rows in case["datasets"].items()]
    define = None
    if case.get("define"):
        define = DefineFile(Path("define.xml"), "2.1", etree.fromstring(case["define"]))
    return Package(frames_of(parts), define=define, standards=Standards("3.4", "2026-03-27"))


def part(name: str, rows: Sequence[Mapping[str, Any]], case: Mapping[str, Any]) -> Part:
    complete = [{**identifiers(name, number), **row} for number, row in enumerate(rows, 1)]
    names = list(dict.fromkeys(key for row in complete for key in row)) or ["STUDYID"]
    kept = [one for one in names if one not in case.get("absent", {}).get(name, [])]
    facts = {one.name: one for one in ig_variables(known(name))} if known(name) in ig_datasets() else {}
    variables, columns = [], {}
    for one in kept:
        numeric = case.get("types", {}).get(one, number_or_text(name, one, facts)) == "Num"
        values = [row.get(one) for row in complete]
        numeric = numeric and all(isinstance(value, int | float | None) for value in values)
        label = case.get("labels", {}).get(one, facts[one].label if one in facts else "")
        variables.append(Variable(one, label, "Num" if numeric else "Char"))
        columns[one] = column(values, numeric=numeric)
    label = ig_datasets()[name].label if name in ig_datasets() else ""
    file = SourceFile(Path(f"{name.lower()}.xpt"), "example", case.get("size", 0))
    return Part(Dataset(name, label, tuple(variables), pa.table(columns)), file)


def known(name: str) -> str:
    return "SUPPQUAL" if name.startswith("SUPP") else name if len(name) == 2 else name[:2]


def number_or_text(dataset: str, name: str, facts: Mapping[str, Any]) -> str:
    if name in facts:
        return str(facts[name].type)
    stem = name[2:] if name.startswith(dataset[-2:] if dataset.startswith("AP") else dataset[:2]) else name
    return "Num" if stem in MODEL_NUMBERS else "Char"


def column(values: Sequence[Any], *, numeric: bool) -> pa.Array:
    if numeric:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value in {None, ""} else str(value) for value in values], pa.string())


def identifiers(name: str, number: int) -> dict[str, Any]:
    if name.startswith("SUPP"):
        return {"STUDYID": "S", "RDOMAIN": name[4:6], "USUBJID": "S-1"}
    if name == "RELREC":
        return {"STUDYID": "S"}
    found: dict[str, Any] = {"STUDYID": "S", "DOMAIN": name[:4] if name.startswith("AP") else name[:2]}
    if name not in WITHOUT_SUBJECT:
        found["USUBJID"] = "S-1"
    if name not in WITHOUT_SUBJECT | {"DM", "SV", "RELSUB", "SJ"}:
        found[f"{name[2:4] if name.startswith('AP') else name[:2]}SEQ"] = number
    return found
