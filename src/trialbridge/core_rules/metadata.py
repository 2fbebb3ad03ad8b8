"""Metadata as rows: one a dataset, one a variable, one an item of define.xml, or one for the study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trialbridge.core_rules.cells import Cells, Lists, constant
from trialbridge.core_rules.define_items import DefineItem
from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.standard_facts import guide_facts
from trialbridge.core_rules.view import Found, Side, View
from trialbridge.model import Variable
from trialbridge.validation.frame import Frame, Part
from trialbridge.validation.package import Package

_OF_DATASET: Mapping[str, Callable[[Part], str | float]] = {
    "dataset_name": lambda part: part.dataset.name.upper(),
    "dataset_label": lambda part: part.dataset.label,
    "dataset_location": lambda part: part.file.path.name,
    "dataset_size": lambda part: float(part.file.size),
}


def dataset_cells(view: View, name: str) -> Cells:
    """Return what is to be known of the dataset that each row stands in.

    Raises:
        Absent: Nothing of that name is known of a dataset.
    """
    if view.frame is None or name not in _OF_DATASET:
        raise Absent(f"no {name}")
    known = view.named.get(name)
    if isinstance(known, Cells):
        return known
    values = [_OF_DATASET[name](part) for part in view.frame.parts]
    if len(values) == 1:
        return constant(view.rows, values[0])
    starts = np.array([part.start for part in view.frame.parts])
    rows = view.source if view.source is not None else np.zeros(view.rows, np.int64)
    return Cells(pa.array(values).take(pa.array(np.searchsorted(starts, rows, side="right") - 1)))


def dataset_view(frame: Frame) -> View:
    """Return one row for each dataset file of a domain.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> dataset_view(frame_of("AE", [])).cells("dataset_name").text.to_pylist()
        ['AE']
    """
    named: dict[str, Found] = {
        name: Cells(pa.array([take(part) for part in frame.parts])) for name, take in _OF_DATASET.items()
    }
    named["DOMAIN"] = Cells(pa.repeat(pa.scalar(frame.name), len(frame.parts)))
    return View(len(frame.parts), frame, named=named)


def presence_view(package: Package, frame: Frame | None) -> View:
    """Return one row in which each dataset of the study stands under its name."""
    named: dict[str, Found] = {name: constant(1, name) for name in package.frames}
    return View(1, frame, named=named)


def variable_view(frame: Frame) -> View:
    """Return one row for each variable of a domain, with what its file says of it.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> variable_view(frame_of("AE", [{"AETERM": "Rash"}])).cells("variable_name").text.to_pylist()
        ['AETERM']
    """
    variables = list(frame.variables.values())
    named: dict[str, Found] = {name: Cells(column) for name, column in _of_variables(variables).items()}
    return View(len(variables), frame, named=named)


def _of_variables(variables: Sequence[Variable]) -> Mapping[str, pa.Array]:
    return {
        "variable_name": pa.array([one.name for one in variables], pa.string()),
        "variable_label": pa.array([one.label or None for one in variables], pa.string()),
        "variable_data_type": pa.array([one.type for one in variables], pa.string()),
        "variable_size": pa.array([one.length for one in variables], pa.float64()),
        "variable_format": pa.array([one.format or None for one in variables], pa.string()),
        "variable_order_number": pa.array([float(n + 1) for n in range(len(variables))], pa.float64()),
    }


def library_view(frame: Frame, guide: str) -> View:
    """Return one row for each variable of a domain that the guide knows, with what both say of it.

    Raises:
        Absent: The guide does not know the dataset.
    """
    variables = [frame.variables[name] for name in _library(frame, guide) if name in frame.variables]
    named = {name: Cells(column) for name, column in _of_variables(variables).items()}
    return View(
        len(variables), frame, named={**named, **_of_library(frame, guide, [one.name for one in variables])}
    )


def _library(frame: Frame, guide: str) -> Mapping[str, Any]:
    return {one.name: (number + 1.0, one) for number, one in enumerate(guide_facts(frame, guide))}


def _of_library(frame: Frame, guide: str, names: Sequence[str]) -> dict[str, Found]:
    known = [_library(frame, guide)[name] for name in names]
    columns = {
        "library_variable_name": pa.array([one.name for _, one in known], pa.string()),
        "library_variable_label": pa.array([one.label for _, one in known], pa.string()),
        "library_variable_data_type": pa.array([one.type for _, one in known], pa.string()),
        "library_variable_role": pa.array([one.role for _, one in known], pa.string()),
        "library_variable_core": pa.array([one.core for _, one in known], pa.string()),
        "library_variable_ccode": pa.array(
            ["; ".join(one.codelists) or None for _, one in known], pa.string()
        ),
        "library_variable_order_number": pa.array([number for number, _ in known], pa.float64()),
    }
    return {name: Cells(column) for name, column in columns.items()}


def define_view(frame: Frame, guide: str, items: Sequence[DefineItem]) -> View:
    """Return one row for each variable that define.xml and the guide have for a dataset, with what both say.

    Raises:
        Absent: The guide does not know the dataset, or define.xml does not describe it.
    """
    library = _library(frame, guide)
    known = [one for one in items if one.name in library]
    if not known:
        raise Absent(f"no description of {frame.name} in define.xml")
    texts = {
        "define_variable_name": [one.name for one in known],
        "define_variable_label": [one.label or None for one in known],
        "define_variable_data_type": [one.data_type or None for one in known],
        "define_variable_role": [one.role or None for one in known],
        "define_variable_ccode": [one.ccode or None for one in known],
        "define_variable_mandatory": [one.mandatory or None for one in known],
        "define_variable_has_codelist": [str(bool(one.terms)) for one in known],
    }
    named: dict[str, Found] = {name: Cells(pa.array(values, pa.string())) for name, values in texts.items()}
    places = np.arange(len(known))
    named["define_variable_codelist_coded_codes"] = Lists(places, [one.term_codes for one in known])
    named["define_variable_codelist_coded_values"] = Lists(places, [one.terms for one in known])
    return View(len(known), frame, named={**named, **_of_library(frame, guide, [one.name for one in known])})


def value_views(view: View) -> Iterator[tuple[str, View]]:
    """Yield, for each variable of a dataset, its values as rows, with what its file says of it."""
    if view.frame is None:
        return
    variables = variable_view(view.frame)
    for place, name in enumerate(view.frame.variables):
        named = {key: _repeated(found, place, view.rows) for key, found in variables.named.items()}
        named["variable_value"] = view.cells(name)
        yield name, View(view.rows, view.frame, view.source, (Side(view.frame),), named)


def _repeated(found: Found, place: int, rows: int) -> Found:
    if not isinstance(found, Cells):
        return found
    return Cells(pa.repeat(found.values[place], rows))
