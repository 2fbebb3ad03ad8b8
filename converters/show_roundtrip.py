"""The proof of a way there and back, for people: on a terminal, and as one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from trialbridge.converters.proof_page import write_proof
from trialbridge.converters.roundtrip import Fate, Roundtrip

COUNTS = ("cells", "elements", "carried", "dated", "exact", "lost")
HEADS = ("cells", "in elements", "in the extension", "of these dated", "exact", "lost")


class Totals(NamedTuple):
    """The variables of one dataset together."""

    dataset: str
    variables: int
    cells: int
    elements: int
    carried: int
    dated: int
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
        cells, elements, carried, dated, exact, lost = (
            sum(getattr(fate, part) for fate in fates) for part in COUNTS
        )
        yield Totals(name, len(fates), cells, elements, carried, dated, exact, lost, fates)


def show_roundtrip(found: Roundtrip, console: Console) -> None:
    """Print the proof: a line a dataset, then everything that did not come back."""
    table = Table(title=f"SDTM to FHIR {found.release} and back", title_justify="left")
    for name in ("dataset", "variables", *HEADS):
        table.add_column(name, justify="left" if name == "dataset" else "right")
    for one in totals(found):
        numbers = (one.variables, one.cells, one.elements, one.carried, one.dated, one.exact, one.lost)
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
    title = f"SDTM to FHIR {found.release} and back"
    write_proof(target, title, PROOF, found=found, datasets=list(totals(found)), counts=COUNTS, heads=HEADS)


PROOF = """<p>Each cell travelled in an element of FHIR (green), or in the documented extension
<code>urn:trialbridge:sdtm</code> (yellow), and was compared with what came back. FHIR has no time without a
zone: of such a cell an element holds the date, and the extension the whole.</p>
<table>
<thead><tr><th>Dataset</th><th>Variables</th>
{% for head in heads %}<th>{{ head | capitalize }}</th>{% endfor %}
<th>Share in elements</th></tr></thead>
<tbody>
{% for one in datasets %}
<tr{% if one.lost %} class="lost"{% endif %}><td><a href="#{{ one.dataset }}">{{ one.dataset }}</a></td>
<td>{{ one.variables }}</td>{% for part in counts %}<td>{{ one[part] | counted }}</td>{% endfor %}
<td>{{ one.share }}</td></tr>
{% endfor %}
</tbody>
</table>
{% if found.findings %}
<h2>What was found</h2>
<table><thead><tr><th>Severity</th><th class="words">Rule</th>
<th class="words">Where</th><th class="words">What</th></tr></thead><tbody>
{% for one in found.findings %}
<tr><td>{{ one.severity }}</td><td class="words">{{ one.rule }}</td>
<td class="words">{{ one.source }} {{ one.resource }}</td><td class="words">{{ one.message }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if found.declared %}
<h2>What is declared, and differs</h2>
<table><thead><tr><th>Dataset</th><th class="words">Variable</th>
<th class="words">What</th><th class="words">Before</th><th class="words">After</th></tr></thead><tbody>
{% for one in found.declared %}
<tr><td>{{ one.dataset }}</td><td class="words">{{ one.variable }}</td><td class="words">{{ one.what }}</td>
<td class="words">{{ one.before }}</td><td class="words">{{ one.after }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% for one in datasets %}
<details id="{{ one.dataset }}"{% if one.lost %} open{% endif %}>
<summary>{{ one.dataset }}: {{ one.variables }} variables</summary>
<table><thead><tr><th>Variable</th>{% for head in heads %}<th>{{ head | capitalize }}</th>{% endfor %}
<th></th></tr></thead><tbody>
{% for fate in one.fates %}
<tr{% if fate.lost %} class="lost"{% endif %}><td>{{ fate.variable }}</td>
{% for part in counts %}<td>{{ fate[part] | counted }}</td>{% endfor %}
<td class="words">{% if fate.lost %}{{ fate.example }}{% elif fate.cells %}<span class="bar"
 style="width:{{ (60 * fate.elements / fate.cells) | round }}px"></span><span class="bar rest"
 style="width:{{ (60 * fate.carried / fate.cells) | round }}px"></span>{% endif %}</td></tr>
{% endfor %}
</tbody></table>
</details>
{% endfor %}
"""
