"""An `Explanation` as a tree for a terminal."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from trialbridge.converters.explain import Cell, Explanation, Place
from trialbridge.converters.fhir_values import Bare

_HOW = {"assigned": "assigned", "constant": "always", "derived": "derived"}


def to_tree(found: Explanation) -> Tree:
    """Return an explanation as a tree: the record, its resources, then each value with its proof."""
    key = f"  {found.domain}SEQ {found.seq}" if found.seq is not None else ""
    tree = Tree(Text.assemble((found.domain, "bold"), f"  {found.usubjid}", key), guide_style="dim")
    tree.add(_place("from", found.source))
    for name, place in found.joined.items():
        tree.add(_place(name, place))
    if found.problem:
        tree.add(Text(f"The input could not be read again: {found.problem}", style="bold red"))
    for cell in found.cells:
        _add(tree, cell)
    return tree


def _place(name: str, place: Place) -> Text:
    version = f" version {place.version}" if place.version else ""
    release = f" ({place.release})" if place.release else ""
    return Text.assemble(
        (f"{name} ", "dim"), place.resource, f"{version}{release}", (f"  {place.where}", "dim")
    )


def _add(tree: Tree, cell: Cell) -> None:
    value = Text(f'"{cell.value}"', style="green") if cell.value else Text("(blank)", style="dim")
    branch = tree.add(Text.assemble((cell.variable, "bold"), " = ", value, (f"   {cell.label}", "dim")))
    for path, text in cell.found:
        branch.add(Text.assemble((path, "cyan"), " = ", text if isinstance(text, Bare) else f'"{text}"'))
    for name, text in cell.inputs:
        branch.add(Text.assemble((name, "cyan"), " = ", f'"{text}"' if text else "(blank)"))
    if cell.rule:
        which = f"alternative {cell.alternative}" if cell.alternative else _HOW.get(cell.how, "rule")
        branch.add(Text.assemble((f"{which}: ", "dim"), cell.rule))
    if cell.term:
        term = cell.term
        listed = f"codelist {term.codelist} ({term.codelist_code}), {term.version}"
        branch.add(
            Text.assemble(("term: ", "dim"), f"{term.nci_code} {term.preferred_term}", (f"  {listed}", "dim"))
        )
    if cell.note:
        branch.add(Text(cell.note, style="yellow"))
