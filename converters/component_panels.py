"""SDTM to FHIR: records that are one measurement, as components of one Observation.

Which records these are is told before anything is written: they get one id, so that all that points to one of
them finds the panel. On the way back each component that names its dataset is a record again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import distinct
from trialbridge.converters.sheets import Sheet, Spread, piece, spread_of
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
    chosen = pa.array(rows)
    numbers, _ = distinct([subjects.take(chosen), *(columns[name].take(chosen) for name in shared)])
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
    domain: Domain, made: Sheet, table: Mapping[str, pa.Array], ids: pa.Array, version: Version
) -> tuple[Sheet, np.ndarray]:
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
    whole = made.take(first)
    for panel in domain.panels:
        own = {number: several for number, several in members.items() if known[tests[number]] is panel}
        order = [*panel.components]
        rows = [sorted(several, key=lambda one: order.index(tests[one])) for several in own.values()]
        if rows:
            parts = _components(made.take(np.concatenate(rows)), panel, version)
            each = pc.binary_join_element_wise(*(parts[one :: len(order)] for one in range(len(order))), ",")
            texts = pc.binary_join_element_wise("[", each, "]", "")
            whole = _with_components(whole, panel, np.searchsorted(first, [*own]), texts, version)
    return whole, first


def _members(ids: pa.Array) -> tuple[np.ndarray, dict[int, list[int]]]:
    """Return the first record of each id, and the records of those that several share."""
    codes = ids.dictionary_encode().indices.to_numpy()
    numbers, first, counts = np.unique(codes, return_index=True, return_counts=True)
    members: dict[int, list[int]] = defaultdict(list)
    for number in np.flatnonzero(np.isin(codes, numbers[counts > 1])):
        members[int(first[codes[number]])].append(int(number))
    return np.sort(first), members


def _components(made: Sheet, panel: Panel, version: Version) -> pa.Array:
    """Return what Observations say of their own, as components, with the LOINC codes of their tests.

    Args:
        made: The Observations, the components of each panel in turn.
        panel: The panel.
        version: The FHIR release.
    """
    names = [name for name in _moved(version) if name in made.columns]
    code, loinc = made.columns["code"], [*panel.components.values()]
    tests = np.arange(made.rows) % len(loinc)
    pairs, rows = np.unique(code.rows * len(loinc) + tests, return_inverse=True)
    values = [_also(code.values[one // len(loinc)], loinc[one % len(loinc)]) for one in pairs.tolist()]
    pieces = [piece("code", spread_of(values, rows)), *(piece(name, made.columns[name]) for name in names)]
    if made.carried is not None:
        records = pc.binary_join_element_wise(',"extension":[', made.carried, "]", "")
        pieces.insert(0, pc.fill_null(records, ""))
    inside = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*pieces, ""), 1, None)
    return pc.binary_join_element_wise("{", inside, "}", "")


def _also(code: Any, loinc: str) -> Any:
    """Return the code of a test with its LOINC code."""
    return msgspec.structs.replace(code, coding=(*code.coding, {"system": LOINC, "code": loinc}))


def _with_components(
    made: Sheet, panel: Panel, places: np.ndarray, texts: pa.Array, version: Version
) -> Sheet:
    """Return Observations of which some say what others of their panel say, too, as components.

    Args:
        made: The Observations.
        panel: The panel.
        places: Which of them are panels.
        texts: Their components.
        version: The FHIR release.
    """
    of_panel = np.zeros(made.rows, bool)
    of_panel[places] = True
    code = {"coding": [{"system": LOINC, "code": panel.code}], "text": panel.text}
    columns = {**made.columns, "code": made.columns["code"].without(of_panel).filled(code, of_panel)}
    for name in _moved(version):
        if name in columns:
            columns[name] = columns[name].without(of_panel)
    numbers = np.full(made.rows, -1)
    numbers[places] = np.arange(len(places))
    known = made.columns.get("component")
    columns["component"] = Spread(texts, numbers, ()) if known is None else known.beside(texts, numbers)
    carried = None if made.carried is None else pc.if_else(pa.array(of_panel), None, made.carried)
    return replace(made, columns=columns, carried=carried)


@cache
def _moved(version: Version) -> tuple[str, ...]:
    """Return the elements that a component has as the Observation has them."""
    return tuple(name for name in elements("Observation.component", version) if name not in HELD)
