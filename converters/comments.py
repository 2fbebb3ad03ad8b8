"""CO: notes on records that no qualifier holds, or that say who made them and when.

The first note of a resource that names neither author nor time is a qualifier of its record, where the domain
has one for it. Every other note is a comment on the record, and stands in CO alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import joined, split
from trialbridge.context import Context, Derived
from trialbridge.converters.datasets import pieces
from trialbridge.converters.derive import derive
from trialbridge.converters.derive_sequence import total_order
from trialbridge.converters.references import RECORDED
from trialbridge.converters.stage import column
from trialbridge.elements import elements
from trialbridge.registry import declarations
from trialbridge.standards import ig_datasets, keys
from trialbridge.versions import VERSIONS

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan
    from trialbridge.findings import Finding
    from trialbridge.mapping import Domain
    from trialbridge.vocabulary import Vocabulary

TEXT, TIME, NAMED, REFERRED = (
    f"note[*].{part}" for part in ("text", "time", "authorString", "authorReference.reference")
)
NOTES: Mapping[str, tuple[str, ...]] = {
    kind: (TEXT, TIME, NAMED, REFERRED)
    for kind in sorted(RECORDED)
    if any("note" in elements(kind, version) for version in VERSIONS)
}
"""Resource type -> where its notes stand."""

EVALUATORS = {"Patient": "STUDY SUBJECT", "Practitioner": "HEALTH CARE PROFESSIONAL"}
"""Type of who wrote a note -> COEVAL."""

Row = dict[str, Any]


class Note(NamedTuple):
    """One note: its text, its time, what its author is, and whether it says who or when at all."""

    text: str
    time: str | None
    evaluator: str | None
    signed: bool


def comments(tables: Mapping[str, pa.Table], plan: Plan) -> tuple[dict[str, pa.Table], list[Finding]]:
    """Return the tables with CO, where there is any comment, and what there is to say of it.

    What stands in CO is no qualifier any more.

    Args:
        tables: Domain -> its records, with --SEQ and pointers to their resources.
        plan: What was read.
    """
    found, rows = dict(tables), list[Row]()
    for code in sorted(set(tables) & set(ig_datasets())):
        table = tables[code]
        if f"{code}SEQ" in table.column_names:
            for number, domain in enumerate(declarations(code)):
                if domain.source in NOTES and plan.staged.table(domain.source) is not None:
                    found[code], some = _of_declaration(found[code], number, domain, plan)
                    rows += some
    if rows:
        found["CO"], findings = _table(rows, found["DM"], plan)
        return found, findings
    return found, []


def _of_declaration(table: pa.Table, number: int, domain: Domain, plan: Plan) -> tuple[pa.Table, list[Row]]:
    """Return the records without what is a comment, and the comments on those of one declaration."""
    staged = plan.staged.table(domain.source)
    assert staged is not None  # noqa: S101 -- asked before
    chosen = np.flatnonzero(column(table, "_declaration").to_numpy(zero_copy_only=False) == number)
    base = column(table, "_row").take(pa.array(chosen))
    texts = joined(column(staged, TEXT)).take(base)
    noted = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    if not len(noted):
        return table, []
    parts = [
        joined(column(staged, path)).take(base).take(pa.array(noted))
        for path in (TEXT, TIME, NAMED, REFERRED)
    ]
    qualifier = f"{domain.code}NOTE" if f"{domain.code}NOTE" in domain.supp else ""
    rows, moved, told = list[Row](), list[int](), set[int]()
    for place, row, *cells in zip(
        chosen[noted].tolist(),
        base.take(pa.array(noted)).to_pylist(),
        *(part.to_pylist() for part in parts),
        strict=True,
    ):
        notes = list(_notes(cells, plan.study.vocabulary))
        if not notes:  # a note without a word
            continue
        first, *others = notes
        if not qualifier or first.signed:
            others.insert(0, first)
            moved.append(place)
        rows += [_row(table, domain, place, note) for note in others if row not in told]
        told.add(row)
    return _without(table, qualifier, moved), rows


def _without(table: pa.Table, qualifier: str, moved: Sequence[int]) -> pa.Table:
    """Return the records without the qualifier where its text is a comment now."""
    if not moved or qualifier not in table.column_names:
        return table
    gone = np.zeros(len(table), bool)
    gone[moved] = True
    kept = pc.if_else(pa.array(gone), None, column(table, qualifier))
    return table.set_column(table.column_names.index(qualifier), qualifier, kept)


def _notes(cells: Sequence[str | None], vocabulary: Vocabulary) -> Iterator[Note]:
    """Return the notes of one resource: text, time and who wrote it."""
    texts, *others = (split(cell) if cell else [] for cell in cells)
    for number, text in enumerate(texts):
        time, name, reference = (one[number] if number < len(one) else "" for one in others)
        kind = reference.rpartition("/")[0].rpartition("/")[2]
        found = EVALUATORS.get(kind) or (vocabulary.find("EVAL", name) if name else None)
        yield Note(text, time or None, found, bool(time or name or reference))


def _row(table: pa.Table, domain: Domain, place: int, note: Note) -> Row:
    sequence = f"{domain.code}SEQ"
    return {
        "STUDYID": table["STUDYID"][place].as_py(),
        "DOMAIN": "CO",
        "RDOMAIN": domain.code,
        "USUBJID": table["USUBJID"][place].as_py(),
        "IDVAR": sequence,
        "IDVARVAL": str(int(table[sequence][place].as_py())),
        "COVAL": note.text,
        "COEVAL": note.evaluator,
        "CODTC": note.time,
        "_kind": domain.source,
        "_row": table["_row"][place].as_py(),
        "_id": table["_id"][place].as_py(),
    }


def _table(rows: Sequence[Row], subjects: pa.Table, plan: Plan) -> Derived:
    """Return CO, in its order and with COSEQ and CODY; a long comment goes on in COVAL1 and so forth."""
    columns = {
        name: pa.array([row[name] for row in rows], pa.int64() if name == "_row" else pa.string())
        for name in rows[0]
    }
    columns["_declaration"] = pa.array(np.full(len(rows), -1, np.int8))
    columns["_item"] = pa.array([""] * len(rows), pa.string())
    parts = pieces(columns["COVAL"])
    columns |= {f"COVAL{number or ''}": part for number, part in enumerate(parts)}
    table = pa.table(columns)
    table = table.take(pa.array(total_order(table, keys("CO"))))
    return derive(plan.earlier.told("CO", table), Context("CO", subjects))
