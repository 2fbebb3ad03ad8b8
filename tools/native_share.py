"""Print which share of a package's cells elements of FHIR hold, of those variables that have an element.

Run ``python tools/native_share.py PACKAGE [--fhir R4] [--least 90]``. Which variables have one stands in
``native_elements.tsv`` beside this file. A time without a zone counts apart: an element holds its date, the
extension the whole. Exit code 1 where a domain's share is less than `--least` per cent.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from trialbridge.converters.datasets_to_fhir import Account, DatasetsToFhir
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.record_ids import code_of

Elements = Mapping[str, Mapping[str, str]]


class Share(NamedTuple):
    """The cells of one domain, of variables that have an element.

    Attributes:
        domain: Two letters.
        cells: How many hold a value.
        dated: How many are a time of which an element holds the date.
        carried: Variable -> how many only the extension holds.
    """

    domain: str
    cells: int
    dated: int
    carried: Mapping[str, int]

    @property
    def per_cent(self) -> float:
        """The share that elements hold, with the dates."""
        return 100 * (1 - sum(self.carried.values()) / self.cells) if self.cells else 100.0

    @property
    def whole(self) -> float:
        """The share that elements hold to the last digit."""
        return self.per_cent - 100 * self.dated / self.cells if self.cells else 100.0


def known_elements() -> Elements:
    """Return domain -> variable -> its element; empty where it has none."""
    lines = Path(__file__).with_name("native_elements.tsv").read_text("utf-8").splitlines()[2:]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for domain, variable, element in (line.split("\t") for line in lines):
        found[domain][variable] = element
    return found


def shares(accounts: Mapping[str, Account], known: Elements) -> list[Share]:
    """Return the share of each domain of the table; split datasets count together.

    Args:
        accounts: Dataset -> what became of its cells.
        known: See `known_elements`.
    """
    found: dict[str, tuple[Counter[str], Counter[str], Counter[str]]] = defaultdict(
        lambda: (Counter(), Counter(), Counter())
    )
    for name, account in accounts.items():
        code = code_of(name)
        for total, some in zip(found[code], (account.cells, account.dated, account.carried), strict=True):
            total.update({one: count for one, count in some.items() if known.get(code, {}).get(one)})
    return [
        Share(code, cells.total(), dated.total(), {one: n for one, n in (carried - dated).items() if n})
        for code, (cells, dated, carried) in sorted(found.items())
        if code in known
    ]


def unknown(accounts: Mapping[str, Account], known: Elements) -> set[str]:
    """Return the variables of the table's domains that it does not name."""
    return {
        one
        for name, account in accounts.items()
        if code_of(name) in known
        for one in account.cells
        if one not in known[code_of(name)]
    }


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--fhir", default="R4", choices=("R4", "R4B", "R5"))
    parser.add_argument("--least", type=float, default=90)
    options = parser.parse_args()
    conversion = DatasetsToFhir(read_sdtm([options.package])[0], options.fhir)
    for _ in conversion:
        pass
    known = known_elements()
    found = shares(conversion.accounts, known)
    print("| domain | cells | in elements | of these, date in an element, time in the extension | not |")
    print("|---|---:|---:|---:|---|")
    for one in found:
        rest = ", ".join(f"{name} {count:,}" for name, count in sorted(one.carried.items()))
        dated = f"{one.per_cent - one.whole:.1f} %" if one.dated else ""
        print(f"| {one.domain} | {one.cells:,} | {one.per_cent:.1f} % | {dated} | {rest} |")
    if others := unknown(conversion.accounts, known):
        print(f"\nnot in the table: {', '.join(sorted(others))}")
    return int(any(one.per_cent < options.least for one in found))


if __name__ == "__main__":
    sys.exit(main())
