"""Value-level metadata: what a result variable holds, test by test, and what a supplemental value is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.define_xml.codelists import column_values, decode_name, decodes, value_code_list
from trialbridge.define_xml.datatypes import value_shape
from trialbridge.define_xml.model import (
    CodeList,
    ItemDef,
    Origin,
    RangeCheck,
    WhereClauseDef,
)
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset, Variable

_TARGETS = {"TESTCD": ("ORRES", "STRESC", "STRESN"), "PARMCD": ("VAL",), "QNAM": ("QVAL",)}
_QUALIFIERS = ("CAT", "SPEC")
_UNITS = {"ORRES": "ORRESU", "STRESC": "STRESU", "STRESN": "STRESU"}
_QORIG = {
    "CRF": Origin(type="Collected", source="Investigator"),
    "COLLECTED": Origin(type="Collected", source="Investigator"),
    "EDT": Origin(type="Collected", source="Vendor"),
    "DERIVED": Origin(type="Derived", source="Sponsor"),
    "ASSIGNED": Origin(type="Assigned", source="Sponsor"),
    "PROTOCOL": Origin(type="Protocol", source="Sponsor"),
    "PREDECESSOR": Origin(type="Predecessor", source="Sponsor"),
}
_DERIVED = Origin(type="Derived", source="Sponsor")


@dataclass(frozen=True, slots=True)
class Slice:
    """The records of one test, with what tells them from the others."""

    conditions: tuple[tuple[str, str], ...]
    table: pa.Table

    @property
    def name(self) -> str:
        """Return the values that select the slice, as an OID shows them."""
        return ".".join(value for _, value in self.conditions)


@dataclass(frozen=True, slots=True)
class ValueItem:
    """The value-level definition of one variable under one where clause."""

    target: str
    item: ItemDef
    where: WhereClauseDef
    code_list: CodeList | None
    derived: bool


def value_items(study: StudyDescription, dataset: Dataset) -> Iterator[ValueItem]:
    """Yield the value-level definitions of `dataset`: target by target, tests in alphabetical order."""
    topic = find_topic(dataset)
    if topic is None or dataset.table.num_rows == 0:
        return
    slices = tuple(slices_of(dataset, topic))
    names = decodes(dataset, dataset.variable(topic))
    for target in targets(dataset, topic):
        variable = dataset.variable(target)
        for part in slices:
            if part.table[target].null_count < part.table.num_rows:
                yield _value_item(study, dataset, variable, part, names)


def find_topic(dataset: Dataset) -> str | None:
    """Return the variable that names the test, the parameter or the qualifier; `None` where there is none."""
    names = dataset.table.column_names
    return next((name for name in names if name.endswith(tuple(_TARGETS)) and targets(dataset, name)), None)


def targets(dataset: Dataset, topic: str | None) -> list[str]:
    """Return the variables of `dataset` that mean something else for each value of `topic`."""
    if topic is None:
        return []
    ending = next(ending for ending in _TARGETS if topic.endswith(ending))
    prefix = topic.removesuffix(ending)
    return [prefix + name for name in _TARGETS[ending] if prefix + name in dataset.table.column_names]


def slices_of(dataset: Dataset, topic: str) -> Iterator[Slice]:
    """Yield the records of each test; split by category or specimen where units or types differ by it."""
    table = _relevant(dataset, topic)
    prefix = topic.removesuffix("TESTCD")
    qualifiers = [prefix + name for name in _QUALIFIERS if prefix + name in table.column_names]
    for part in _split(Slice((), table), topic):
        refined = [part]
        for qualifier in qualifiers:
            refined = [finer for coarse in refined for finer in _refine(dataset, coarse, qualifier)]
        yield from refined


def _relevant(dataset: Dataset, topic: str) -> pa.Table:
    """Return the columns that value-level metadata looks at."""
    prefix = topic.removesuffix("TESTCD")
    endings = (*_UNITS, *_UNITS.values(), *_QUALIFIERS, "DRVFL")
    wanted = {
        topic,
        decode_name(topic),
        *targets(dataset, topic),
        "QORIG",
        *(prefix + name for name in endings),
    }
    return dataset.table.select([name for name in dataset.table.column_names if name in wanted])


def _split(part: Slice, variable: str) -> Iterator[Slice]:
    """Yield a slice for each value of `variable`, in order; records without a value are in none."""
    table = part.table.filter(pc.is_valid(part.table[variable]))
    table = table.take(pc.sort_indices(table[variable])).combine_chunks()
    codes = table[variable].combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    indices = codes.indices.to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.diff(indices, prepend=-1))
    stops = [*starts[1:], len(indices)][: len(starts)]
    for value, start, stop in zip(codes.dictionary.to_pylist(), starts, stops, strict=True):
        yield Slice((*part.conditions, (variable, value)), table.slice(int(start), int(stop - start)))


def _refine(dataset: Dataset, part: Slice, qualifier: str) -> Sequence[Slice]:
    """Return `part` split by `qualifier`, where each record has one and units or types differ by it."""
    column = part.table[qualifier]
    if column.null_count or pc.count_distinct(column).as_py() < 2:
        return [part]
    finer = list(_split(part, qualifier))
    return finer if len({_nature(dataset, item) for item in finer}) > 1 else [part]


def _nature(dataset: Dataset, part: Slice) -> tuple[object, ...]:
    """Return the units and data types of a slice."""
    names = part.table.column_names
    units = [tuple(column_values(part.table[name])) for name in names if name.endswith(("ORRESU", "STRESU"))]
    types = [
        value_shape(dataset.variable(name), part.table[name]).data_type
        for name in names
        if name.endswith(tuple(_UNITS))
    ]
    return (*units, *types)


def _value_item(
    study: StudyDescription, dataset: Dataset, variable: Variable, part: Slice, names: dict[str, str]
) -> ValueItem:
    """Return the definition of `variable` in the records of `part`."""
    code = part.conditions[0][1]
    shape = value_shape(variable, part.table[variable.name])
    origin = _origin(variable, part)
    code_list = value_code_list(
        study,
        (dataset.name, f"{variable.name}.{code}"),
        f"{dataset.name}.{variable.name}.{part.name}",
        variable,
        part.table[variable.name],
    )
    item = ItemDef(
        oid=f"IT.{dataset.name}.{variable.name}.{part.name}",
        name=code,
        data_type=shape.data_type,
        length=shape.length,
        significant_digits=shape.significant_digits,
        sas_field_name=code if _is_sas_name(code) else None,
        description=_describe(names.get(code, code), variable.name, part),
        code_list_oid=code_list.oid if code_list else None,
        origins=(origin,) if origin else (),
    )
    return ValueItem(
        variable.name, item, _where(dataset, part), code_list, bool(origin and origin.type == _DERIVED.type)
    )


def _is_sas_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and len(name) <= 8


def _describe(name: str, variable: str, part: Slice) -> str:
    """Return the name of the test, with its qualifiers and the unit that its values are in."""
    qualifiers = [value for _, value in part.conditions[1:]]
    unit = next(
        (variable.removesuffix(end) + unit for end, unit in _UNITS.items() if variable.endswith(end)), ""
    )
    units = column_values(part.table[unit]) if unit in part.table.column_names else []
    return " ".join([", ".join([name, *qualifiers]), *([f"({' or '.join(units)})"] if units else [])])


def _where(dataset: Dataset, part: Slice) -> WhereClauseDef:
    """Return the where clause that selects the records of `part`."""
    text = ".".join(f"{variable}.EQ.{value}" for variable, value in part.conditions)
    checks = (
        RangeCheck(comparator="EQ", item_oid=f"IT.{dataset.name}.{variable}", check_values=(value,))
        for variable, value in part.conditions
    )
    return WhereClauseDef(oid=f"WC.{dataset.name}.{text}", range_checks=tuple(checks))


def _origin(variable: Variable, part: Slice) -> Origin | None:
    """Return the origin of the values: what the records say themselves, else the variable's own."""
    table = part.table
    if "QORIG" in table.column_names:
        said = {_QORIG.get(value.upper()) for value in column_values(table["QORIG"])}
        return said.pop() if len(said) == 1 else variable_origin(variable)
    flag = next((name for name in table.column_names if name.endswith("DRVFL")), None)
    valued = table.filter(pc.is_valid(table[variable.name]))
    if flag and column_values(valued[flag]) == ["Y"] and not valued[flag].null_count:
        return _DERIVED
    return variable_origin(variable)


def variable_origin(variable: Variable) -> Origin | None:
    """Return the origin that `variable` declares, `None` where it declares none."""
    if not variable.origin:
        return None
    return Origin(type=variable.origin, source=variable.source or None)
