"""The proof of a way from FHIR to SDTM and back, for people: on a terminal, and as one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from trialbridge.converters.fhir_roundtrip import ElementFate, FhirRoundtrip
from trialbridge.converters.proof_page import write_proof

COUNTS = ("values", "element", "meaning", "derived", "left_out", "lost")
HEADS = ("values", "in an element", "in meaning", "made anew", "left out", "lost")


class Totals(NamedTuple):
    """The elements of one resource type together."""

    type: str
    before: int
    after: int
    counts: tuple[int, ...]
    undeclared: int
    fates: Sequence[ElementFate]


def totals(found: FhirRoundtrip) -> Iterator[Totals]:
    """Yield the fates of each type, summed up."""
    for name, group in groupby(found.fates, key=lambda fate: fate.type):
        fates = list(group)
        counts = tuple(sum(getattr(fate, part) for fate in fates) for part in COUNTS)
        undeclared = sum(fate.lost for fate in fates if not fate.declared)
        yield Totals(name, *found.resources[name], counts, undeclared, fates)


def summary_line(found: FhirRoundtrip) -> str:
    """Return the whole in one sentence."""
    values, element, meaning, derived, left_out, lost = (
        sum(getattr(fate, part) for fate in found.fates) for part in COUNTS
    )
    undeclared = sum(fate.lost for fate in found.fates if not fate.declared)
    return (
        f"{values:,} values: {element:,} in an element again, {meaning:,} in meaning, {derived:,} made anew, "
        f"{left_out:,} of resources left out on purpose, {lost - undeclared:,} lost with a declared reason, "
        f"{undeclared:,} lost without one"
    )


def show_fhir_roundtrip(found: FhirRoundtrip, console: Console) -> None:
    """Print the proof: a line a type, then what is lost without a declared reason."""
    table = Table(title=f"FHIR to SDTM to FHIR {found.release}", title_justify="left")
    for name in ("type", "resources", "again", *HEADS):
        table.add_column(name, justify="left" if name == "type" else "right")
    for one in totals(found):
        table.add_row(one.type, *(f"{number:,}" for number in (one.before, one.after, *one.counts)))
    console.print(table)
    for fate in found.fates:
        if fate.lost and not fate.declared:
            what = f"{fate.type}.{fate.path}, {fate.lost:,} of {fate.values:,} values, such as {fate.example}"
            console.print(f"lost, and not declared: {what}", soft_wrap=True, markup=False)
    console.print(summary_line(found), soft_wrap=True)


def write_fhir_roundtrip_html(found: FhirRoundtrip, target: Path) -> None:
    """Write the proof as one page that any browser opens, offline."""
    write_proof(
        target,
        f"FHIR to SDTM to FHIR {found.release}: {found.study}",
        PROOF,
        types=list(totals(found)),
        counts=COUNTS,
        heads=HEADS,
        whole=summary_line(found),
    )


PROOF = """<p>{{ whole }}. <b>In an element</b>: the same value in the same element.
<b>In meaning</b>: a rule read it, so it is in a record, and from there in FHIR again, said otherwise.
<b>Made anew</b>: ids and references. <b>Left out</b>: of resources that are no records on purpose.
<b>Lost</b>: with the reason that the release declares; red where it declares none.</p>
<table>
<thead><tr><th>Type</th><th>Resources</th><th>Again</th>
{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{% for one in types %}
<tr{% if one.undeclared %} class="lost"{% endif %}><td><a href="#{{ one.type }}">{{ one.type }}</a></td>
<td>{{ one.before | counted }}</td><td>{{ one.after | counted }}</td>
{% for count in one.counts %}<td>{{ count | counted }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
{% for one in types %}
<details id="{{ one.type }}"{% if one.undeclared %} open{% endif %}>
<summary>{{ one.type }}: {{ one.fates | length }} elements</summary>
<table><thead><tr><th>Element</th>{% for head in heads %}<th>{{ head }}</th>{% endfor %}
<th class="words">Why it is lost</th></tr></thead><tbody>
{% for fate in one.fates %}
<tr{% if fate.lost and not fate.declared %} class="lost"{% endif %}><td>{{ fate.path }}</td>
{% for part in counts %}<td>{{ fate[part] | counted }}</td>{% endfor %}
<td class="words">{% if fate.lost %}{{ fate.reason or "not declared" }}{% endif %}</td></tr>
{% endfor %}
</tbody></table>
</details>
{% endfor %}
"""
