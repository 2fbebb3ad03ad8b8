"""Whether a define.xml and the datasets say the same: nothing undescribed, nothing absent described."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.define_xml.codelists import column_values, decode_name
from trialbridge.define_xml.datatypes import (
    TEXT_FORMS,
    distinct_values,
    has_form,
    longest,
    number_digits,
    text_digits,
)
from trialbridge.define_xml.model import (
    CodeList,
    CodeListItem,
    Define,
    ItemDef,
    ItemGroupDef,
    ItemRef,
    MetaDataVersion,
    RangeCheck,
    WhereClauseDef,
)
from trialbridge.define_xml.value_level import find_topic, targets
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset, Variable

_NOTHING_PERMITTED: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType({})
_NUMERIC = {"integer", "float"}


@dataclass(frozen=True, slots=True)
class _Index:
    """The definitions by OID, and what the design permits."""

    items: Mapping[str, ItemDef]
    code_lists: Mapping[str, CodeList]
    value_lists: Mapping[str, tuple[ItemRef, ...]]
    where_clauses: Mapping[str, WhereClauseDef]
    owners: Mapping[str, set[str]]
    permitted: Mapping[tuple[str, str], tuple[str, ...]]


def check_agreement(
    define: Define,
    datasets: Sequence[Dataset],
    permitted: Mapping[tuple[str, str], tuple[str, ...]] = _NOTHING_PERMITTED,
) -> list[Finding]:
    """Return every disagreement between `define` and `datasets`; nothing, if they say the same.

    Args:
        define: The description.
        datasets: All the datasets that it should describe.
        permitted: Values that the design permits, by dataset and variable: they may stand in a codelist
            though the data has none of them.

    Example:
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> subjects = Dataset("DM", "Demographics", (Variable("SEX", "Sex"),), pa.table({"SEX": ["F"]}))
        >>> define = build_define(StudyDescription("S1", "A study", "P1", datetime(2026, 3, 27)), [subjects])
        >>> check_agreement(define, [subjects])
        []
        >>> [finding.rule for finding in check_agreement(define, [])]
        ['agreement-dataset-absent']
    """
    definitions = define.definitions
    index = _index(definitions, permitted)
    groups = {group.name: group for group in definitions.item_group_defs}
    named = {dataset.name: dataset for dataset in datasets}
    findings = [*_presence(groups, named)]
    for name in groups.keys() & named.keys():
        findings += _dataset(index, groups[name], named[name])
    return sorted(
        findings, key=lambda finding: (finding.domain, finding.variable, finding.rule, finding.value)
    )


def _index(definitions: MetaDataVersion, permitted: Mapping[tuple[str, str], tuple[str, ...]]) -> _Index:
    """Return the definitions by OID, and the datasets that have each item."""
    owners: dict[str, set[str]] = {}
    for group in definitions.item_group_defs:
        for ref in group.item_refs:
            owners.setdefault(ref.item_oid, set()).add(group.name)
    return _Index(
        items={item.oid: item for item in definitions.item_defs},
        code_lists={item.oid: item for item in definitions.code_lists},
        value_lists={item.oid: item.item_refs for item in definitions.value_list_defs},
        where_clauses={item.oid: item for item in definitions.where_clause_defs},
        owners=owners,
        permitted=permitted,
    )


def _fault(rule: str, message: str, domain: str, variable: str = "", value: str = "") -> Finding:
    return Finding(Severity.ERROR, rule, message, domain, variable, value=value, source="define.xml")


def _presence(groups: Mapping[str, ItemGroupDef], named: Mapping[str, Dataset]) -> Iterator[Finding]:
    """Yield datasets that only one side has; one that is said to have no data need not be there."""
    for name in named.keys() - groups.keys():
        yield _fault("agreement-dataset-undescribed", f"dataset {name} is not described", name)
    for name in groups.keys() - named.keys():
        if not groups[name].has_no_data:
            yield _fault("agreement-dataset-absent", f"dataset {name} is described and not there", name)


def _dataset(index: _Index, group: ItemGroupDef, dataset: Dataset) -> Iterator[Finding]:
    """Yield the disagreements on one dataset."""
    name = dataset.name
    if group.description != dataset.label:
        yield _fault("agreement-label", f"the label is {dataset.label!r}, not {group.description!r}", name)
    if group.has_no_data != (dataset.table.num_rows == 0):
        yield _fault("agreement-no-data", f"it has {dataset.table.num_rows} records", name)
    described = {
        index.items[ref.item_oid].name: ref for ref in group.item_refs if ref.item_oid in index.items
    }
    actual = [variable.name for variable in dataset.variables]
    for variable in (variable for variable in actual if variable not in described):
        yield _fault("agreement-variable-undescribed", f"{variable} is not described", name, variable)
    for variable in (variable for variable in described if variable not in actual):
        yield _fault("agreement-variable-absent", f"{variable} is described and not there", name, variable)
    both = [variable for variable in described if variable in actual]
    if both != [variable for variable in actual if variable in described]:
        yield _fault("agreement-order", "the variables stand in another order", name)
    for variable in both:
        yield from _variable(index, described[variable], dataset, dataset.variable(variable))


def _variable(index: _Index, ref: ItemRef, dataset: Dataset, variable: Variable) -> Iterator[Finding]:
    """Yield the disagreements on one variable."""
    item, column = index.items[ref.item_oid], dataset.table[variable.name]
    place = (dataset.name, variable.name)
    if item.description != variable.label:
        message = f"the label is {variable.label!r}, not {item.description!r}"
        yield _fault("agreement-label", message, *place)
    if (item.data_type in _NUMERIC) != (variable.type == "Num"):
        yield _fault("agreement-type", f"{variable.type} is described as {item.data_type}", *place)
    elif ref.has_no_data != (column.null_count == len(column) > 0):
        yield _fault("agreement-no-data", "whether it has a value is told wrongly", *place)
    expected = variable.length or (longest(column) if variable.type == "Char" else item.length)
    if item.length is not None and item.length != expected:
        yield _fault("agreement-length", f"the length is {expected}, not {item.length}", *place)
    yield from _values(item, variable, column, place)
    yield from _codes(index, item, dataset, variable)
    yield from _value_level(index, item, dataset, variable)


def _values(
    item: ItemDef, variable: Variable, column: pa.ChunkedArray, place: tuple[str, str], name: str = ""
) -> Iterator[Finding]:
    """Yield where values are not of the data type, length or precision that is described."""
    is_text = variable.type == "Char"
    of = f"{name}: " if name else ""
    if is_text and item.length is not None and longest(column) > item.length:
        yield _fault("agreement-length", f"{of}a value is longer than {item.length}", *place)
    if not _has_type(item.data_type, column, is_text=is_text):
        yield _fault("agreement-values", f"{of}a value is no {item.data_type}", *place)
    elif item.data_type == "float":
        digits = text_digits(column) if is_text else number_digits(column)
        if digits > (item.significant_digits or 0):
            message = f"{of}a value has {digits} digits after the point, not {item.significant_digits}"
            yield _fault("agreement-digits", message, *place)


def _has_type(data_type: str, column: pa.ChunkedArray, *, is_text: bool) -> bool:
    """Return whether every value of `column` is of `data_type`."""
    if not is_text:
        return data_type != "integer" or number_digits(column) == 0
    return data_type not in TEXT_FORMS or has_form(distinct_values(column), data_type)


def _codes(index: _Index, item: ItemDef, dataset: Dataset, variable: Variable) -> Iterator[Finding]:
    """Yield values outside the codelist, codes that nothing uses, and decodes that the data contradicts."""
    code_list = index.code_lists.get(item.code_list_oid or "")
    if code_list is None or code_list.external_code_list:
        return
    place = (dataset.name, variable.name)
    used = set(column_values(dataset.table[variable.name]))
    listed = {entry.coded_value: entry for entry in code_list.items}
    for value in used - listed.keys():
        yield _fault("agreement-code-undescribed", f"{value!r} is not in {code_list.oid}", *place, value)
    for value in listed.keys() - used - set(index.permitted.get(place, ())):
        yield _fault("agreement-code-absent", f"no record has {value!r} of {code_list.oid}", *place, value)
    name = decode_name(variable.name)
    if name in dataset.table.column_names:
        pairs = dataset.table.select([variable.name, name]).group_by([variable.name, name]).aggregate([])
        yield from _decodes(pairs, listed, place)


def _decodes(pairs: pa.Table, listed: Mapping[str, Any], place: tuple[str, str]) -> Iterator[Finding]:
    """Yield the codes whose decode is not what the data has beside them."""
    for code, text in sorted(zip(*(column.to_pylist() for column in pairs.columns), strict=True), key=str):
        entry = listed.get(code)
        if isinstance(entry, CodeListItem) and text and entry.decode != text:
            message = f"{code} means {text!r} in the data, {entry.decode!r} in the codelist"
            yield _fault("agreement-decode", message, *place, code)


def _value_level(index: _Index, item: ItemDef, dataset: Dataset, variable: Variable) -> Iterator[Finding]:
    """Yield records that no value-level definition describes, or several, and definitions of no record."""
    place = (dataset.name, variable.name)
    if item.value_list_oid is None:
        needed = variable.name in targets(dataset, find_topic(dataset))
        if needed and dataset.table[variable.name].null_count < dataset.table.num_rows:
            yield _fault("agreement-value-undescribed", "it has no value-level metadata", *place)
        return
    refs = index.value_lists.get(item.value_list_oid, ())
    beyond = [ref.item_oid for ref in refs if not _can_be_told(index, ref, dataset)]
    if beyond:
        message = f"its value level is not compared: the where clause of {beyond[0]} cannot be told here"
        yield replace(_fault("agreement-not-compared", message, *place), severity=Severity.NOTICE)
        return
    table = _distinct(index, refs, dataset, variable)
    described = [_matching(index, ref, table) for ref in refs]
    for ref, mask in zip(refs, described, strict=True):
        value = index.items[ref.item_oid]
        chosen = table.filter(mask)[variable.name]
        if len(chosen) == 0:
            yield _fault("agreement-value-absent", f"no record is described by {value.oid}", *place)
        yield from _values(value, variable, chosen, place, value.oid)
        yield from _value_codes(index, value, chosen, place)
    yield from _cover(described, table, place)


def _can_be_told(index: _Index, ref: ItemRef, dataset: Dataset) -> bool:
    """Return whether the where clauses of `ref` are all there and look at `dataset` alone."""
    clauses = [index.where_clauses.get(oid) for oid in ref.where_clause_oids]
    return ref.item_oid in index.items and all(
        clause and all(_check_can_be_told(index, check, dataset) for check in clause.range_checks)
        for clause in clauses
    )


def _check_can_be_told(index: _Index, check: RangeCheck, dataset: Dataset) -> bool:
    """Return whether a range check compares a variable of `dataset` with values of its type."""
    name = index.items[check.item_oid].name if check.item_oid in index.items else ""
    if dataset.name not in index.owners.get(check.item_oid, ()) or name not in dataset.table.column_names:
        return False
    is_number = pa.types.is_floating(dataset.table[name].type)
    said = check.comparator in _COMPARATORS and bool(check.check_values)
    return said and not (is_number and not all(map(_is_number, check.check_values)))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text) is not None


def _value_codes(
    index: _Index, item: ItemDef, chosen: pa.ChunkedArray, place: tuple[str, str]
) -> Iterator[Finding]:
    """Yield the values under a where clause that its own codelist lacks."""
    code_list = index.code_lists.get(item.code_list_oid or "")
    if code_list and not code_list.external_code_list:
        listed = {entry.coded_value for entry in code_list.items}
        for value in set(column_values(chosen)) - listed:
            yield _fault("agreement-code-undescribed", f"{value!r} is not in {code_list.oid}", *place, value)


def _distinct(index: _Index, refs: Sequence[ItemRef], dataset: Dataset, variable: Variable) -> pa.Table:
    """Return the distinct values of `variable` with those of the variables that where clauses look at."""
    clauses = [index.where_clauses[oid] for ref in refs for oid in ref.where_clause_oids]
    names = [index.items[check.item_oid].name for clause in clauses for check in clause.range_checks]
    columns = [name for name in dict.fromkeys((*names, variable.name)) if name in dataset.table.column_names]
    valued = dataset.table.select(columns).filter(pc.is_valid(dataset.table[variable.name]))
    return valued.group_by(columns).aggregate([])


def _matching(index: _Index, ref: ItemRef, table: pa.Table) -> pa.Array:
    """Return which rows of `table` one of the where clauses of `ref` selects."""
    mask = pa.array([False] * table.num_rows)
    for oid in ref.where_clause_oids:
        selected = pa.array([True] * table.num_rows)
        for check in index.where_clauses[oid].range_checks:
            selected = pc.and_(selected, _holds(check, table[index.items[check.item_oid].name]))
        mask = pc.or_(mask, selected)
    return mask


_COMPARATORS: Mapping[str, Callable[[pa.ChunkedArray, list[Any]], pa.ChunkedArray]] = {
    "EQ": lambda column, values: pc.equal(column, values[0]),
    "NE": lambda column, values: pc.not_equal(column, values[0]),
    "LT": lambda column, values: pc.less(column, values[0]),
    "LE": lambda column, values: pc.less_equal(column, values[0]),
    "GT": lambda column, values: pc.greater(column, values[0]),
    "GE": lambda column, values: pc.greater_equal(column, values[0]),
    "IN": lambda column, values: pc.is_in(column, pa.array(values, column.type)),
    "NOTIN": lambda column, values: pc.invert(pc.is_in(column, pa.array(values, column.type))),
}


def _holds(check: RangeCheck, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return for which values the range check holds; a missing value is the empty text."""
    if pa.types.is_floating(column.type):
        values: list[Any] = [float(value) for value in check.check_values]
        return pc.fill_null(_COMPARATORS[check.comparator](column, values), fill_value=False)
    return _COMPARATORS[check.comparator](pc.fill_null(column, ""), list(check.check_values))


def _cover(described: Sequence[pa.Array], table: pa.Table, place: tuple[str, str]) -> Iterator[Finding]:
    """Yield a finding for the values that no definition describes, and one for those that several do."""
    total = pa.array([0] * table.num_rows)
    for mask in described:
        total = pc.add(total, pc.cast(mask, "int64"))
    rules = {"undescribed": ("no", pc.equal(total, 0)), "twice": ("more than one", pc.greater(total, 1))}
    for rule, (words, mask) in rules.items():
        rows = table.filter(mask)
        if rows.num_rows:
            first = ", ".join(f"{name} {value}" for name, value in rows.slice(0, 1).to_pylist()[0].items())
            message = f"{words} value-level definition describes {rows.num_rows} of its values: {first}"
            yield _fault(f"agreement-value-{rule}", message, *place)
