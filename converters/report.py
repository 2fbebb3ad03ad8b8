"""What a run did, for a person at a terminal and for a machine: one `Summary`, three forms."""

from __future__ import annotations

import io
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import msgspec
import pyarrow.compute as pc
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trialbridge.conversion import Conversion
from trialbridge.converters.printable import TEXT_WIDTH
from trialbridge.converters.tests_in_use import by_basis
from trialbridge.converters.worklist import grouped
from trialbridge.findings import Finding, Severity
from trialbridge.vocabulary import BASES

CLEAN, FINDINGS, UNMAPPED = 0, 1, 2
_TOP_FINDINGS = 12
_TOP_REASONS = 6
_LONGEST_SETTING = 160
_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "dim"}
_STATUSES = ("mapped", "excluded", "unmapped")


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """One line of the table: what a dataset holds, and what is to be said of it."""

    name: str
    label: str
    records: int
    subjects: int
    resources: int
    unmapped: int
    errors: int
    warnings: int
    notices: int


@dataclass(frozen=True, slots=True)
class Why:
    """Resources of one type that became no record, and why."""

    status: str
    resource_type: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one rule about one variable, with one of them."""

    severity: str
    rule: str
    domain: str
    variable: str
    count: int
    example: str
    place: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, in numbers.

    Attributes:
        study: STUDYID.
        subjects: How many there are.
        inputs: How many files were read.
        datasets: One entry a dataset, in the order of the run; the name is empty for what has no dataset.
        ledger: ``read``, and each status with its number of resources.
        not_mapped: The resources that became no record, gathered by reason, the most frequent first.
        unmapped_codes: How many codes and texts no table knows.
        unread_elements: How many element paths no mapping reads.
        tests: By whose word tests are tests -> how many tests.
        overrides: The settings in force.
        findings: Gathered by rule, the gravest first.
        exit_code: 0 clean, 1 with findings, 2 with unmapped content.
    """

    study: str
    subjects: int
    inputs: int
    datasets: tuple[DatasetSummary, ...]
    ledger: Mapping[str, int]
    not_mapped: tuple[Why, ...]
    unmapped_codes: int
    unread_elements: int
    tests: Mapping[str, int]
    overrides: tuple[tuple[str, str], ...]
    findings: tuple[FindingGroup, ...]
    exit_code: int


def summarise(conversion: Conversion, findings: Sequence[Finding]) -> Summary:
    """Return the summary of a run.

    Args:
        conversion: The run.
        findings: All findings, those of writing too.
    """
    counted = pc.value_counts(conversion.resources["status"]).to_pylist()
    statuses = {one["values"]: one["counts"] for one in counted}
    ledger = {"read": conversion.resources.num_rows, **{name: statuses.get(name, 0) for name in _STATUSES}}
    groups = tuple(map(_group, grouped(findings)))
    unmapped = bool(conversion.unmapped.num_rows or ledger["unmapped"])
    found = any(group.severity != Severity.NOTICE for group in groups)
    return Summary(
        study=conversion.study.id,
        subjects=_subjects(conversion),
        inputs=len(conversion.inputs),
        datasets=tuple(_datasets(conversion, findings)),
        ledger=ledger,
        not_mapped=tuple(_reasons(conversion)),
        unmapped_codes=conversion.unmapped.num_rows,
        unread_elements=conversion.elements.num_rows,
        tests=by_basis(Counter(dict(conversion.tests))),
        overrides=tuple(conversion.study.overrides()),
        findings=groups,
        exit_code=UNMAPPED if unmapped else FINDINGS if found else CLEAN,
    )


def to_json(value: object) -> bytes:
    r"""Return a plain value as JSON for people too: sorted keys, indented, the same bytes for the same value.

    Example:
        >>> to_json({"b": 1, "a": [2]})
        b'{\n  "a": [\n    2\n  ],\n  "b": 1\n}\n'
    """
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain, order="sorted"), indent=2) + b"\n"


def _plain(value: object) -> str:
    """Return a kind of text as text."""
    if not isinstance(value, str):
        raise NotImplementedError(type(value))
    return str(value)


def to_text(summary: Summary) -> str:
    """Return the summary as plain text of a fixed width."""
    target = io.StringIO()
    console = Console(
        file=target, width=TEXT_WIDTH, color_system=None, force_terminal=False, legacy_windows=False
    )
    show(summary, console)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"


def show(summary: Summary, console: Console) -> None:
    """Print the summary."""
    console.print(_title(summary))
    console.print(_datasets_table(summary))
    console.print(_ledger(summary))
    console.print(_overrides(summary))
    if summary.findings:
        console.print(_findings_table(summary))


def show_run(summary: Summary, conversion: Conversion, out: Path, console: Console) -> None:
    """Print the summary of a run that has just been written, with its time and what to open next."""
    show(summary, console)
    for line in next_steps(summary, out, _example(conversion)):
        console.print(line, soft_wrap=True)
    seconds = sum(conversion.seconds.values())
    console.print(Text(f"{summary.ledger['read']:,} resources in {seconds:.1f} s", style="dim"))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return findings as a table, one line each."""
    table = _table("severity", "rule", "what", "where")
    for one in findings:
        where = " ".join(filter(None, (one.domain, one.variable, one.record, one.resource, one.path)))
        severity = Text(str(one.severity), style=_COLOURS[one.severity])
        table.add_row(severity, one.rule, Text(one.message), Text(where, style="dim"))
    return table


def next_steps(summary: Summary, out: Path, example: tuple[str, str, str] | None) -> list[Text]:
    """Return what to open after a run, a line each, none of which may be broken.

    Args:
        summary: The run.
        out: The run folder.
        example: Domain, key and variable of a value to ask about.
    """
    steps = {"the data, described": str(out / "sdtm" / "define.html")}
    if summary.unmapped_codes or summary.findings:
        steps["what to decide"] = str(out / "run" / "worklist.xlsx")
    steps["every number, and its proof"] = str(out / "run")
    if example:
        domain, key, variable = example
        steps["where a value comes from"] = shlex.join(
            ["trialbridge", "why", str(out), domain, key, variable]
        )
    lines = [Text.assemble((f"  {name:<29}", "dim"), what) for name, what in steps.items()]
    return [Text("Next", style="bold"), *lines]


def _example(conversion: Conversion) -> tuple[str, str, str] | None:
    """Return domain, key and variable of one result, to ask about."""
    for domain, variable in _ASKED.items():
        pointers = conversion.provenance.get(domain)
        if pointers is not None and pointers.num_rows:
            key = f"{pointers['USUBJID'][0].as_py()} {pointers['SEQ'][0].as_py()}"
            return domain, key, variable
    return None


_ASKED = {"LB": "LBORRES", "VS": "VSORRES", "QS": "QSORRES", "AE": "AETERM", "EX": "EXDOSE"}


def _subjects(conversion: Conversion) -> int:
    named = (dataset.table["USUBJID"] for dataset in conversion.datasets if dataset.name == "DM")
    return max((pc.count_distinct(column).as_py() for column in named), default=0)


def _datasets(conversion: Conversion, findings: Sequence[Finding]) -> Iterator[DatasetSummary]:
    counts = Counter[tuple[str, str]]()
    for finding in findings:
        counts[finding.domain, finding.severity] += finding.count
    unmapped = Counter[str]()
    for domain, count in zip(
        *(conversion.unmapped[name].to_pylist() for name in ("domain", "count")), strict=True
    ):
        unmapped[domain or ""] += count
    names = {dataset.name: dataset for dataset in conversion.datasets}
    for name in dict.fromkeys((*names, *sorted({*unmapped, *(domain for domain, _ in counts)} - {""}), "")):
        said = (unmapped[name], *(counts[name, severity] for severity in Severity))
        if name in names or any(said):
            table = names[name].table if name in names else None
            yield DatasetSummary(
                name,
                names[name].label if name in names else "",
                table.num_rows if table else 0,
                pc.count_distinct(table["USUBJID"]).as_py()
                if table and "USUBJID" in table.column_names
                else 0,
                _sources(conversion.provenance.get(name)),
                *said,
            )


def _sources(provenance: Any) -> int:
    if provenance is None:
        return 0
    return int(provenance.group_by(["source", "position", "within"]).aggregate([]).num_rows)


def _reasons(conversion: Conversion) -> list[Why]:
    names = ["status", "resource_type", "reason"]
    table = conversion.resources.select(names)
    grouped_rows = (
        table.filter(pc.not_equal(table["status"], "mapped")).group_by(names).aggregate([([], "count_all")])
    )
    rows = grouped_rows.to_pylist()
    found = [Why(row["status"], row["resource_type"], row["reason"] or "", row["count_all"]) for row in rows]
    return sorted(found, key=lambda one: (-one.count, one.status, one.resource_type, one.reason))


def _group(group: Any) -> FindingGroup:
    one: Finding = group.first
    place = next((text for text in (one.record, one.resource, one.path, one.source) if text), "")
    return FindingGroup(
        str(one.severity), one.rule, one.domain, one.variable, group.count, one.message, place
    )


def _title(summary: Summary) -> Text:
    text = Text.assemble(("Study ", "dim"), (summary.study or "(no name)", "bold"))
    text.append(f"   {summary.subjects:,} subjects   {summary.inputs:,} input files", "dim")
    return text


def _table(*columns: str, title: str = "") -> Table:
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
        box=None,
    )
    for column in columns:
        table.add_column(
            column.lstrip("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    return table


def _number(count: int, style: str = "") -> Text:
    return Text(f"{count:,}" if count else "·", style=style if count else "dim")


def _datasets_table(summary: Summary) -> Padding:
    table = _table(
        "domain",
        "",
        "#records",
        "#subjects",
        "#source resources",
        "#unmapped",
        "#errors",
        "#warnings",
        "#notices",
    )
    for line in summary.datasets:
        supplemental = line.name.startswith("SUPP")
        table.add_row(
            Text(
                f"  {line.name}" if supplemental else line.name or "-",
                style="dim" if supplemental else "bold",
            ),
            Text("" if supplemental else line.label if line.name else "(not of one domain)", style="dim"),
            *(_number(count) for count in (line.records, line.subjects, line.resources)),
            _number(line.unmapped, "bold magenta"),
            _number(line.errors, "bold red"),
            _number(line.warnings, "yellow"),
            _number(line.notices),
        )
    return Padding(table, (1, 0))


def _ledger(summary: Summary) -> Group:
    numbers = summary.ledger
    line = Text.assemble(
        ("Ledger  ", "bold"), f"{numbers['read']:,} resources read = {numbers['mapped']:,} mapped"
    )
    line.append(f" + {numbers['excluded']:,} excluded + {numbers['unmapped']:,} unmapped")
    table = Table.grid(padding=(0, 2))
    for one in summary.not_mapped[:_TOP_REASONS]:
        table.add_row(
            Text(f"{one.count:,}", justify="right"),
            one.status,
            one.resource_type,
            Text(one.reason, style="dim"),
        )
    rest = sum(one.count for one in summary.not_mapped[_TOP_REASONS:])
    if rest:
        table.add_row(
            Text(f"{rest:,}", justify="right"),
            "",
            "",
            Text("for other reasons: run/ledger.parquet", style="dim"),
        )
    more = f"{summary.unmapped_codes:,} unknown codes or texts"
    more += f"; {summary.unread_elements:,} element paths that no mapping reads"
    lines = [Text(f"        {more}", style="dim")]
    if summary.tests:
        words = ", ".join(f"{count:,} by {BASES[basis]}" for basis, count in summary.tests.items())
        lines.append(Text.assemble(("Tests   ", "bold"), words))
    return Group(line, Padding(table, (0, 0, 0, 2)), *lines)


def _overrides(summary: Summary) -> Padding:
    table = Table.grid(padding=(0, 2))
    for name, value in summary.overrides:
        shown = shorten(value, _LONGEST_SETTING, placeholder=" ... (all of it: run/manifest.json)")
        table.add_row(Text(name, style="dim", overflow="fold"), Text(shown, overflow="fold"))
    return Padding(Group(Text("Settings in force", style="bold"), Padding(table, (0, 0, 0, 2))), (1, 0))


def _findings_table(summary: Summary) -> Padding:
    table = _table("severity", "rule", "variable", "#count", "one of them", title="Findings")
    for group in summary.findings[:_TOP_FINDINGS]:
        where = ".".join(filter(None, (group.domain, group.variable)))
        example = Text.assemble(group.example, (f"  {group.place}", "dim"))
        severity = Text(group.severity, style=_COLOURS[Severity(group.severity)])
        table.add_row(severity, group.rule, where, f"{group.count:,}", example)
    rest = len(summary.findings) - _TOP_FINDINGS
    if rest > 0:
        table.add_row("", Text(f"and {rest} more kinds: run/findings.json", style="dim"), "", "", "")
    return Padding(table, (0, 0, 1, 0))
