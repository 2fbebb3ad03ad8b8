"""What a unit measures, and how much of it: a small parser for CDISC and UCUM unit expressions.

Only units named in ``unit_atoms.tsv`` are understood; anything else is refused, because a wrong conversion is
worse than none. What stands below the line keeps its own name (``/L``), so nothing cancels: g/g, L/L and
mol/mol are three different things, as they are to a laboratory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from trialbridge.crosswalks.tables import crosswalk

Dialect = Literal["cdisc", "ucum"]


class Measure(NamedTuple):
    """A unit as a multiple of base units: ``factor`` times each of ``dimensions`` to its power."""

    factor: Fraction
    dimensions: frozenset[tuple[str, int]]


class Atom(NamedTuple):
    """One unit word: what it is a multiple of, and whether it takes prefixes such as milli."""

    factor: Fraction
    base: str
    power: int
    prefixable: bool


PREFIXES = {
    "": Fraction(1),
    "T": Fraction(10**12),
    "G": Fraction(10**9),
    "M": Fraction(10**6),
    "k": Fraction(10**3),
    "h": Fraction(10**2),
    "da": Fraction(10),
    "d": Fraction(1, 10),
    "c": Fraction(1, 10**2),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
    "a": Fraction(1, 10**18),
}
#: a number before a unit word: 100, 1.73, 10^9 (CDISC), 10*9 (UCUM), 5x10^4; no power has three digits
NUMBER = re.compile(r"(?:(\d+(?:\.\d+)?)x)?(\d+(?:\.\d+)?)(?:[*^](-?\d{1,2}))?(?:\s+|(?=$))")
#: a unit word and its power: m2, cm-2
POWER = re.compile(r"(.*?[^\d-])(-?\d{1,2})?$")
#: no unit is longer; Python refuses to read numbers of several thousand digits
LONGEST = 200
#: UCUM has no decimal fractions: its dot multiplies
DECIMAL = re.compile(r"(?<!\*)\b\d+\.\d")
SEPARATORS = {"cdisc": re.compile(r"([/*])"), "ucum": re.compile(r"([/.])")}


@cache
def _atoms(dialect: Dialect) -> dict[str, Atom]:
    rows = crosswalk("unit_atoms").rows
    return {
        row["atom"]: Atom(Fraction(row["factor"]), row["base"], int(row["power"]), row["prefix"] == "Y")
        for row in rows
        if row["dialect"] in {dialect, "both"}
    }


@cache
def parse(unit: str, dialect: Dialect = "cdisc") -> Measure | None:
    """Return what `unit` measures, or None when any part of it is not understood.

    Example:
        >>> parse("mg/dL") == parse("mg/dL", "ucum")
        True
        >>> parse("log10 IU/mL") is None
        True
    """
    if not unit or len(unit) > LONGEST or "(" in unit or (dialect == "ucum" and DECIMAL.search(unit)):
        return None
    whole = _atoms(dialect).get(unit)
    if whole is not None:
        return _measure(whole.factor, {whole.base: whole.power})
    factor, powers = Fraction(1), Counter[str]()
    for sign, part in _parts(unit, dialect):
        found = _part(part, dialect)
        if found is None:
            return None
        size, base, power = found
        factor *= size**sign
        if base:
            powers[base if sign * power > 0 else f"/{base}"] += abs(power)
    return _measure(factor, powers)


def _measure(factor: Fraction, powers: dict[str, int]) -> Measure:
    return Measure(factor, frozenset((base, power) for base, power in powers.items() if base and power))


def _parts(unit: str, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """Yield each factor of `unit` with +1 above and -1 below the line; a dot or star keeps the last sign."""
    protected = re.sub(r"10\*(?=\d)", "10^", unit) if dialect == "ucum" else unit
    sign = 1
    for place, text in enumerate(SEPARATORS[dialect].split(protected)):
        if place % 2:
            sign = -1 if text == "/" or (dialect == "cdisc" and sign < 0) else 1
        elif text or place:
            yield sign, text


def _part(part: str, dialect: Dialect) -> tuple[Fraction, str, int] | None:
    """Return size, base and power of one factor such as ``10^3 copies``, ``100`` or ``m2``."""
    size, word = Fraction(1), part
    number = NUMBER.match(part)
    if number:
        times, base, exponent = number.groups()
        multiple, radix = Fraction(times or 1), Fraction(base)
        if not multiple or not radix:
            # nothing is a multiple of nothing, above the line or below it
            return None
        size = multiple * radix ** int(exponent or 1)
        word = part[number.end() :]
        if not word:
            return size, "", 0
    atom = _word(word, dialect)
    return None if atom is None else (size * atom.factor, atom.base, atom.power)


def _word(word: str, dialect: Dialect) -> Atom | None:
    """Return the atom of `word`, its prefix and power worked in."""
    atoms = _atoms(dialect)
    if word in atoms:
        return atoms[word]
    parts = POWER.match(word)
    if parts is None:
        return None
    stem, power = parts[1], int(parts[2] or 1)
    for length in (0, 1, 2):
        atom, prefix = atoms.get(stem[length:]), PREFIXES.get(stem[:length])
        if atom is not None and prefix is not None and (atom.prefixable or not length):
            return _raised(atom, prefix, power)
    return None


def _raised(atom: Atom, prefix: Fraction, power: int) -> Atom | None:
    if power != 1 and atom.base != "m":
        # only lengths stand with a power in clinical units; a litre cubed is a slip of the pen
        return None
    size, base = (atom.factor * prefix) ** power, atom.base
    if base == "m" and power == 3:
        return Atom(size * 1000, "L", 1, prefixable=False)
    return Atom(size, base, power * atom.power, prefixable=False)
