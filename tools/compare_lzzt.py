"""Compare what becomes of the LZZT bundles with the pilot study's own SDTM, and say every difference.

Run it as ``python tools/compare_lzzt.py REFERENCE [OUT]``, where REFERENCE is the folder of reference data
and OUT is by default ``docs/lzzt-differences.md``. Only facts are written: counts, codes, units and the
results whose text differs.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import Conversion
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.study import read_study

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "tests/lzzt/study.toml"
REPORT = ROOT / "docs/lzzt-differences.md"
BUNDLES = "data/fhir/lzzt_r4"
UPDATED = "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip"
ORIGINAL = "data/sdtm/cdiscpilot01_original/cdiscpilot01_original_sdtm.zip"
MEMBERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "DM": (UPDATED, ("dm.xpt",)),
    "AE": (ORIGINAL, ("ae.xpt",)),
    "CM": (UPDATED, ("cm.xpt",)),
    "LB": (UPDATED, ("lbch.xpt", "lbhe.xpt", "lbur.xpt")),
    "MH": (UPDATED, ("mh.xpt",)),
    "VS": (UPDATED, ("vs.xpt",)),
}
"""Domain -> the archive and the datasets in it; the updated pilot has its LB in parts."""
TOLERANCE = 1e-3
MINUTE = len("2014-01-02T08:50")

Row = Mapping[str, Any]
Pairs = Sequence["Pair"]


class Pair(NamedTuple):
    """One record of ours and the pilot's record of the same result."""

    ours: Row
    pilot: Row


class Matched(NamedTuple):
    """The records of one domain that are the same, and those that only one side has."""

    pairs: list[Pair]
    only_ours: list[Row]
    only_pilot: list[Row]


def converted(reference: Path) -> Conversion:
    """Return the SDTM of the bundles, under the settings of `STUDY`."""
    return to_sdtm([reference / BUNDLES], read_study(STUDY))


def our_rows(conversion: Conversion, domain: str) -> list[Row]:
    """Return the records of a domain as we make them."""
    table = next(dataset.table for dataset in conversion.datasets if dataset.name == domain)
    return list(table.to_pylist())


def pilot_rows(reference: Path, domain: str, subjects: Iterable[str]) -> list[Row]:
    """Return the pilot's own records of a domain, of `subjects` alone."""
    wanted = pa.array(sorted(set(subjects)))
    archive, members = MEMBERS[domain]
    found: list[Row] = []
    with zipfile.ZipFile(reference / archive) as opened:
        names = {Path(name).name: name for name in opened.namelist()}
        for member in members:
            table = read_xpt(io.BytesIO(opened.read(names[member]))).table
            found += table.filter(pc.is_in(table["USUBJID"], wanted)).to_pylist()
    return found


def number(text: str | None) -> Decimal | str | None:
    """Return a text as the number it is, else as it stands.

    Example:
        >>> number("4.30") == number("4.3"), number("<40")
        (True, '<40')
    """
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return text


def match_findings(domain: str, ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the records matched on subject, test, --DTC to the minute, and --ORRES as a number.

    Where several are equal in all of that, those of the same position belong together.
    """

    def key(row: Row) -> tuple[object, ...]:
        minute = (row[f"{domain}DTC"] or "")[:MINUTE]
        return (row["USUBJID"], row[f"{domain}TESTCD"], minute, number(row[f"{domain}ORRES"]))

    return matched(ours, pilot, key, lambda row: row.get(f"{domain}POS") or "")


def match_events(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the adverse events matched on subject, term, start, severity and outcome."""
    names = ("USUBJID", "AETERM", "AESTDTC", "AESEV", "AEOUT")
    return matched(ours, pilot, lambda row: tuple(row[name] for name in names), lambda row: row["AESEQ"])


def match_medications(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the medications matched on subject, name, start and end.

    Records of equal content are told apart by their order alone: the pilot repeats one at each visit.
    """
    names = ("USUBJID", "CMTRT", "CMSTDTC", "CMENDTC")
    return matched(ours, pilot, lambda row: tuple(row[name] for name in names), lambda row: row["CMSEQ"])


def match_history(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the conditions matched on subject, term, start and day of record.

    The pilot's MHTERM is masked; what its MHDECOD says, the bundles say as the name of the condition.
    """

    def key(row: Row) -> tuple[object, ...]:
        term = row.get("MHDECOD") or row["MHTERM"]
        return (row["USUBJID"], term.upper(), row["MHSTDTC"], row["MHDTC"])

    return matched(ours, pilot, key, lambda row: row["MHSEQ"])


def matched(
    ours: Iterable[Row],
    pilot: Iterable[Row],
    key: Callable[[Row], object],
    order: Callable[[Row], Any],
) -> Matched:
    """Return the records of both sides that are equal in `key`, one to one, in `order` where several are."""
    sides: dict[object, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for number_, rows in enumerate((ours, pilot)):
        for row in rows:
            sides[key(row)][number_].append(row)
    found = Matched([], [], [])
    for left, right in sides.values():
        left.sort(key=order)
        right.sort(key=order)
        found.pairs.extend(map(Pair, left, right))
        found.only_ours.extend(left[len(right) :])
        found.only_pilot.extend(right[len(left) :])
    return found


def text_differences(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose text in a variable differs, in an order of their own."""
    found = [pair for pair in pairs if pair.ours[name] != pair.pilot[name]]
    keys = ("USUBJID", f"{name[:2]}TESTCD", f"{name[:2]}DTC")
    return sorted(found, key=lambda pair: [pair.ours[key] for key in keys])


def contradicted(pair: Pair, domain: str) -> bool:
    """Return whether the unit in the bundle is not the pilot's, where the pilot has one."""
    unit = pair.pilot[f"{domain}ORRESU"]
    return unit is not None and pair.ours[f"{domain}ORRESU"] != unit


def close(one: float | None, other: float | None, tolerance: float = TOLERANCE) -> bool:
    """Return whether two numbers are equal within a relative tolerance, or both missing.

    Example:
        >>> close(38.0, 38.01), close(3.8, 38.0), close(None, None), close(None, 0.0)
        (True, False, True, False)
    """
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=tolerance)


def far(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose numbers in a variable differ by more than the tolerance."""
    return [pair for pair in pairs if not close(pair.ours[name], pair.pilot[name])]


def other_range(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose bound of the reference range, as collected, is another number."""
    return [pair for pair in pairs if number(pair.ours[name]) != number(pair.pilot[name])]


def report(reference: Path) -> str:
    """Return the page of all differences."""
    return "\n".join([*_head(), *_all(converted(reference), reference)]) + "\n"


def _head() -> Iterator[str]:
    yield "<!-- Generated by tools/compare_lzzt.py; do not edit. -->"
    yield "# LZZT: the bundles' SDTM and the pilot's own"
    yield ""
    yield "The CDISC pilot study exists as SDTM, and eight of its subjects as FHIR R4 bundles that others"
    yield "made of it. This page compares what trialbridge makes of the bundles with the pilot's SDTM: CM,"
    yield "DM, LB, MH and VS with the updated pilot, AE with the original one. Every difference is here."
    yield ""
    yield "## Settings"
    yield ""
    yield "Every override of the study configuration:"
    yield ""
    yield from _table(("Setting", "Value"), read_study(STUDY).overrides())


def _all(conversion: Conversion, reference: Path) -> Iterator[str]:
    subjects = [row["USUBJID"] for row in our_rows(conversion, "DM")]
    sides = {
        domain: (our_rows(conversion, domain), pilot_rows(reference, domain, subjects)) for domain in MEMBERS
    }
    found = {domain: match_findings(domain, *sides[domain]) for domain in ("LB", "VS")}
    found["AE"] = match_events(*sides["AE"])
    found["CM"] = match_medications(*sides["CM"])
    found["MH"] = match_history(*sides["MH"])
    yield from ("", "## Records", "")
    yield from _table(
        ("Domain", "Bundles", "Pilot", "Matched", "Only in one"),
        [
            (code, *map(len, sides[code]), len(one.pairs), len(one.only_ours) + len(one.only_pilot))
            for code, one in found.items()
        ],
    )
    yield ""
    yield "LB and VS are matched on subject, --TESTCD, --DTC to the minute, and --ORRES as a number; AE is"
    yield "matched on subject, AETERM, AESTDTC, AESEV and AEOUT; CM on subject, CMTRT, CMSTDTC and CMENDTC;"
    yield "MH on subject, MHSTDTC, MHDTC, and our MHTERM with the pilot's MHDECOD, for its MHTERM is masked."
    yield from _unmatched(found["CM"], ("CMTRT", "CMSTDTC"))
    yield from _units(found)
    yield from _standard_results(found)
    yield from _ranges(found["LB"].pairs)
    yield from _variables(found)
    yield from _demographics(*sides["DM"])
    yield from _findings(conversion)
    yield from _texts(found)


def _unmatched(found: Matched, names: Sequence[str]) -> Iterator[str]:
    yield from ("", "In one only:", "")
    sides = (("bundles", found.only_ours), ("pilot", found.only_pilot))
    rows = Counter((side, *(row[name] for name in names)) for side, only in sides for row in only)
    yield from _table(("Side", *names, "Records"), [(*key, count) for key, count in sorted(rows.items())])


def _units(found: Mapping[str, Matched]) -> Iterator[str]:
    yield from ("", "## Tests and units", "")
    rows: Counter[tuple[str, ...]] = Counter()
    for domain in ("LB", "VS"):
        names = [f"{domain}{suffix}" for suffix in ("ORRESU", "STRESU")]
        for ours, pilot in found[domain].pairs:
            cells = [str(side[name] or "") for name in names for side in (ours, pilot)]
            rows[domain, ours[f"{domain}TESTCD"], *cells] += 1
    yield from _table(
        ("Domain", "Test", "Unit", "Unit, pilot", "Standard unit", "Standard unit, pilot", "Records"),
        [(*key, count) for key, count in sorted(rows.items())],
    )


def _standard_results(found: Mapping[str, Matched]) -> Iterator[str]:
    yield from ("", "## Standard results", "")
    yield "--STRESN is the pilot's within 0.1 %. Listed is every other one, and every result whose unit in"
    yield "the bundle is not the pilot's --ORRESU."
    yield ""
    rows = []
    for domain in ("LB", "VS"):
        test, unit, result = (f"{domain}{suffix}" for suffix in ("TESTCD", "ORRESU", "STRESN"))
        for ours, pilot in found[domain].pairs:
            if contradicted(Pair(ours, pilot), domain) or not close(ours[result], pilot[result]):
                cells = [side[name] for name in (unit, f"{domain}ORRES", result) for side in (ours, pilot)]
                rows.append((domain, ours[test], *(_cell(cell) for cell in cells)))
    names = ("Unit", "Result", "Standard")
    columns = [column for name in names for column in (name, f"{name}, pilot")]
    yield from _table(("Domain", "Test", *columns), rows)


def _ranges(pairs: Pairs) -> Iterator[str]:
    yield from ("", "## Reference ranges", "")
    names = ("LBORNRLO", "LBORNRHI")
    yield from _table(
        ("Variable", "Records with one", "Other number", "Other text"),
        [
            (
                name,
                sum(pair.pilot[name] is not None for pair in pairs),
                len(other_range(pairs, name)),
                sum(pair.ours[name] != pair.pilot[name] for pair in pairs),
            )
            for name in names
        ],
    )
    yield ""
    yield "The standard bounds are the collected ones converted. The pilot rounds some of its own to two or"
    yield "three digits; listed are those that differ by more than 0.1 %."
    yield ""
    rows: Counter[tuple[str, ...]] = Counter()
    for name in ("LBSTNRLO", "LBSTNRHI"):
        for ours, pilot in far(pairs, name):
            rows[name, ours["LBTESTCD"], _cell(ours[name]), _cell(pilot[name])] += 1
    yield from _table(
        ("Variable", "Test", "Ours", "Pilot", "Records"),
        [(*key, count) for key, count in sorted(rows.items())],
    )


COMPARED: Mapping[str, tuple[str, ...]] = {
    "LB": ("LBTESTCD", "LBTEST", "LBCAT", "LBNRIND", "LBDY"),
    "VS": ("VSTESTCD", "VSTEST", "VSPOS", "VSLOC", "VSDY"),
    "AE": ("AETERM", "AESEV", "AESER", "AEREL", "AEOUT", "AESTDTC", "AEENDTC", "AESTDY"),
    "CM": ("CMTRT", "CMDOSE", "CMDOSU", "CMDOSFRQ", "CMROUTE", "CMSTDTC", "CMENDTC"),
    "MH": ("MHDTC", "MHSTDTC"),
}


def _variables(found: Mapping[str, Matched]) -> Iterator[str]:
    yield from ("", "## Other variables", "", "By variable, the values that differ.", "")
    rows: list[tuple[object, ...]] = []
    for domain, names in COMPARED.items():
        for name in names:
            rows += _of_variable(domain, name, found[domain].pairs)
    yield from _table(("Variable", "Of", "Ours", "Pilot", "Records"), rows)


def _of_variable(domain: str, name: str, pairs: Pairs) -> list[tuple[object, ...]]:
    """Return the differing values of a variable; study days by subject, for they hang on one date of it."""
    counted: Counter[tuple[str, str, str]] = Counter()
    days = name.endswith("DY")
    for ours, pilot in pairs:
        if ours.get(name) != pilot.get(name):
            of = ours["USUBJID"] if days or f"{domain}TESTCD" not in ours else ours[f"{domain}TESTCD"]
            values = ("counted from RFSTDTC", "") if days else (_cell(ours.get(name)), _cell(pilot.get(name)))
            counted[of, *values] += 1
    return [(name, *key, count) for key, count in sorted(counted.items())] or [(name, "all equal", "", "", 0)]


DEMOGRAPHICS = (
    *("SEX", "SITEID", "ARM", "ACTARM", "ARMNRS", "RFSTDTC"),
    *("AGE", "RACE", "ETHNIC", "RFENDTC", "COUNTRY"),
)


def _demographics(ours: Sequence[Row], pilot: Sequence[Row]) -> Iterator[str]:
    yield from ("", "## Demographics", "", "Each subject, with the variables that differ.", "")
    others = {row["USUBJID"]: row for row in pilot}
    rows = []
    for row in ours:
        other = others[row["USUBJID"]]
        differing = {
            name: (row[name], other.get(name)) for name in DEMOGRAPHICS if row[name] != other.get(name)
        }
        equal = [name for name in DEMOGRAPHICS if name not in differing]
        said = [
            f"{name} {' / '.join(_cell(one) or 'blank' for one in both)}" for name, both in differing.items()
        ]
        rows.append((row["USUBJID"], " ".join(equal), "; ".join(said)))
    yield from _table(("Subject", "Equal", "Ours / pilot"), rows)


def _findings(conversion: Conversion) -> Iterator[str]:
    yield from ("", "## Findings of the run", "")
    names = ("severity", "rule", "variable", "record", "message", "count")
    rows = [[getattr(one, name) for name in names] for one in conversion.findings]
    yield from _table(("Severity", "Rule", "Variable", "Record", "What", "Count"), rows)


def _texts(found: Mapping[str, Matched]) -> Iterator[str]:
    yield from ("", "## Results whose text differs", "")
    yield "The bundles' numbers lost the zeros that the pilot's text has. --ORRES is what the bundle says:"
    yield "nothing is padded."
    yield ""
    rows = []
    for domain in ("LB", "VS"):
        names = [f"{domain}{suffix}" for suffix in ("TESTCD", "DTC")]
        name = f"{domain}ORRES"
        for ours, pilot in text_differences(found[domain].pairs, name):
            rows.append((domain, ours["USUBJID"], *(ours[one] for one in names), ours[name], pilot[name]))
    counts = Counter(row[0] for row in rows)
    yield ", ".join(f"{domain}: {count}" for domain, count in counts.items()) + "."
    yield ""
    yield from _table(("Domain", "Subject", "Test", "Date", "Bundle", "Pilot"), rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def main(arguments: Sequence[str]) -> None:
    """Print the page and write it."""
    reference = Path(arguments[0])
    out = Path(arguments[1]) if len(arguments) > 1 else REPORT
    page = report(reference)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8", newline="\n")
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
