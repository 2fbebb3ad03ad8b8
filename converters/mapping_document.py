"""The annotated mapping of a study: which element of FHIR feeds which variable, counted in its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trialbridge.converters.contents import Contents
from trialbridge.converters.feeds import HOW, Feed, Shapes
from trialbridge.converters.manifest import Manifest
from trialbridge.units import conversion
from trialbridge.vocabulary import BASES

Row = tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """One table of the document: its title, what it says, its head and its rows."""

    title: str
    lead: str
    head: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class MappingDocument:
    """The document: what it is of, how each variable is filled, and the tables beside that.

    Attributes:
        study: STUDYID.
        title: Title of the study.
        facts: Name -> value, of the run.
        overview: One row a dataset.
        variables: One row for each way in which a variable is filled.
        sheets: The other tables.
    """

    study: str
    title: str
    facts: Mapping[str, str]
    overview: Sheet
    variables: Sheet
    sheets: tuple[Sheet, ...]

    @property
    def tables(self) -> tuple[Sheet, ...]:
        """All tables, in their order."""
        return (self.overview, self.variables, *self.sheets)


def mapping_document(
    run: Manifest, folder: Path, contents: Sequence[Contents], feeds: Sequence[Feed], shapes: Shapes
) -> MappingDocument:
    """Return the document of a run.

    Args:
        run: Its manifest.
        folder: Its folder.
        contents: What is in its datasets.
        feeds: How each variable is filled.
        shapes: What its records came from.
    """
    facts = {
        "Study": run.study,
        "Standards": ", ".join(f"{name} {version}" for name, version in run.standards.items()),
        "Resources": ", ".join(f"{count:,} {status}" for status, count in run.ledger.items()),
        "Records": f"{sum(one.records for one in contents):,} in {len(contents)} datasets",
        "Software": f"trialbridge {run.software.get('trialbridge', '')}",
        "Data as of": run.created[:10],
    }
    sheets = (
        _sheet("Codes", CODES, ("Dataset", "Variable", "Term", "Records", "Codes"), _codes(feeds, contents)),
        _sheet("Tests", TESTS, ("Dataset", "Test", "LOINC", "By", "Records"), _tests(run)),
        _sheet("Units", UNITS, UNIT_COLUMNS, _units(contents)),
        _sheet("Settings", SETTINGS, ("Setting", "Value"), run.overrides),
        _sheet("Not mapped", NOT_MAPPED, ("Resource type", "What", "Reason", "Resources"), _ledger(folder)),
        _sheet("Unknown codes", UNKNOWN, CODE_COLUMNS, _unknown(folder)),
        _sheet("Unread elements", UNREAD, ("Element", "Count"), _unread(folder)),
    )  # fmt: skip
    return MappingDocument(
        run.study, run.title, facts, _overview(contents, feeds, shapes), _variables(feeds), sheets
    )


OVERVIEW = "The datasets, the resources that their records came from, and how their values came about."
VARIABLES = (
    "One row for each way in which a variable is filled, with the number of records that have a value by it. "
    "A path is read from the resource; name-> follows a reference."
)
CODES = "The terms in the data, and every code that the mapping takes for each."
TESTS = "The tests in the data, and by whose word a code is that test."
UNIT_COLUMNS = ("Dataset", "Test", "Collected", "Standard", "Factor", "Records")
CODE_COLUMNS = ("Dataset", "Variable", "System", "Code", "Text", "Records")
UNITS = "What each result is multiplied by to be in its standard unit."
SETTINGS = "What the study's own settings say: all else is as the mapping has it."
NOT_MAPPED = "Every resource that became no record, by the reason."
UNKNOWN = "Codes and texts that no table knows; what they are of is blank, or stands as it was sent."
UNREAD = "Elements that are in the data and that no rule reads."


def _sheet(title: str, lead: str, head: Row, rows: Iterator[Row] | Sequence[Row]) -> Sheet:
    return Sheet(title, lead, head, tuple(tuple(row) for row in rows))


def _overview(contents: Sequence[Contents], feeds: Sequence[Feed], shapes: Shapes) -> Sheet:
    ways: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for feed in feeds:
        ways[feed.dataset][feed.how].add(feed.variable)
    rows = (
        (
            one.name,
            one.label,
            f"{one.records:,}",
            ", ".join(_came(shapes.sources.get(one.name, Counter()))),
            ", ".join(f"{len(ways[one.name][how])} {HOW[how]}" for how in HOW if ways[one.name][how]),
        )
        for one in contents
    )
    return _sheet("Datasets", OVERVIEW, ("Dataset", "Label", "Records", "From", "Variables"), list(rows))


def _came(sources: Counter[str]) -> Iterator[str]:
    for kind, records in sorted(sources.items(), key=lambda one: (-one[1], one[0])):
        yield f"{kind or 'other records'} ({records:,})"


def _variables(feeds: Sequence[Feed]) -> Sheet:
    head = ("Dataset", "Variable", "Label", "Records", "Of", "How", "Resource", "Elements", "Rule")
    rows = (
        (
            feed.dataset, feed.variable, feed.label, f"{feed.records:,}", f"{feed.share:,}", HOW[feed.how],
            feed.resource, "\n".join(feed.elements), feed.rule,
        )
        for feed in feeds
    )  # fmt: skip
    return _sheet("Variables", VARIABLES, head, list(rows))


def _codes(feeds: Sequence[Feed], contents: Sequence[Contents]) -> Iterator[Row]:
    """Yield the terms of each variable that a table of codes fills: records, and the codes taken for it."""
    known: dict[tuple[str, str], dict[str, dict[str, None]]] = defaultdict(dict)
    for feed in feeds:
        for term, codes in feed.codes.items():
            known[feed.dataset, feed.variable].setdefault(term, {}).update(dict.fromkeys(codes))
    by_name = {one.name: one for one in contents}
    for (dataset, variable), terms in known.items():
        counts = by_name[dataset].combinations.get((variable,), Counter())
        for (term,), records in sorted(counts.items()):
            if term in terms:
                yield dataset, variable, term, f"{records:,}", ", ".join(terms[term])
            elif term:
                yield dataset, variable, term, f"{records:,}", "as sent, or by another way"


def _units(contents: Sequence[Contents]) -> Iterator[Row]:
    """Yield the units of each test: as collected, as standard, and what the one is multiplied by."""
    for one in contents:
        for group, counts in one.combinations.items():
            if [name[2:] for name in group] == ["TESTCD", "ORRESU", "STRESU"]:
                for (test, unit, standard), records in sorted(counts.items()):
                    if unit or standard:
                        yield one.name, test, unit, standard, _factor(unit, standard, test), f"{records:,}"


def _factor(unit: str, standard: str, test: str) -> str:
    made = conversion(unit, standard, test) if unit and standard else None
    if made is None:
        return "" if unit == standard else "no conversion; the result has the unit that it came with"
    if unit == standard:
        return "as collected"
    offset = f" + {made.offset.normalize():f}" if made.offset else ""
    return f"x {_short(made.factor.normalize())}{offset}"


def _short(number: object) -> str:
    return f"{float(str(number)):.10g}"


def _tests(run: Manifest) -> Iterator[Row]:
    """Yield the tests of the run: how each was told, by whose word, and how many records it has."""
    for one in run.tests:
        yield one.domain, one.testcd, one.loinc, BASES.get(one.basis, one.basis), f"{one.records:,}"


def _table(folder: Path, name: str) -> pa.Table | None:
    source = folder / "run" / f"{name}.parquet"
    return pq.read_table(source) if source.is_file() else None


def _ledger(folder: Path) -> Iterator[Row]:
    table = _table(folder, "ledger")
    if table is not None:
        names = ["resource_type", "status", "reason"]
        counts = table.group_by(names, use_threads=False).aggregate([([], "count_all")]).to_pylist()
        for row in sorted(counts, key=lambda row: [row[name] or "" for name in names]):
            if row["status"] != "mapped":
                yield row["resource_type"], row["status"], row["reason"], f"{row['count_all']:,}"


def _unknown(folder: Path) -> Iterator[Row]:
    table = _table(folder, "unmapped")
    for row in [] if table is None else table.to_pylist():
        cells = (row[name] or "" for name in ("domain", "variable", "system", "code", "text"))
        yield (*cells, f"{row['count']:,}")


def _unread(folder: Path) -> Iterator[Row]:
    table = _table(folder, "elements")
    for row in [] if table is None else table.to_pylist():
        yield row["path"], f"{row['count']:,}"
