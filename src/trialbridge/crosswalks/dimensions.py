"""What a unit measures, and how much of it: a small parser for CDISC and UCUM unit expressions.

Only units named in ``unit_atoms.tsv`` are understood; anything else is refused, because a wrong conversion is
worse than none. What stands below the line keeps its own name (``/L``), so nothing cancels: g/g, L/L and
mol/mol are three different things, as they are to a laboratory.
"""

from __future__ import annotations

import re
from collections import Counter
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
        >>> parse("h*ng/mL/(mg/kg)") == parse("h.ng/mL/(mg/kg)", "ucum")
        True
        >>> parse("log10 IU/mL") is None
        True
    """
    if not unit or len(unit) > LONGEST or (dialect == "ucum" and DECIMAL.search(unit)):
        return None
    whole = _atoms(dialect).get(unit)
    if whole is not None:
        return _measure(whole.factor, {whole.base: whole.power})
    parts = _parts(unit, dialect)
    if parts is None:
        return None
    factor, powers = Fraction(1), Counter[str]()
    for sign, part in parts:
        found = _part(part, dialect)
        if found is None:
            return None
        size, base, power = found
        factor *= size**sign
        if base:
            powers[base if sign * power > 0 else f"/{base}"] += abs(power)
    return _measure(factor, powers)


@cache
def in_ucum(unit: str) -> str | None:
    """Return a CDISC unit in UCUM's words, or None where a part of it has none; it measures the same.

    Example:
        >>> in_ucum("h*ng/mL/(mg/kg)"), in_ucum("10^6 U"), in_ucum("/2 mm2")
        ('h.ng.kg/mL/mg', '10*6.U', '/(2.mm2)')
        >>> in_ucum("log10 IU/mL") is None
        True
    """
    measure, parts = parse(unit), _parts(unit, "cdisc")
    if measure is None or parts is None:
        return None
    words = [(sign, _ucum_part(part)) for sign, part in parts]
    if any(word is None for _, word in words):
        return None
    above = ".".join(str(word) for sign, word in words if sign > 0)
    spelled = above + "".join(f"/{_grouped(str(word))}" for sign, word in words if sign < 0)
    return spelled if parse(spelled, "ucum") == measure else None


def _grouped(word: str) -> str:
    """Return a factor below the line so that all of it stays there."""
    return f"({word})" if "." in word else word


def _ucum_part(part: str) -> str | None:
    """Return one factor in UCUM's words: ``10^3 IU`` is ``10*3.[IU]``."""
    number = NUMBER.match(part)
    word = part[number.end() :] if number else part
    written = _ucum_word(word) if word else ""
    if written is None or not number:
        return written
    times, base, exponent = number.groups()
    size = f"{base}*{exponent}" if exponent else base
    return ".".join(text for text in (times, size, written) if text)


def _ucum_word(word: str) -> str | None:
    """Return a unit word of CDISC as UCUM writes it, its prefix and power kept."""
    same = _same_in_ucum()
    if word in _atoms("cdisc"):
        return same.get(_atoms("cdisc")[word][:3])
    parts = POWER.match(word)
    if parts is None:
        return None
    for length in (0, 1, 2):
        prefix, stem = parts[1][:length], parts[1][length:]
        atom = _atoms("cdisc").get(stem)
        if atom is not None and prefix in PREFIXES and (atom.prefixable or not length):
            written = same.get(atom[:3])
            return None if written is None else f"{prefix}{written}{parts[2] or ''}"
    return None


@cache
def _same_in_ucum() -> dict[tuple[Fraction, str, int], str]:
    """Return UCUM's word for each size of a base unit, the first one of the table."""
    found: dict[tuple[Fraction, str, int], str] = {}
    for word, atom in _atoms("ucum").items():
        found.setdefault((atom.factor, atom.base, atom.power), word)
    return found


def _measure(factor: Fraction, powers: dict[str, int]) -> Measure:
    return Measure(factor, frozenset((base, power) for base, power in powers.items() if base and power))


def _parts(unit: str, dialect: Dialect) -> list[tuple[int, str]] | None:
    """Return each factor of `unit` with +1 above and -1 below the line, or None where brackets do not pair.

    A dot keeps nothing of the line before it, as UCUM wants it; a star of CDISC does: mg/kg*h is mg/(kg*h).
    """
    text = re.sub(r"10\*(?=\d)", "10^", unit) if dialect == "ucum" else unit
    found: list[tuple[int, str]] = []
    sign = 1
    for place, piece in enumerate(_pieces(text, SEPARATORS[dialect])):
        if place % 2:
            sign = -1 if piece == "/" or (dialect == "cdisc" and sign < 0) else 1
        elif piece.startswith("(") and piece.endswith(")") and len(piece) < len(text):
            inner = _parts(piece[1:-1], dialect)
            if inner is None:
                return None
            found += [(sign * one, part) for one, part in inner]
        elif "(" in piece or ")" in piece:
            return None
        elif piece or place:
            found.append((sign, piece))
    return found


def _pieces(text: str, separator: re.Pattern[str]) -> list[str]:
    """Return factors and separators in turn; what stands in brackets is one factor."""
    found, depth = [""], 0
    for part in separator.split(text):
        if separator.fullmatch(part) and not depth:
            found += [part, ""]
        else:
            found[-1] += part
            depth += part.count("(") - part.count(")")
    return found


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
    if power != 1 and atom.base not in {"m", "s"}:
        # only lengths and times stand with a power in clinical units; a litre cubed is a slip of the pen
        return None
    size, base = (atom.factor * prefix) ** power, atom.base
    if base == "m" and power == 3:
        return Atom(size * 1000, "L", 1, prefixable=False)
    return Atom(size, base, power * atom.power, prefixable=False)
