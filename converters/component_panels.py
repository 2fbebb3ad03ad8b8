"""SDTM to FHIR: records that are one measurement, as components of one Observation.

Which records these are is told before anything is written: they get one id, so that all that points to one of
them finds the panel. On the way back each component that names its dataset is a record again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import RECORD
from trialbridge.columns import distinct
from trialbridge.converters.assemble import Written
from trialbridge.converters.build import Struct
from trialbridge.converters.texts import Texts
from trialbridge.elements import Version, elements
from trialbridge.mapping import Domain, Panel
from trialbridge.vocabulary import LOINC

HELD = ("id", "extension", "modifierExtension", "code")
"""Elements of a component that both it and the Observation have for themselves."""


def with_panels(domain: Domain, columns: Texts, subjects: pa.Array, ids: pa.Array) -> pa.Array:
    """Return the ids with the same one for all records of a panel: that of its first component.

    Records are a panel where they agree in every variable that is not a component's own, and each test of the
    panel is there once: a repeated or a missing one leaves open which two were measured together.

    Args:
        domain: The declaration.
        columns: Variable -> text.
        subjects: USUBJID of each record.
        ids: The id of each record.
    """
    tests = f"{domain.code}TESTCD"
    for panel in domain.panels if tests in columns else ():
        wanted = pa.array(list(panel.components))
        members = pc.index_in(columns[tests], wanted)
        rows = np.flatnonzero(pc.and_(members.is_valid(), subjects.is_valid()))
        if len(rows):
            numbers = pc.take(members, pa.array(rows)).to_numpy()
            first = _first_of_panel(_measurements(domain, panel, columns, subjects, rows), numbers, panel)
            places = np.arange(len(ids))
            places[rows] = np.where(first >= 0, rows[first], rows)
            ids = ids.take(pa.array(places))
    return ids


def _measurements(
    domain: Domain, panel: Panel, columns: Texts, subjects: pa.Array, rows: np.ndarray
) -> np.ndarray:
    """Return the number of the measurement that each of some records may be of."""
    own = {f"{domain.code}{suffix}" for suffix in panel.own} | _of_component(domain)
    shared = [name for name in columns.names if name not in own]
    some = Texts(columns.dataset, tuple(shared), {}).take(rows)
    numbers, _ = distinct([subjects.take(pa.array(rows)), *some.values()])
    found: np.ndarray = numbers.to_numpy()
    return found


def _of_component(domain: Domain) -> set[str]:
    """Return the variables that elements of a component hold, and nothing else does."""
    return {
        name
        for name, rule in domain.all_rules()
        if rule.targets and all(path.startswith("$this.") for path in rule.targets)
    }


def _first_of_panel(measurements: np.ndarray, numbers: np.ndarray, panel: Panel) -> np.ndarray:
    """Return the place of the first component of each record's panel; -1 for a record that is in none."""
    width = len(panel.components)
    cells = measurements * width + numbers
    counts = np.bincount(cells, minlength=width * (int(measurements.max()) + 1)).reshape(-1, width)
    places = np.full(len(counts), -1)
    places[measurements[numbers == 0]] = np.flatnonzero(numbers == 0)
    found: np.ndarray = np.where((counts == 1).all(axis=1), places, -1)[measurements]
    return found


def joined_panels(
    domain: Domain, made: Written, table: Mapping[str, pa.Array], ids: pa.Array, version: Version
) -> tuple[Written, np.ndarray]:
    """Return the Observations with those of one id as one, and the record that each is of.

    Args:
        domain: The declaration.
        made: An Observation for each record.
        table: The records.
        ids: The id of each record; `with_panels` gave the same one to those of a panel.
        version: The FHIR release.
    """
    if not domain.panels:
        return made, np.arange(len(ids))
    first, members = _members(ids)
    tests = table[f"{domain.code}TESTCD"].to_pylist()
    known = {test: panel for panel in domain.panels for test in panel.components}
    rows = {number: made.rows[number] for number in first.tolist()}
    for number, several in members.items():
        panel = known[tests[number]]
        order = sorted(several, key=lambda one: list(panel.components).index(tests[one]))
        parts = [(panel.components[tests[one]], made.rows[one]) for one in order]
        rows[number] = _panel(panel, parts, version)
    return Written(made.kind, list(rows.values())), first


def _members(ids: pa.Array) -> tuple[np.ndarray, dict[int, list[int]]]:
    """Return the first record of each id, and the records of those that several share."""
    codes = ids.dictionary_encode().indices.to_numpy()
    numbers, first, counts = np.unique(codes, return_index=True, return_counts=True)
    members: dict[int, list[int]] = defaultdict(list)
    for number in np.flatnonzero(np.isin(codes, numbers[counts > 1])):
        members[int(first[codes[number]])].append(int(number))
    return np.sort(first), members


def _panel(panel: Panel, parts: Sequence[tuple[str, Struct]], version: Version) -> Struct:
    """Return one Observation of several: what all of them say, and what each says as a component."""
    whole: Any = parts[0][1]
    empty = type(whole)()
    code = {"coding": [{"system": LOINC, "code": panel.code}], "text": panel.text}
    nothing = {name: getattr(empty, name) for name in _moved(version)}
    kept = tuple(one for one in whole.extension if not _is_record(one))
    component = tuple(_component(loinc, row, version) for loinc, row in parts)
    made: Struct = msgspec.structs.replace(whole, **nothing, code=code, extension=kept, component=component)
    return made


def _component(loinc: str, row: Any, version: Version) -> dict[str, Any]:
    """Return what an Observation says of its own, as a component, with the LOINC code of its test."""
    empty = type(row)()
    coding = (*row.code.coding, {"system": LOINC, "code": loinc})
    ours = [one for one in row.extension if _is_record(one)]
    values = {name: getattr(row, name) for name in _moved(version)}
    return {
        **({"extension": ours} if ours else {}),
        "code": msgspec.structs.replace(row.code, coding=coding),
        **{name: value for name, value in values.items() if value != getattr(empty, name)},
    }


def _is_record(extension: Any) -> bool:
    return isinstance(extension, dict) and extension["url"] == RECORD


@cache
def _moved(version: Version) -> tuple[str, ...]:
    """Return the elements that a component has as the Observation has them."""
    return tuple(name for name in elements("Observation.component", version) if name not in HELD)
