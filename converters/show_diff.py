"""What changed between two cuts, for people: on a terminal, as one page, and as a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import xlsxwriter
from jinja2 import Environment, select_autoescape
from rich.console import Console
from rich.table import Table

from trialbridge.converters.diff_runs import CAUSES, Change, Changes

_MOST = 20
_LONGEST_CELL = 32_767
COLUMNS = (
    "Dataset",
    "Change",
    "Cause",
    "Keys",
    "Variable",
    "Before",
    "After",
    "Resource",
    "Old record",
    "New record",
)


def rows(changes: Changes) -> Iterator[tuple[str, ...]]:
    """Yield a row for each variable that changed, and one for each record that is new or gone."""
    for one in changes.changes:
        places = tuple(str(place) if place else "" for place in (one.old_row, one.new_row))
        for name, (before, after) in (one.values or {"": (None, None)}).items():
            yield (
                one.dataset,
                one.kind,
                one.cause,
                one.key,
                name,
                before or "",
                after or "",
                one.resource,
                *places,
            )


def show_diff(changes: Changes, console: Console) -> None:
    """Print what changed: how many rows by dataset and cause, then the first of them."""
    if not changes.changes:
        console.print("nothing changed")
    table = Table(title=f"{changes.old} to {changes.new}", title_justify="left")
    for name in ("dataset", "change", "cause", "rows"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    for text, count in changes.counts.items():
        table.add_row(*text.split(" ", 2), f"{count:,}")
    if changes.counts:
        console.print(table)
    for name, (before, after) in changes.settings.items():
        console.print(f"{name}: {before or 'nothing'} -> {after or 'nothing'}")
    for one in changes.changes[:_MOST]:
        console.print(f"{one.dataset} {one.kind} ({one.cause}) {one.key}: {_values(one)}")
    if len(changes.changes) > _MOST:
        console.print(f"and {len(changes.changes) - _MOST:,} more: --out DIR writes all of them")


def _values(one: Change) -> str:
    texts = (
        f"{name} {before or 'blank'} -> {after or 'blank'}" for name, (before, after) in one.values.items()
    )
    return "; ".join(texts) or one.resource


def write_diff_xlsx(changes: Changes, target: Path, *, created: datetime) -> None:
    """Write what changed as a workbook, the same bytes for the same change."""
    with xlsxwriter.Workbook(str(target)) as book:
        book.set_properties({"title": "What changed", "author": "trialbridge", "created": created})
        sheet = book.add_worksheet("Changes")
        head = book.add_format({"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF"})
        for number, name in enumerate(COLUMNS):
            sheet.write_string(0, number, name, head)
            sheet.set_column(number, number, 40 if name == "Keys" else 18)
        last = 0
        for last, cells in enumerate(rows(changes), 1):
            for number, cell in enumerate(cells):
                sheet.write_string(last, number, cell[:_LONGEST_CELL])
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, last, len(COLUMNS) - 1)


def write_diff_html(changes: Changes, target: Path) -> None:
    """Write what changed as one page that any browser opens, offline."""
    environment = Environment(
        autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(PAGE)
    found = page.render(changes=changes, rows=list(rows(changes)), columns=COLUMNS, causes=CAUSES)
    target.write_text(found, encoding="utf-8")


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>What changed from {{ changes.old }} to {{ changes.new }}</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; color: #1c2733; margin: 2rem }
h1 { font-size: 1.4rem; color: #1f3a5f }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #dde3ea }
th { background: #1f3a5f; color: #fff; position: sticky; top: 0 }
input { font: inherit; padding: .3rem .5rem; width: 24rem }
</style>
</head>
<body>
<h1>What changed from {{ changes.old }} to {{ changes.new }}</h1>
{% if not changes.changes %}<p>Nothing changed.</p>{% endif %}
<table><thead><tr><th>Dataset, change, cause</th><th>Rows</th></tr></thead><tbody>
{% for name, count in changes.counts.items() %}<tr><td>{{ name }}</td><td>{{ count }}</td></tr>
{% endfor %}</tbody></table>
{% if changes.settings %}
<table><thead><tr><th>Beside the input</th><th>Before</th><th>After</th></tr></thead><tbody>
{% for name, values in changes.settings.items() %}
<tr><td>{{ name }}</td><td>{{ values[0] }}</td><td>{{ values[1] }}</td></tr>
{% endfor %}</tbody></table>
{% endif %}
<p><label>Show rows with <input id="filter" type="search"></label></p>
<table id="rows"><thead><tr>{% for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead><tbody>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
<dl>{% for name, meaning in causes.items() %}<dt><b>{{ name }}</b></dt><dd>{{ meaning }}</dd>{% endfor %}</dl>
<script>
const box = document.getElementById("filter"), lines = [...document.querySelectorAll("#rows tbody tr")];
box.addEventListener("input", () => {
  const wanted = box.value.toLowerCase();
  for (const line of lines) line.hidden = !line.textContent.toLowerCase().includes(wanted);
});
</script>
</body>
</html>
"""
