"""Puts the rows of other datasets beside those that are checked: on keys, by --SUPP links, by RELREC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, flags, keys_of, pairs, plain_numbers
from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.model import Match
from trialbridge.core_rules.relrec import with_related
from trialbridge.core_rules.view import Found, Side, View, code_of
from trialbridge.validation.frame import Frame, Mask, Rows
from trialbridge.validation.package import Package

REFERENCE = "\x1freference"
"""The name under which a view has what IDVAR and IDVARVAL point at."""
_CHILDREN = ("SUPP--", "CO", "RELREC")


def joined(package: Package, view: View, matches: Sequence[Match], names: Sequence[str]) -> View:
    """Return a view with what a rule matches beside its rows; `names` are those that the rule speaks of.

    Raises:
        Absent: A dataset to join is not in the package, or has not the keys.
    """
    frame = view.frame
    if frame is None:
        return view
    for match in matches:
        if match.child:
            if match.domain_name in _names_of(frame):
                view = _with_parents(package, view)
        elif match.domain_name == "RELREC":
            view = with_related(package, view, match.wildcard, names)
        elif match.domain_name != frame.name:
            view = _beside(view, _other(package, match.domain_name), match)
    return view


def _names_of(frame: Frame) -> set[str]:
    return {frame.name, "SUPP--"} if frame.name.startswith("SUPP") else {frame.name}


def _other(package: Package, name: str) -> Frame:
    found = package.frame(name)
    if found is None:
        raise Absent(f"no dataset {name}")
    return found


def _beside(view: View, other: Frame, match: Match) -> View:
    """Return the view with the rows of another dataset that have the same keys; a row without one goes."""
    named = [(key, key) if isinstance(key, str) else (key["left"], key["right"]) for key in match.match_key]
    right_names = [code_of(other) + key[2:] if key.startswith("--") else key for _, key in named]
    lacking = [name for name in right_names if name not in other.variables]
    if lacking:
        raise Absent(f"no {', '.join(lacking)} in {other.name}")
    left_keys = keys_of([view.cells(key).text for key, _ in named])
    right_keys = keys_of([other.text(name) for name in right_names])
    left, right = pairs(left_keys, right_keys)
    if other.name.startswith("SUPP"):
        kept = _linked(view, other, left, right)
        left, right = left[kept], right[kept]
    return taken(view, left, (Side(other, right),))


def _linked(view: View, supplemental: Frame, left: Rows, right: Rows) -> Mask:
    """Return which pairs IDVAR and IDVARVAL allow: a supplemental record belongs to the record it names."""
    if "IDVAR" not in supplemental.variables or "IDVARVAL" not in supplemental.variables:
        return np.ones(len(left), np.bool_)
    idvar, value = (supplemental.text(name).take(pa.array(right)) for name in ("IDVAR", "IDVARVAL"))
    kept = ~flags(idvar.is_valid())
    for name in pc.unique(idvar).drop_null().to_pylist():
        if view.frame is not None and name in view.frame.variables:
            own = view.cells(name).text.take(pa.array(left))
            same = flags(pc.equal(plain_numbers(own), plain_numbers(value)))
            kept |= same & flags(pc.equal(idvar, name))
    return kept


def taken(view: View, rows: Rows, sides: Sequence[Side] = ()) -> View:
    """Return some rows of a view, with more datasets beside them."""
    kept = tuple(Side(side.frame, rows if side.rows is None else side.rows[rows]) for side in view.sides)
    source = None if view.source is None else view.source[rows]
    named: dict[str, Found] = {
        name: Cells(found.values.take(pa.array(rows)))
        for name, found in view.named.items()
        if isinstance(found, Cells) and (name == REFERENCE or name.startswith("RELREC."))
    }
    return replace(view, rows=len(rows), source=source, sides=(*kept, *sides), named=named)


def _with_parents(package: Package, view: View) -> View:
    """Return the view with the value that IDVAR and IDVARVAL point at; null where there is none."""
    columns = [view.cells(name) for name in ("RDOMAIN", "IDVAR", "IDVARVAL", "USUBJID")]
    domain, idvar, value, subject = (one.text for one in columns)
    found = np.zeros(view.rows, np.bool_)
    links = (
        pa.table({"domain": domain, "idvar": idvar}).group_by(["domain", "idvar"]).aggregate([]).to_pylist()
    )
    for link in links:
        parent = package.frame(link["domain"] or "")
        if parent is None or link["idvar"] not in parent.variables:
            continue
        here = flags(pc.and_(pc.equal(domain, link["domain"]), pc.equal(idvar, link["idvar"])))
        known = keys_of([parent.text("USUBJID"), plain_numbers(parent.text(link["idvar"]))])
        found |= here & flags(pc.is_in(keys_of([subject, plain_numbers(value)]), value_set=known))
    pointed = pc.if_else(pa.array(found), value, pa.nulls(view.rows, pa.string()))
    return replace(view, named={**view.named, REFERENCE: Cells(pointed)})
