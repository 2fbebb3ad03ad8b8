"""The proof of a way there and back, for people: on a terminal, and as one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, select_autoescape
from rich.console import Console
from rich.table import Table

from trialbridge.converters.roundtrip import Fate, Roundtrip


class Totals(NamedTuple):
    """The variables of one dataset together."""

    dataset: str
    variables: int
    cells: int
    elements: int
    carried: int
    exact: int
    lost: int
    fates: Sequence[Fate]

    @property
    def share(self) -> str:
        """The share of cells that travelled in elements."""
        return f"{self.elements / self.cells:.0%}" if self.cells else "-"


def totals(found: Roundtrip) -> Iterator[Totals]:
    """Yield the fates of each dataset, summed up."""
    for name, group in groupby(found.fates, key=lambda fate: fate.dataset):
        fates = list(group)
        cells, elements, carried, exact, lost = (
            sum(getattr(fate, part) for fate in fates)
            for part in ("cells", "elements", "carried", "exact", "lost")
        )
        yield Totals(name, len(fates), cells, elements, carried, exact, lost, fates)


def show_roundtrip(found: Roundtrip, console: Console) -> None:
    """Print the proof: a line a dataset, then everything that did not come back."""
    table = Table(title=f"SDTM to FHIR {found.release} and back", title_justify="left")
    for name in ("dataset", "variables", "cells", "in elements", "in the extension", "exact", "lost"):
        table.add_column(name, justify="left" if name == "dataset" else "right")
    for one in totals(found):
        numbers = (one.variables, one.cells, one.elements, one.carried, one.exact, one.lost)
        table.add_row(one.dataset, *(f"{number:,}" for number in numbers))
    console.print(table)
    for fate in found.fates:
        if fate.lost:
            console.print(f"lost: {fate.dataset}.{fate.variable}, {fate.lost:,} cells; {fate.example}")
    for told in found.findings:
        console.print(f"{told.severity}: {told.rule} {told.source} {told.resource} {told.message}")
    for other in found.declared:
        place = f"{other.dataset} {other.variable} {other.what}"
        console.print(f"differs: {place}: {other.before} came back as {other.after}")
    cells = sum(fate.cells for fate in found.fates)
    console.print(f"{sum(fate.exact for fate in found.fates):,} of {cells:,} cells came back exactly")


def write_roundtrip_html(found: Roundtrip, target: Path) -> None:
    """Write the proof as one page that any browser opens, offline."""
    environment = Environment(
        autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(PAGE).render(found=found, datasets=list(totals(found)))
    target.write_text(page, encoding="utf-8")


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>SDTM to FHIR {{ found.release }} and back</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733;
       margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
h1 { font-size: 1.5rem; color: #1f3a5f }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea;
         font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
td.words { text-align: left }
th { background: #1f3a5f; color: #fff; position: sticky; top: 0 }
tr.lost td { background: #fdecea }
summary { cursor: pointer; font-weight: 600; padding: .3rem 0 }
.bar { display: inline-block; height: .6rem; background: #2a7f62; vertical-align: middle }
.rest { background: #d9a441 }
</style>
</head>
<body>
<h1>SDTM to FHIR {{ found.release }} and back</h1>
<p>Each cell travelled in an element of FHIR (green), or in the documented extension
<code>urn:trialbridge:sdtm</code> (yellow), and was compared with what came back.</p>
<table>
<thead><tr><th>Dataset</th><th>Variables</th><th>Cells</th><th>In elements</th><th>In the extension</th>
<th>Exact</th><th>Lost</th><th>Share in elements</th></tr></thead>
<tbody>
{% for one in datasets %}
<tr{% if one.lost %} class="lost"{% endif %}><td><a href="#{{ one.dataset }}">{{ one.dataset }}</a></td>
<td>{{ one.variables }}</td><td>{{ "{:,}".format(one.cells) }}</td><td>{{ "{:,}".format(one.elements) }}</td>
<td>{{ "{:,}".format(one.carried) }}</td><td>{{ "{:,}".format(one.exact) }}</td>
<td>{{ "{:,}".format(one.lost) }}</td><td>{{ one.share }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if found.findings %}
<h2>What was found</h2>
<table><thead><tr><th>Severity</th><th>Rule</th><th>Where</th><th>What</th></tr></thead><tbody>
{% for one in found.findings %}
<tr><td>{{ one.severity }}</td><td class="words">{{ one.rule }}</td>
<td class="words">{{ one.source }} {{ one.resource }}</td><td class="words">{{ one.message }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if found.declared %}
<h2>What is declared, and differs</h2>
<table><thead><tr><th>Dataset</th><th>Variable</th><th>What</th><th>Before</th><th>After</th></tr></thead><tbody>
{% for one in found.declared %}
<tr><td>{{ one.dataset }}</td><td class="words">{{ one.variable }}</td><td class="words">{{ one.what }}</td>
<td class="words">{{ one.before }}</td><td class="words">{{ one.after }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% for one in datasets %}
<details id="{{ one.dataset }}"{% if one.lost %} open{% endif %}>
<summary>{{ one.dataset }}: {{ one.variables }} variables</summary>
<table><thead><tr><th>Variable</th><th>Cells</th><th>In elements</th><th>In the extension</th><th>Exact</th>
<th>Lost</th><th></th></tr></thead><tbody>
{% for fate in one.fates %}
<tr{% if fate.lost %} class="lost"{% endif %}><td>{{ fate.variable }}</td>
<td>{{ "{:,}".format(fate.cells) }}</td><td>{{ "{:,}".format(fate.elements) }}</td>
<td>{{ "{:,}".format(fate.carried) }}</td><td>{{ "{:,}".format(fate.exact) }}</td>
<td>{{ "{:,}".format(fate.lost) }}</td>
<td class="words">{% if fate.lost %}{{ fate.example }}{% elif fate.cells %}<span class="bar"
 style="width:{{ (60 * fate.elements / fate.cells) | round }}px"></span><span class="bar rest"
 style="width:{{ (60 * fate.carried / fate.cells) | round }}px"></span>{% endif %}</td></tr>
{% endfor %}
</tbody></table>
</details>
{% endfor %}
</body>
</html>
"""
