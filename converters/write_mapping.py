"""The annotated mapping as one page that any browser opens offline, and as a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path

import xlsxwriter
from jinja2 import Environment, select_autoescape

from trialbridge.converters.feeds import HOW
from trialbridge.converters.mapping_document import MappingDocument, Sheet

_LONGEST_CELL = 32_767
_WIDTHS: Mapping[str, int] = {
    "Dataset": 10, "Variable": 12, "Label": 34, "Records": 10, "Of": 10, "How": 18, "Resource": 24,
    "Elements": 60, "Rule": 60, "From": 60, "Variables": 60, "Codes": 90, "Setting": 60, "Value": 60,
    "Reason": 70, "Element": 80, "System": 50, "Factor": 50,
}  # fmt: skip
_MARKS = {HOW["read"]: "read", HOW["decision"]: "decided"}
"""How a variable is filled, in words -> how that is marked."""
_NUMBERS = frozenset({"Records", "Of", "Resources", "Count"})


def write_mapping_xlsx(document: MappingDocument, target: Path, *, created: datetime) -> None:
    """Write the document as a workbook: a sheet a table, the same bytes for the same content."""
    with xlsxwriter.Workbook(str(target)) as book:
        title = f"Annotated mapping: {document.study}"
        book.set_properties({"title": title, "author": "trialbridge", "created": created})
        looks = {
            "head": book.add_format({"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF"}),
            "lead": book.add_format({"italic": True, "font_color": "#44546A"}),
            "number": book.add_format({"num_format": "#,##0", "valign": "top"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        facts = (*document.facts.items(), *((one.title, one.lead) for one in document.tables))
        about = Sheet("About", document.title or title, ("What", "Value"), facts)
        for sheet in (about, *document.tables):
            _sheet(book, sheet, looks)


def _sheet(book: xlsxwriter.Workbook, sheet: Sheet, looks: Mapping[str, object]) -> None:
    page = book.add_worksheet(sheet.title)
    page.write_string(0, 0, sheet.lead, looks["lead"])
    for column, name in enumerate(sheet.head):
        page.set_column(column, column, _WIDTHS.get(name, 22))
        page.write_string(1, column, name, looks["head"])
    for number, row in enumerate(sheet.rows, 2):
        for column, (name, cell) in enumerate(zip(sheet.head, row, strict=True)):
            if name in _NUMBERS and cell:
                page.write_number(number, column, int(cell.replace(",", "")), looks["number"])
            else:
                page.write_string(number, column, cell[:_LONGEST_CELL], looks["text"])
    page.freeze_panes(2, 2 if sheet.title == "Variables" else 0)
    page.autofilter(1, 0, len(sheet.rows) + 1, len(sheet.head) - 1)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(1)


def write_mapping_html(document: MappingDocument, target: Path) -> None:
    """Write the document as one page, which searches itself and prints."""
    environment = Environment(
        autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )
    datasets = [
        (name, [(variable, list(ways)) for variable, ways in groupby(rows, lambda row: row[1])])
        for name, rows in groupby(document.variables.rows, lambda row: row[0])
    ]
    overview = {row[0]: row for row in document.overview.rows}
    page = environment.from_string(PAGE)
    text = page.render(
        document=document, datasets=datasets, overview=overview, numbers=_NUMBERS, marks=_MARKS
    )
    target.write_text(text, encoding="utf-8", newline="\n")


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Annotated mapping: {{ document.study }}</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1b2430; --soft: #5a6675; --line: #dde3ea;
  --panel: #f5f7fa; --head: #eef2f6; --link: #0b5cad; --read: #dcecfa; --read-ink: #14507f; --other: #eceff3;
  --other-ink: #44505e; --decided: #fdebd3; --decided-ink: #7a3e00 }
@media (prefers-color-scheme: dark) { :root { --paper: #12171d; --ink: #e4e9ef; --soft: #9fabb9;
  --line: #2a333e; --panel: #181f27; --head: #1d2630; --link: #7db8f0; --read: #17344e; --read-ink: #b5d9fb;
  --other: #27313c; --other-ink: #c3ccd6; --decided: #46300f; --decided-ink: #ffcf99 } }
* { box-sizing: border-box }
body { margin: 0; display: grid; grid-template-columns: 15rem minmax(0, 1fr); background: var(--paper);
  color: var(--ink); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; background: var(--panel);
  border-right: 1px solid var(--line); padding: 1rem }
nav ul { list-style: none; margin: .2rem 0 1rem; padding: 0 } nav li { padding: .1rem 0 }
nav label { font-size: .8rem; color: var(--soft) }
nav input { width: 100%; font: inherit; padding: .35rem .5rem; border: 1px solid var(--line);
  border-radius: 6px; background: var(--paper); color: inherit }
.soft { color: var(--soft) } #found { font-size: .8rem; min-height: 1.2em; margin: .3rem 0 1rem }
main { padding: 1.6rem 1.8rem 4rem; max-width: 105rem }
h1 { margin: 0; font-size: 1.8rem } h2 { margin: 2.2rem 0 .3rem; font-size: 1.3rem }
h3 { margin: 1.8rem 0 .2rem; font-size: 1.08rem } p { margin: .2rem 0 .7rem; max-width: 62rem }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0 }
dt { font-size: .8rem; color: var(--soft) }
dd { margin: 0; font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-size: .92rem }
th { text-align: left; background: var(--head); position: sticky; top: 0; font-weight: 600 }
th, td { padding: .32rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; width: 7rem }
.name { width: 11rem } td:first-child { overflow-wrap: normal; min-width: 6.5rem }
.how { width: 9rem } .el { width: 34% }
code { font: .92em/1.4 ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; display: block }
td b { display: block; font-weight: 600 }
.way { display: inline-block; padding: 0 .45em; border-radius: .6em; font-size: .85em;
  background: var(--other); color: var(--other-ink) }
.way.read { background: var(--read); color: var(--read-ink) }
.way.decided { background: var(--decided); color: var(--decided-ink) }
[hidden] { display: none !important }
@media (max-width: 800px) { body { display: block } nav { position: static; height: auto } }
@media print { nav { display: none } body { display: block; font-size: 10px } main { padding: 0 }
  th { position: static } tr { break-inside: avoid } h2, h3 { break-after: avoid } }
</style>
</head>
<body>
<nav aria-label="Contents">
<label for="search">Show rows with</label>
<input id="search" type="search" placeholder="variable, path, code">
<p id="found" role="status"></p>
<ul>{% for sheet in document.tables %}
<li><a href="#s{{ loop.index }}">{{ sheet.title }}</a>
{% if sheet is sameas document.variables %}
<ul>{% for name, _ in datasets %}<li>&emsp;<a href="#d-{{ name }}">{{ name }}</a></li>{% endfor %}</ul>
{% else %} <span class="soft">{{ sheet.rows | length }}</span>{% endif %}</li>
{% endfor %}</ul>
</nav>
<main>
<h1>Annotated mapping: {{ document.study }}</h1>
<p>{{ document.title }}</p>
<dl>
{% for name, value in document.facts.items() %}<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
{% endfor %}</dl>
{% for sheet in document.tables %}
<section>
<h2 id="s{{ loop.index }}">{{ sheet.title }}</h2>
<p class="soft">{{ sheet.lead }}</p>
{% if sheet is sameas document.variables %}
{% for name, variables in datasets %}
<section>
<h3 id="d-{{ name }}">{{ name }} <span class="soft">{{ overview[name][1] }}</span></h3>
<p class="soft">{{ overview[name][2] }} records
{% if overview[name][3] %} from {{ overview[name][3] }}{% endif %}</p>
<table><thead><tr><th class="name">Variable</th><th class="how">How</th><th class="el">Element</th>
<th>Rule</th><th class="n">Records</th></tr></thead><tbody>
{% for variable, ways in variables %}{% for row in ways %}
<tr><td>{% if loop.first %}<b>{{ variable }}</b>{{ row[2] }}
{%- else %}<span class="soft">{{ variable }}</span>{% endif %}</td>
<td><span class="way {{ marks.get(row[5], '') }}">{{ row[5] }}</span></td>
<td>{{ row[6] }}{% for path in row[7].splitlines() %}<code>{{ path }}</code>{% endfor %}</td>
<td>{{ row[8] }}</td><td class="n">{{ row[3] }}<br><span class="soft">of {{ row[4] }}</span></td></tr>
{% endfor %}{% endfor %}</tbody></table>
</section>
{% endfor %}
{% elif sheet.rows %}
<table><thead><tr>
{% for name in sheet.head %}<th{% if name in numbers %} class="n"{% endif %}>{{ name }}</th>{% endfor %}
</tr></thead><tbody>
{% for row in sheet.rows %}<tr>{% for cell in row %}
<td{% if sheet.head[loop.index0] in numbers %} class="n"{% endif %}>
{%- if sheet is sameas document.overview and loop.first %}<a href="#d-{{ cell }}">{{ cell }}</a>
{%- else %}{{ cell }}{% endif -%}
</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% else %}<p>There are none.</p>{% endif %}
</section>
{% endfor %}
</main>
<script>
const box = document.getElementById("search"), said = document.getElementById("found");
const rows = [...document.querySelectorAll("tbody tr")].map(row => [row, row.textContent.toLowerCase()]);
box.addEventListener("input", () => {
  const wanted = box.value.trim().toLowerCase();
  let shown = 0;
  for (const [row, text] of rows) { row.hidden = !text.includes(wanted); shown += !row.hidden; }
  for (const part of document.querySelectorAll("section")) {
    const own = [...part.querySelectorAll("tbody tr")];
    part.hidden = wanted && own.length && own.every(row => row.hidden);
  }
  said.textContent = wanted ? `${shown} of ${rows.length} rows` : "";
});
</script>
</body>
</html>
"""
