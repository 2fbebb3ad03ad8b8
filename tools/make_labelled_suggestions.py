"""Make the labelled set that suggestions are measured by: CDISC synonyms, each with the term that it names.

Usage: python tools/make_labelled_suggestions.py [tests/suggestions/labelled.tsv]

A term takes part where it has a synonym that is another word than its submission value. One synonym of it is
drawn, by a hash of both, so the set is the same wherever it is made and changes little with a release. The
measurement holds the synonym out of the index for its own row: every name of the term that is written with
the same letters is taken away, be it synonym, decode or preferred term (`held_out`).

Of each kind of term a fixed number is drawn (`SHARES`), all that there are where there are fewer.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trialbridge.converters.alike import Name, plain
from trialbridge.converters.suggest import Asked, names_of, suggest
from trialbridge.standards import DEFAULT_CT, Term, codelist, ig_variables

TARGET = Path("tests/suggestions/labelled.tsv")
SHARES = {
    ("LB", "LBTESTCD"): 92,
    ("VS", "VSTESTCD"): 20,
    ("LB", "LBORRESU"): 35,
    ("LB", "LBSPEC"): 17,
    ("LB", "LBMETHOD"): 12,
    ("EX", "EXROUTE"): 10,
    ("EX", "EXDOSFRM"): 8,
    ("AE", "AEACN"): 1,
    ("DM", "RACE"): 3,
    ("DM", "SEX"): 2,
    ("EX", "EXDOSFRQ"): 4,
}
"""Variable -> how many terms are drawn."""

FEWEST_LETTERS = 2

SEED = "second"
"""Names the drawing: the first one was for making the suggestions, this one is for measuring them."""


class Labelled(NamedTuple):
    """One row: a name as somebody may send it, and the term that it names."""

    domain: str
    variable: str
    text: str
    value: str


def labelled(ct: str = DEFAULT_CT) -> list[Labelled]:
    """Return the labelled set of a release."""
    return [row for place, share in SHARES.items() for row in _drawn(*place, ct)[:share]]


def _drawn(domain: str, variable: str, ct: str) -> list[Labelled]:
    """Return one row a term, in the order of their hashes."""
    rows = [
        min((Labelled(domain, variable, text, term.submission_value) for text in texts), key=_draw)
        for term in _terms(domain, variable, ct)
        if (texts := [text for text in term.synonyms if _is_another(text, term.submission_value)])
    ]
    return sorted(rows, key=_draw)


def _draw(row: Labelled) -> str:
    return hashlib.sha256("\t".join((SEED, *row)).encode()).hexdigest()


def _terms(domain: str, variable: str, ct: str) -> Iterator[Term]:
    facts = next(facts for facts in ig_variables(domain) if facts.name == variable)
    for code in facts.codelists:
        yield from codelist(code, ct).terms


def _is_another(text: str, value: str) -> bool:
    return len(text) >= FEWEST_LETTERS and plain(text) != plain(value)


def held_out(row: Labelled, ct: str = DEFAULT_CT) -> list[Name]:
    """Return the names that are taken away for a row: those of its term that are written as its text is."""
    names = names_of(row.domain, row.variable, ct).all
    same = plain(row.text) or row.text.casefold()
    return [
        one for one in names if one.value == row.value and (plain(one.name) or one.name.casefold()) == same
    ]


def found(row: Labelled, most: int = 5) -> bool:
    """Return whether the term is among the first suggestions for the held-out name."""
    asked = Asked(row.domain, row.variable, (row.text,))
    return row.value in [one.value for one in suggest(asked, most=most, without=held_out(row))]


def read(source: Path = TARGET) -> list[Labelled]:
    """Return the rows of a labelled set."""
    lines = source.read_text("utf-8").splitlines()
    return [Labelled(*line.split("\t")) for line in lines[2:]]


def to_text(rows: Sequence[Labelled], ct: str = DEFAULT_CT) -> str:
    """Return the set as text: a remark, the names of the columns, the rows."""
    remark = f"# {len(rows)} synonyms of SDTM CT {ct}, drawn by tools/make_labelled_suggestions.py"
    return "\n".join([remark, "\t".join(Labelled._fields), *("\t".join(row) for row in rows)]) + "\n"


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", type=Path, default=TARGET)
    target = parser.parse_args().target
    rows = labelled()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(to_text(rows), "utf-8")
    for place in SHARES:
        some = [row for row in rows if (row.domain, row.variable) == place]
        print(*place, len(some), sum(map(found, some)))
    print("all", len(rows), sum(map(found, rows)))


if __name__ == "__main__":
    main()
