"""Whether one word, or several, may be written short as another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

SHORTEST = 3
"""Letters that a word must have to be taken for another with letters left out."""

LONGEST = 9
"""Letters that an abbreviation has at most."""

_BEGINS, _BEGINS_WITH_TWO, _LEAVES_OUT, _LETTERS = 0.85, 0.65, 0.55, 0.6


@cache
def same_word(one: str, other: str) -> float:
    """Return how far one word may be another: the same, its beginning, or of the same letters.

    Example:
        >>> same_word("alk", "alkaline"), same_word("hgb", "hemoglobin"), same_word("b12", "b6")
        (0.85, 0.55, 0.0)
    """
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if len(short) > 1 and long.startswith(short) and not short.isdigit():
        return _BEGINS if len(short) >= SHORTEST else _BEGINS_WITH_TWO
    if any(character.isdigit() for character in short):
        return 0.0
    shared = len(_groups(one) & _groups(other)) * 2 / (len(_groups(one)) + len(_groups(other)))
    return shared if shared >= _LETTERS else _leaves_out(short, long)


@cache
def _groups(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def _leaves_out(short: str, long: str) -> float:
    """Return whether a word is another one with letters left out, such as ``hgb`` of ``hemoglobin``."""
    if len(short) < SHORTEST or short[0] != long[0] or len(short) > len(long) * 0.8:
        return 0.0
    rest = iter(long)
    return _LEAVES_OUT if all(letter in rest for letter in short) else 0.0


def contracted(text: Sequence[str], other: Sequence[str]) -> Sequence[str]:
    """Return `text` with each run of words whose initials are a word of `other` put as that word.

    Example:
        >>> contracted(["high", "density", "lipoprotein", "cholesterol"], ["hdl", "chol"])
        ['hdl', 'cholesterol']
    """
    found = list(text)
    for short in other:
        size = len(short)
        if len(other) > 1 and 1 < size <= len(found) and short not in found:
            initials = "".join(word[0] for word in found)
            start = initials.find(short)
            if start >= 0:
                found[start : start + size] = [short]
    return found


def spelled(short: str, text: Sequence[str]) -> float:
    """Return how much of a text a short word spells: each letter, in order, by the words it begins.

    A word is begun with its first letter; further letters of it may follow. All letters must be used.

    Example:
        >>> spelled("abi", ["ankle", "brachial", "index"]), spelled("csf", ["cerebrospinal", "fluid"])
        (1.0, 1.0)
        >>> spelled("abi", ["arm", "index"])
        0.0
    """
    if len(short) > LONGEST or short == text[0] or not any(word[0] == short[0] for word in text):
        return 0.0
    if not set(short) <= {letter for word in text for letter in word}:
        return 0.0
    return _spelled(short, tuple(text)) / len(text)


@cache
def _spelled(short: str, text: tuple[str, ...]) -> int:
    """Return how many words of a text are used, at most, to spell a short word; 0 where it cannot be."""
    if not short or not text:
        return 0
    best = 0
    for used in _beginnings(short, text[0]):
        rest = short[used:]
        more = _spelled(rest, text[1:])
        if not rest or more:
            best = max(best, 1 + more)
    return max(best, _spelled(short, text[1:]))


def _beginnings(short: str, word: str) -> list[int]:
    """Return how many of the first letters of a short word one word can give."""
    if not word or word[0] != short[0]:
        return []
    found, place = [1], 1
    for count, letter in enumerate(short[1:], 2):
        place = word.find(letter, place) + 1
        if not place:
            break
        found.append(count)
    return found
