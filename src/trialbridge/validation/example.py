"""Small packages from rows that stand in a rule's own examples: identifiers that matter not are filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from lxml import etree

from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables
from trialbridge.validation.frame import Frame, Part, SourceFile
from trialbridge.validation.package import DefineFile, Package, Standards, frames_of

ExampleRows = Sequence[Mapping[str, Any]]

_WITHOUT_SUBJECT = {"TA", "TE", "TV", "TI", "TS", "TD", "TM", "OI", "DI"}
_WITHOUT_SEQUENCE = _WITHOUT_SUBJECT | {"DM", "SV", "RELREC"}


def frame_of(name: str, rows: ExampleRows) -> Frame:
    """Return the rows of one dataset, as they are, as a domain.

    Example:
        >>> frame_of("VS", [{"VSSTRESN": 1}]).number("--STRESN").tolist()
        [1.0]
    """
    return Frame(name, [_part(name, rows)])


def package_of(datasets: Mapping[str, ExampleRows], ig: str = "3.4", ct: str = "2026-03-27") -> Package:
    """Return a package with these datasets; STUDYID, DOMAIN, USUBJID and --SEQ are filled in where absent.

    Example:
        >>> package_of({"AE": [{"AETERM": "Rash"}]}).frames["AE"].value("AESEQ", 0)
        '1'
    """
    parts = [_part(name, _completed(name, rows)) for name, rows in datasets.items()]
    return Package(frames_of(parts), standards=Standards(ig, ct))


def define_of(text: str) -> DefineFile:
    """Return a define.xml with this content: of its MetaDataVersion, or from the element ODM on.

    Example:
        >>> define_of('<ItemDef OID="IT.1"/>').root.find(".//{*}ItemDef").get("OID")
        'IT.1'
        >>> define_of('<ODM xmlns:def="http://www.cdisc.org/ns/def/v1.0"/>').version
        '1.0'
    """
    whole = (
        text if _ROOT in text else f"{_ROOT}><Study><MetaDataVersion>{text}</MetaDataVersion></Study></ODM>"
    )
    version = "1.0" if "def/v1.0" in text else "2.1"
    spaces = {**_SPACES, **({} if "xmlns:def" in text else {"xmlns:def": "http://www.cdisc.org/ns/def/v2.1"})}
    declared = "".join(f' {name}="{space}"' for name, space in spaces.items())
    return DefineFile(
        Path("define.xml"), version, etree.fromstring(whole.replace(_ROOT, _ROOT + declared, 1))
    )


_ROOT = "<ODM"
_SPACES = {"xmlns": "http://www.cdisc.org/ns/odm/v1.3", "xmlns:xlink": "http://www.w3.org/1999/xlink"}


def example_of(example: Mapping[str, ExampleRows] | str, ig: str = "3.4") -> Package:
    """Return the package of a rule's own example: rows of datasets, or the content of a define.xml."""
    if not isinstance(example, str):
        return package_of(example, ig)
    package = package_of({"AE": [{}]})
    package.define = define_of(example)
    return package


def _completed(name: str, rows: ExampleRows) -> list[Mapping[str, Any]]:
    return [{**_identifiers(name, number), **row} for number, row in enumerate(rows, 1)]


def _identifiers(name: str, number: int) -> Mapping[str, Any]:
    """Return the identifiers of a row; a rule's example names only what matters to it."""
    if name.startswith("SUPP"):
        return {"STUDYID": "S", "RDOMAIN": name[4:6], "USUBJID": "S-1"}
    if name == "RELREC":
        return {"STUDYID": "S"}
    found: dict[str, Any] = {"STUDYID": "S", "DOMAIN": name[:2]}
    if name not in _WITHOUT_SUBJECT:
        found["USUBJID"] = "S-1"
    if name not in _WITHOUT_SEQUENCE:
        found[f"{name[:2]}SEQ"] = number
    return found


def _part(name: str, rows: ExampleRows) -> Part:
    names = list(dict.fromkeys(key for row in rows for key in row))
    known = {variable.name: variable for variable in _known(name)}
    variables, columns = [], {}
    for one in names:
        values = [row.get(one) for row in rows]
        kind: Literal["Char", "Num"] = "Num" if _is_number(values, known.get(one)) else "Char"
        facts = known.get(one)
        variables.append(
            Variable(one, facts.label if facts else "", kind, None, role=facts.role if facts else "")
        )
        columns[one] = _array(values, kind)
    label = ig_datasets()[name].label if name in ig_datasets() else ""
    dataset = Dataset(name, label, tuple(variables), pa.table(columns))
    return Part(dataset, SourceFile(Path(f"{name.lower()}.xpt"), "example", 0))


def _known(name: str) -> Sequence[Any]:
    try:
        return ig_variables(name)
    except LookupError:
        return ()


def _is_number(values: Sequence[Any], facts: Any) -> bool:
    there = [value for value in values if value is not None]
    if not there:
        return facts is not None and facts.type == "Num"
    numeric = all(isinstance(value, int | float) for value in there)
    return numeric and (facts is None or facts.type == "Num")


def _array(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "Num":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value in {None, ""} else str(value) for value in values], pa.string())
