"""What a validation found, on the terminal: one line for a rule and a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trialbridge.converters.compare_validation import show_comparison
from trialbridge.converters.validation_since import Change
from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.findings import Severity
from trialbridge.validation.clusters import Cluster
from trialbridge.validation.outcome import Status
from trialbridge.validation.run import reasons

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "dim"}
_MOST_ROWS = 40
_MOST_GONE = 10
_EXAMPLES = 3


def show_validation(summary: ValidationSummary, console: Console) -> None:
    """Print what was found, what could not be checked and why, and what changed since an earlier run."""
    console.print(summary.package.standards.said_by, soft_wrap=True, style="dim")
    issues = list(_issues(summary))
    if issues:
        console.print(_table(issues[:_MOST_ROWS], summary))
    if len(issues) > _MOST_ROWS:
        console.print(f"and {len(issues) - _MOST_ROWS} more: --report FILE.html lists all", style="dim")
    console.print(_totals(summary))
    for line in [*_of_dispositions(summary), *_of_change(summary)]:
        console.print(line, soft_wrap=True)
    if summary.other is not None:
        show_comparison(summary.compared(), summary.other, console)
    for reason, names in reasons(summary.validation.outcomes):
        console.print(f"not checked: {len(names)} rules: {reason}", soft_wrap=True, style="dim")


def _totals(summary: ValidationSummary) -> str:
    counts = summary.counts
    said = ", ".join(f"{counts[severity.value]:,} {severity.value}s" for severity in Severity)
    run = summary.statuses().get(Status.RUN.value, 0)
    return f"{said} of {len(summary.clusters):,} causes; {run} rules run"


def _of_dispositions(summary: ValidationSummary) -> Iterator[str]:
    source = summary.dispositions.source
    if source is None:
        return
    said = ", ".join(f"{count:,} {severity}s" for severity, count in summary.explained.items() if count)
    yield f"explained in {source.name}: {said or 'nothing'}"
    unused = len(summary.unused())
    if unused:
        yield f"{unused} of its blocks speak of nothing that was found"


def _of_change(summary: ValidationSummary) -> Iterator[str]:
    if summary.since is None:
        return
    gone = summary.since.gone(summary.clusters, summary.validation)
    counts = Counter([*map(summary.change, summary.clusters), *(one.change.value for one in gone)])
    said = ", ".join(f"{counts[change.value]} {change.value}" for change in Change if counts[change.value])
    yield f"causes since {summary.since.source}: {said or 'none in either'}"
    resolved = [one for one in gone if one.change == Change.RESOLVED]
    for one in resolved[:_MOST_GONE]:
        yield f"resolved: {one.dataset}: {one.message} ({one.count:,}) {one.rule}"
    if len(resolved) > _MOST_GONE:
        yield f"and {len(resolved) - _MOST_GONE} more"


def _issues(summary: ValidationSummary) -> Iterator[list[Cluster]]:
    """Yield the causes of each rule in each dataset, explained ones last, by gravity and number."""
    found: dict[tuple[bool, str, str], list[Cluster]] = {}
    for one in summary.clusters:
        explained = summary.disposition(one) is not None
        found.setdefault((explained, one.rule.id, one.dataset), []).append(one)
    order = [*Severity]
    yield from (
        group
        for _, group in sorted(
            found.items(),
            key=lambda item: (
                item[0][0],
                order.index(item[1][0].rule.severity),
                -sum(one.count for one in item[1]),
            ),
        )
    )


def _table(issues: Sequence[list[Cluster]], summary: ValidationSummary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in (("", 9), ("found", 8), ("in", 8), ("what", None)):
        table.add_column(
            name, justify="right" if name == "found" else "left", min_width=width, overflow="fold"
        )
    for group in issues:
        found = sum(one.count for one in group)
        table.add_row(_kind(group[0], summary), f"{found:,}", group[0].dataset, _what(group, summary))
    return table


def _kind(cluster: Cluster, summary: ValidationSummary) -> Text:
    if summary.disposition(cluster):
        return Text("explained", style="green")
    return Text(cluster.rule.severity.value, style=_COLOURS[cluster.rule.severity])


def _what(group: Sequence[Cluster], summary: ValidationSummary) -> Text:
    """Return what is wrong, with the most frequent causes and the ids that people know."""
    rule = group[0].rule
    text = Text(group[0].message)
    named = [one for one in group if any(one.cause.values())]
    causes = [f"{' '.join(one.cause.values())} {one.count:,}" for one in named[:_EXAMPLES]]
    if causes:
        more = f", {len(named) - _EXAMPLES} more" if len(named) > _EXAMPLES else ""
        text.append(f" ({'/'.join(named[0].cause)}: {', '.join(causes)}{more})")
    text.append(f"  {rule.id}", style="cyan")
    if rule.cites:
        text.append(" " + " ".join(rule.cites[:_EXAMPLES]), style="dim")
    text.append(_changes(group, summary), style="magenta")
    return text


def _changes(group: Sequence[Cluster], summary: ValidationSummary) -> str:
    """Return which of the causes are not as they were."""
    counts: Mapping[str, int] = Counter(map(summary.change, group))
    said = [f"{counts[one]} {one}" for one in (Change.NEW, Change.CHANGED) if counts[one]]
    return f"  [{', '.join(said)}]" if said else ""
