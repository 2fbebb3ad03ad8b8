"""Write ``docs/what-survives.md``: for each declaration, where each variable lives in FHIR, or why nowhere.

python tools/describe_survival.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trialbridge.mapping import Domain
from trialbridge.registry import DOMAINS, declarations
from trialbridge.rules import Const, OneWay

TARGET = Path(__file__).resolve().parents[1] / "docs" / "what-survives.md"
WIDTH = 110

HEAD = """<!-- Written by tools/describe_survival.py; do not edit. -->
# What survives the way

For every mapping: which variables have a place in FHIR's own elements, and which have none. A value whose
place cannot hold it (a time without an offset in a dateTime, a text in a coded element), and every variable
without a place, travels in the documented extension `urn:trialbridge:sdtm` on the way from SDTM; so all of
them come back.

On the way from FHIR, variables without a place are derived or assigned, or stay blank: each says why.
"""


def main() -> None:
    """Write the page."""
    TARGET.write_text("\n".join(page()) + "\n", encoding="utf-8")


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEAD.rstrip()
    for code in DOMAINS:
        for domain in declarations(code):
            yield from _section(domain)


def _section(domain: Domain) -> Iterator[str]:
    placed = [name for name, rule in domain.rules.items() if rule.targets]
    read = [name for name, rule in domain.rules.items() if not rule.targets and rule.paths]
    yield from ("", f"## {domain.code} and {domain.source}", "")
    yield from _paragraph("In elements", placed)
    yield from _paragraph("Read from elements, written to the extension", read)
    yield from _paragraph("Qualifiers in SUPP-- with a place of their own", list(domain.supp))
    yield from _reasons(domain)


def _paragraph(title: str, names: list[str]) -> Iterator[str]:
    if not names:
        return
    line = f"- *{title}*:"
    for name in names:
        word = f" {name}" + ("" if name is names[-1] else ",")
        if len(line) + len(word) > WIDTH:
            yield line
            line = " "
        line += word
    yield line


def _reasons(domain: Domain) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for name, rule in domain.rules.items():
        if isinstance(rule, OneWay):
            found.setdefault(rule.why, []).append(name)
        elif isinstance(rule, Const):
            found.setdefault("the same in every record", []).append(name)
    if found:
        yield from ("", "| no place in FHIR | on the way from FHIR |", "|---|---|")
        for why, names in found.items():
            yield f"| {', '.join(names)} | {why} |"


if __name__ == "__main__":
    main()
