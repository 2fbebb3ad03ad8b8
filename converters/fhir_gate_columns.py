"""The output gate for whole columns: each distinct text of an element is looked at, and each set of elements.

It says what `Gate.check` would say of the same resources: their texts are those of the columns, joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import RECORD
from trialbridge.columns import TEXT
from trialbridge.converters.fhir_gate import FINE, Fault, Gate, Looked, finding_of
from trialbridge.converters.sheets import Sheet
from trialbridge.elements import PRIMITIVES, Element, elements, wire
from trialbridge.findings import Finding
from trialbridge.lexical import legal

_VISIBLE = r'(?:[!#-\[\]-~]|[\x{A1}-\x{167F}]|\\["\\])'
_CHARACTER = r'(?:[ -!#-\[\]-~]|[\x{80}-\x{10FFFF}]|\\["\\nrt])'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_VALUE = rf'"valueString":"{_CHARACTER}*{_VISIBLE}{_CHARACTER}*"|"valueDecimal":{_NUMBER}'
_PART = rf'\{{"url":"[A-Za-z0-9]+",(?:{_VALUE})\}}'
CARRIED = rf'^\{{"url":"{RECORD}","extension":\[{_PART}(?:,{_PART})*\]\}}$'
"""What nearly every documented extension looks like; any other is decoded and looked at part by part."""

FEW = 256
"""Texts up to which each is looked at by itself."""


def check_sheets(gate: Gate, sheets: Sequence[Sheet], known: Iterable[str] = ()) -> list[Finding]:
    """Return what is wrong in some resources.

    Args:
        gate: The gate of their release.
        sheets: The resources; they may lead to each other.
        known: ``Type/id`` of what they may lead to elsewhere.
    """
    findings = list(_repeated_ids(sheets))
    asked: list[tuple[Sheet, np.ndarray, str, str]] = []
    for sheet in sheets:
        for rows, faults in _presence(gate, sheet):
            findings += _findings(sheet, rows, faults)
        for rows, looked in _looked(gate, sheet):
            findings += _findings(sheet, rows, looked.faults)
            asked += ((sheet, rows, place, target) for place, target in looked.references)
    there = _there({target for *_, target in asked}, sheets, known)
    for sheet, rows, place, target in asked:
        if target not in there:
            findings += _findings(
                sheet, rows, [Fault("fhir-reference", place, "leads to no resource", target)]
            )
    return findings


def _repeated_ids(sheets: Sequence[Sheet]) -> Iterator[Finding]:
    by_kind: dict[str, list[pa.Array]] = defaultdict(list)
    for sheet in sheets:
        by_kind[sheet.kind].append(sheet.ids())
    for kind, some in by_kind.items():
        ids = pa.concat_arrays(some)
        if pc.count_distinct(ids).as_py() < len(ids):
            counts = pc.value_counts(ids).to_pylist()
            for name in (one["values"] for one in counts if one["counts"] > 1):
                yield finding_of(f"{kind}/{name}", kind, Fault("fhir-id", ".id", "two resources have one id"))


def _presence(gate: Gate, sheet: Sheet) -> Iterator[tuple[np.ndarray, Sequence[Fault]]]:
    """Yield what is wrong with a set of elements, and the resources that have the set."""
    there = {name: spread.rows >= 0 for name, spread in sheet.columns.items()}
    if sheet.carried is not None:
        own = there.get("extension", np.zeros(sheet.rows, bool))
        there["extension"] = own | sheet.carried.is_valid().to_numpy(zero_copy_only=False)
    sets = np.zeros(sheet.rows, np.int64)
    for place, mask in enumerate(there.values()):
        sets |= mask.astype(np.int64) << place
    for number in np.unique(sets):
        names = tuple(name for place, name in enumerate(there) if number >> place & 1)
        if faults := gate.presence(sheet.kind, names):
            yield np.flatnonzero(sets == number), faults


def _looked(gate: Gate, sheet: Sheet) -> Iterator[tuple[np.ndarray, Looked]]:
    """Yield what was found in a text, and the resources in which it stands."""
    known = elements(sheet.kind, gate.version)
    for name, spread in sheet.columns.items():
        wanted = np.bincount(spread.rows + 1, minlength=len(spread.texts) + 1)[1:] > 0
        if name in known and len(spread.texts) > FEW:
            wanted &= ~_plain(known[name], spread.texts)
        chosen = np.flatnonzero(wanted)
        for number, text in zip(chosen, spread.texts.take(pa.array(chosen)).to_pylist(), strict=True):
            looked = gate.element(sheet.kind, name, text.encode())
            if looked is not FINE:
                yield np.flatnonzero(spread.rows == number), looked
    if sheet.carried is not None:
        plain = pc.fill_null(pc.match_substring_regex(sheet.carried, CARRIED), True)  # noqa: FBT003 -- an Arrow scalar
        for row in np.flatnonzero(~plain.to_numpy(zero_copy_only=False)):
            text = f"[{sheet.carried[row]}]".encode()
            yield np.array([row]), gate.element(sheet.kind, "extension", text)


def _plain(element: Element, texts: pa.Array) -> np.ndarray:
    """Return which texts are surely what FHIR wants: strings without escapes, of the form of the type."""
    if element.many or element.codes or element.type not in PRIMITIVES or wire(element) != "text":
        return np.zeros(len(texts), bool)
    quoted = pc.match_substring_regex(texts, r'^"[^"\\]+"$')
    formed = legal(element.type, pc.if_else(quoted, pc.utf8_slice_codeunits(texts, 1, -1), None))
    found: np.ndarray = pc.fill_null(formed, False).to_numpy(zero_copy_only=False)  # noqa: FBT003 -- an Arrow scalar
    return found


def _findings(sheet: Sheet, rows: np.ndarray, faults: Sequence[Fault]) -> Iterator[Finding]:
    if faults:
        for name in sheet.ids().take(pa.array(rows)).to_pylist():
            yield from (finding_of(f"{sheet.kind}/{name}", sheet.kind, fault) for fault in faults)


def _there(targets: set[str], sheets: Sequence[Sheet], known: Iterable[str]) -> set[str]:
    """Return the targets that there are."""
    kinds = {target.partition("/")[0] for target in targets}
    names = [pc.binary_join_element_wise(one.kind, one.ids(), "/") for one in sheets if one.kind in kinds]
    there = pa.concat_arrays([*names, pa.array(list(known), TEXT)])
    wanted = pa.array(sorted(targets), TEXT)
    return set(wanted.filter(pc.is_in(wanted, there)).to_pylist())
