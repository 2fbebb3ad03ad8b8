"""Derive what the CDISC pilot's sponsor derived of time, from its raw columns, and print how much is equal.

Run it as ``python tools/check_timing.py REFERENCE``, where REFERENCE is the folder of reference data. Study
days, epochs, baseline flags and elements are compared; every pattern in which they differ is printed.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context
from trialbridge.converters.derive_baseline import derive_baseline
from trialbridge.converters.derive_elements import derive_elements
from trialbridge.converters.derive_epoch import epochs
from trialbridge.converters.derive_timing import derive_study_day
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.design import Design
from trialbridge.study import read_study
from trialbridge.timing import parse_dtc

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "tests/pilot/study.toml"
PILOT = "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip"
QUESTIONNAIRES = ("qsco", "qsda", "qsgi", "qshi", "qsmm", "qsni")
PARTS: Mapping[str, tuple[str, ...]] = {
    "AE": ("ae",),
    "CM": ("cm",),
    "DS": ("ds",),
    "EX": ("ex",),
    "LB": ("lbch", "lbhe", "lbur"),
    "QS": QUESTIONNAIRES,
    "SV": ("sv",),
    "VS": ("vs",),
}
"""Domain -> the datasets that it is in."""
BEGINS: Mapping[str, str] = {
    **{code: f"{code}STDTC" for code in ("AE", "CM", "DS", "EX", "SV")},
    **{code: f"{code}DTC" for code in ("LB", "QS", "VS")},
}
"""Domain -> the date by which a record has its epoch."""
LEAST = {"EX": 99.9, "LB": 99.9, "VS": 99.9, "SV": 99.5, "AE": 97.0}
"""Per cent of epochs that must be the sponsor's; of the other domains the difference is only printed."""

Pattern = tuple[str | None, str | None]
Pilot = Mapping[str, pa.Table]


class Compared(NamedTuple):
    """How many records were compared, and what we have where the sponsor has another value."""

    rows: int
    differ: Counter[Pattern]

    @property
    def equal(self) -> float:
        """Per cent of records that are equal."""
        return 100 * (1 - self.differ.total() / self.rows)


class Flags(NamedTuple):
    """How many flags we set, how many the sponsor set, and how many are the same."""

    ours: int
    theirs: int
    both: int

    @property
    def precision(self) -> float:
        """The share of our flags that are the sponsor's."""
        return self.both / self.ours if self.ours else 1.0

    @property
    def recall(self) -> float:
        """The share of the sponsor's flags that are ours."""
        return self.both / self.theirs if self.theirs else 1.0


def pilot(reference: Path) -> dict[str, pa.Table]:
    """Return the pilot's datasets by name; a blank cell is null."""
    names = ("dm", "se", *(name for parts in PARTS.values() for name in parts))
    with zipfile.ZipFile(reference / PILOT) as archive:
        members = {Path(name).stem: name for name in archive.namelist() if name.endswith(".xpt")}
        return {name: _nulled(read_xpt(io.BytesIO(archive.read(members[name]))).table) for name in names}


def _nulled(table: pa.Table) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table[name]
        text = pa.types.is_string(column.type)
        columns[name] = (
            pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column) if text else column
        )
    return pa.table(columns)


def compare(ours: Sequence[str | None], theirs: Sequence[str | None]) -> Compared:
    """Return in how many records two columns differ, and how.

    Example:
        >>> compare(["A", "B"], ["A", None]).differ
        Counter({('B', None): 1})
    """
    pairs = zip(ours, theirs, strict=True)
    return Compared(len(ours), Counter(pair for pair in pairs if pair[0] != pair[1]))


def study_days(data: Pilot, domain: str) -> Compared:
    """Return how our study days differ from the sponsor's."""
    differ: Counter[Pattern] = Counter()
    rows = 0
    for table in (data[name] for name in PARTS[domain]):
        names = [f"{domain}{suffix}" for suffix in ("DY", "STDY", "ENDY")]
        there = [name for name in names if name in table.column_names]
        derived, _ = derive_study_day(table.drop_columns(there), Context(domain, data["dm"]))
        for name in there:
            found = compare(*(side[name].cast(pa.string()).to_pylist() for side in (derived, table)))
            differ += found.differ
            rows += found.rows
    return Compared(rows, differ)


def epochs_of(data: Pilot, domain: str, design: Design) -> Compared:
    """Return how our epochs, by the sponsor's own elements, differ from the sponsor's."""
    ours: list[str | None] = []
    theirs: list[str | None] = []
    for table in (data[name] for name in PARTS[domain]):
        times = parse_dtc(table[BEGINS[domain]])
        ours += epochs(table["USUBJID"], times, data["se"], design).to_pylist()
        theirs += table["EPOCH"].to_pylist()
    return compare(ours, theirs)


def baselines(data: Pilot, domain: str, design: Design) -> Flags:
    """Return how many of our baseline flags are the sponsor's."""
    name = f"{domain}BLFL"
    counts = Counter[str]()
    for table in (data[part] for part in PARTS[domain]):
        there = name in table.column_names
        bare = table.drop_columns([name]) if there else table
        derived, _ = derive_baseline(bare, Context(domain, data["dm"], design=design))
        ours = derived[name].is_valid()
        theirs = table[name].is_valid() if there else pa.array([False] * len(table))
        counts["ours"] += pc.sum(ours).as_py() or 0
        counts["theirs"] += pc.sum(theirs).as_py() or 0
        counts["both"] += pc.sum(pc.and_(ours, theirs)).as_py() or 0
    return Flags(counts["ours"], counts["theirs"], counts["both"])


def elements(data: Pilot, design: Design) -> dict[str, Counter[str]]:
    """Return, for each element, in how many subjects its dates are the sponsor's, and how they are not."""
    ours, _ = derive_elements(data["dm"], {"SV": data["sv"], "EX": data["ex"], "DS": data["ds"]}, design)
    sides = [
        {(row["USUBJID"], row["ETCD"]): (row["SESTDTC"], row["SEENDTC"]) for row in table.to_pylist()}
        for table in (ours, data["se"])
    ]
    found: dict[str, Counter[str]] = {}
    for key in sorted(sides[0].keys() | sides[1].keys()):
        mine, sponsors = (side.get(key) for side in sides)
        found.setdefault(key[1], Counter())[_agreement(mine, sponsors)] += 1
    return found


def _agreement(mine: tuple[str | None, ...] | None, sponsors: tuple[str | None, ...] | None) -> str:
    if mine is None or sponsors is None:
        return "only ours" if sponsors is None else "only the sponsor's"
    equal = [(one or "")[:10] == (other or "")[:10] for one, other in zip(mine, sponsors, strict=True)]
    return {(True, True): "equal", (True, False): "other end", (False, True): "other start"}.get(
        (equal[0], equal[1]), "other start and end"
    )


def report(reference: Path) -> Iterator[str]:
    """Yield the lines of the report."""
    data, design = pilot(reference), read_study(STUDY).design
    for domain in PARTS:
        found = study_days(data, domain)
        yield f"study days  {domain}  {found.equal:7.3f} % of {found.rows}{_patterns(found)}"
    for domain in PARTS:
        found = epochs_of(data, domain, design)
        least = f" (at least {LEAST[domain]})" if domain in LEAST else ""
        yield f"epochs      {domain}  {found.equal:7.3f} % of {found.rows}{least}{_patterns(found)}"
    for domain, rule in design.baseline.items():
        flags = baselines(data, domain, design)
        rates = f"precision {flags.precision:.4f}, recall {flags.recall:.4f} of {flags.theirs} flags"
        yield f"baseline    {domain}  {rule}: {rates}"
    for code, counts in elements(data, design).items():
        yield f"element     {code:6} " + ", ".join(f"{how}: {count}" for how, count in counts.most_common())


def _patterns(found: Compared) -> str:
    words = [f"{ours} for {theirs}: {count}" for (ours, theirs), count in found.differ.most_common(6)]
    return "; ours " + ", ".join(words) if words else ""


if __name__ == "__main__":
    for line in report(Path(sys.argv[1])):
        sys.stdout.write(f"{line}\n")
