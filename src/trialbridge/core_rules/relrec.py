"""The records that RELREC relates to those of a dataset, beside them: ``RELREC.FAOBJ``, ``RELREC.**TERM``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, keys_of, pairs, plain_numbers
from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.view import Side, View
from trialbridge.validation.frame import Frame, Rows
from trialbridge.validation.package import Package

_PREFIX = "RELREC."


@dataclass(frozen=True, eq=False)
class _Related:
    """Rows of the dataset, and the rows of another that are related to them."""

    left: Rows
    other: Frame
    right: Rows


def with_related(package: Package, view: View, wildcard: str, names: Sequence[str]) -> View:
    """Return the rows that have related records in another dataset, with the variables of those.

    A related record is looked at where its dataset has one of these variables; those it has not are blank.

    Raises:
        Absent: There is no RELREC, or it relates nothing of these variables to the dataset.
    """
    relrec, frame = package.frame("RELREC"), view.frame
    if relrec is None or frame is None:
        raise Absent("no dataset RELREC")
    wanted = sorted(name for name in names if name.startswith(_PREFIX))
    segments = [
        one
        for one in _segments(package, relrec, frame)
        if any(_variable(one.other, n, wildcard) for n in wanted)
    ]
    if not segments:
        raise Absent(f"no record of {frame.name} is related to one with {', '.join(wanted)}")
    rows = np.concatenate([one.left for one in segments])
    named = {
        name: Cells(pa.concat_arrays([_values(one, name, wildcard) for one in segments])) for name in wanted
    }
    return replace(view, rows=len(rows), source=rows, sides=(Side(frame, rows),), named=dict(named))


def _variable(other: Frame, name: str, wildcard: str) -> str | None:
    """Return the variable of the other dataset that a name asks for: ``**TERM`` is AETERM in AE."""
    asked = name.removeprefix(_PREFIX)
    if asked.startswith(wildcard):
        if wildcard not in {"**", other.name}:
            return None
        asked = other.code + asked[len(wildcard) :]
    return asked if asked in other.variables else None


def _values(one: _Related, name: str, wildcard: str) -> pa.Array:
    variable = _variable(one.other, name, wildcard)
    if variable is None:
        return pa.nulls(len(one.right), pa.string())
    return one.other.text(variable).take(pa.array(one.right))


def _segments(package: Package, relrec: Frame, frame: Frame) -> Iterator[_Related]:
    """Yield the related rows, one piece for each pair of variables that relate two datasets."""
    columns = ("USUBJID", "RELID", "RDOMAIN", "IDVAR", "IDVARVAL")
    table = pa.table({name: relrec.text(name) for name in columns})
    group = keys_of([table["USUBJID"].combine_chunks(), table["RELID"].combine_chunks()])
    own = np.flatnonzero(pc.fill_null(pc.equal(table["RDOMAIN"], frame.name), False).to_numpy())  # noqa: FBT003
    left, right = pairs(group.take(pa.array(own)), group)
    first, second = table.take(pa.array(own[left])), table.take(pa.array(right))
    both = pa.table({**{f"l{n}": first[n] for n in columns}, **{f"r{n}": second[n] for n in columns}})
    both = both.filter(pc.fill_null(pc.not_equal(both["rRDOMAIN"], frame.name), False))  # noqa: FBT003
    kinds = both.select(["lIDVAR", "rRDOMAIN", "rIDVAR"])
    for kind in kinds.group_by(kinds.column_names).aggregate([]).to_pylist():
        other = package.frame(kind["rRDOMAIN"] or "")
        if other is None or kind["lIDVAR"] not in frame.variables or kind["rIDVAR"] not in other.variables:
            continue
        of_kind = both
        for name, value in kind.items():
            of_kind = of_kind.filter(pc.equal(of_kind[name], value))
        yield _related(frame, other, of_kind, (kind["lIDVAR"], kind["rIDVAR"]))


def _related(frame: Frame, other: Frame, links: pa.Table, idvars: tuple[str, str]) -> _Related:
    """Return the rows that links of one kind relate: each by its value, or whole datasets by equal values."""
    one_by_one = links.filter(links["lIDVARVAL"].is_valid())
    left_keys = keys_of([frame.text("USUBJID"), plain_numbers(frame.text(idvars[0]))])
    right_keys = keys_of([other.text("USUBJID"), plain_numbers(other.text(idvars[1]))])
    subject = one_by_one["lUSUBJID"].combine_chunks()
    link, left = pairs(keys_of([subject, plain_numbers(one_by_one["lIDVARVAL"].combine_chunks())]), left_keys)
    values = keys_of([subject, plain_numbers(one_by_one["rIDVARVAL"].combine_chunks())]).take(pa.array(link))
    at, right = pairs(values, right_keys)
    lefts, rights = [left[at]], [right]
    if len(one_by_one) < len(links):
        whole = [pc.if_else(frame.text(idvars[0]).is_valid(), left_keys, None), right_keys]
        more_left, more_right = pairs(*whole)
        lefts.append(more_left)
        rights.append(more_right)
    return _Related(np.concatenate(lefts), other, np.concatenate(rights))
