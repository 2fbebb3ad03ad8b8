"""What a define.xml says of datasets, as datasets without rows: for formats that are silent of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa

from trialbridge.define_xml.model import Define, ItemDef, ItemGroupDef
from trialbridge.model import Dataset, Variable

NUMBERS = frozenset({"integer", "float", "double", "decimal"})


def datasets_of(define: Define) -> dict[str, Dataset]:
    """Return dataset name -> the dataset as it is described, without rows."""
    version = define.study.meta_data_version
    items = {item.oid: item for item in version.item_defs}
    return {group.name.upper(): _dataset(group, items) for group in version.item_group_defs}


def _dataset(group: ItemGroupDef, items: Mapping[str, ItemDef]) -> Dataset:
    variables = tuple(_variable(items[ref.item_oid]) for ref in group.item_refs if ref.item_oid in items)
    kinds = {"Char": pa.string(), "Num": pa.float64()}
    table = pa.table({one.name: pa.array([], kinds[one.type]) for one in variables})
    return Dataset(group.name.upper(), group.description or "", variables, table, structure=group.structure)


def _variable(item: ItemDef) -> Variable:
    kind: Literal["Char", "Num"] = "Num" if item.data_type in NUMBERS else "Char"
    length = item.length if kind == "Char" else None
    return Variable(item.name.upper(), item.description or "", kind, length, item.display_format or "")
