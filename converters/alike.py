"""How much two names are alike: by their words, where one may abbreviate another, and by their letters.

A name is cut into words, each written in one manner of spelling. Words that many names share count for
little. The score is twice the weight of what both say in the weight of all that they say; a word that begins
another, or that shares most of its letters, counts in part. 100 is the same words in any order.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple, TypeVar

from trialbridge.converters.abbreviate import LONGEST, contracted, same_word, spelled

CANDIDATES = 150
"""Names that are compared word by word: those with the most letters in common."""

FEW = 40
"""Names of which so few there are that one letter may tell them apart."""

LEAST_WEIGHT = 0.2
EMPTY_WORDS = frozenset(
    ("measurement", "the", "a", "an", "and", "or", "of", "in", "by", "for", "test", "level", "to")
)
"""Words that say nothing of what is measured."""

_WORDED, _CONTRACTED = 0.99, 0.92
_JOINED = 0.97
_SPELLED = {1: 0.45, 2: 0.55, 3: 0.78}
_SPELLED_LONG, _OF_ONE_WORD = 0.82, 0.6
_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"haem", "hem"),
        (r"aemi", "emi"),
        (r"oestr", "estr"),
        (r"oede", "ede"),
        (r"leuc", "leuk"),
        (r"faec", "fec"),
        (r"caerul", "cerul"),
        (r"sulph", "sulf"),
        (r"colour", "color"),
        (r"ised\b", "ized"),
        (r"\b(?:red (?:blood )?(?:cells?|count)|rbc)\b", "erythrocyte"),
        (r"\b(?:white (?:blood )?(?:cells?|count)|wbc)\b", "leukocyte"),
        (r"\bthrombocytes?\b", "platelet"),
        (r"\b(?:hgb|hb)\b", "hemoglobin"),
        (r"\b(?:feces|fecal)\b", "stool"),
        (r"litre", "liter"),
        (r"metre", "meter"),
        (r"\bab\b", "antibody"),
        (r"\bag\b", "antigen"),
        (r"\bpct\b|%", " percent "),
        (r"\bonce\b", "1 time"),
        (r"\btwice\b", "2 times"),
        (r"\bthrice\b", "3 times"),
        ("\u03b1", "alpha"),
        ("\u03b2", "beta"),
        ("\u03b3", "gamma"),
        ("[\u00b5\u03bc]", "u"),
    )
)
_NUMBERS = {
    name: str(number)
    for number, name in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_WORD = re.compile(r"[^\W_]+")

Key = TypeVar("Key")


class Name(NamedTuple):
    """One name of one term.

    Attributes:
        place: Domain of the term, where several codelists are searched.
        value: Submission value.
        name: The name.
        code: NCI code.
    """

    place: str
    value: str
    name: str
    code: str


class Near(NamedTuple):
    """A name, and how near it is, of 100."""

    name: Name
    score: float


def plain(text: str) -> str:
    """Return a text in one manner of spelling, of words and blanks alone.

    Example:
        >>> plain("Haematocrit (Ht)")
        'hematocrit ht'
    """
    folded = text.casefold()
    for pattern, put in _SPELLINGS:
        folded = pattern.sub(put, folded)
    return " ".join(_NUMBERS.get(word, word) for word in _WORD.findall(folded))


@cache
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text that say something, without plurals, each once.

    Example:
        >>> words("Platelets Measurement")
        ('platelet',)
    """
    everything = plain(text).split()
    said = dict.fromkeys(_singular(word) for word in everything if word not in EMPTY_WORDS)
    return tuple(said) or tuple(everything)


def _singular(word: str) -> str:
    plural = len(word) > 4 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


@cache
def _groups(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def _letters(text: Sequence[str]) -> frozenset[str]:
    return frozenset(group for word in text for group in _groups(word))


@dataclass(frozen=True)
class Names:
    """The names of some codelists, so that those near a text are found quickly."""

    all: tuple[Name, ...]

    @cached_property
    def _words(self) -> tuple[tuple[str, ...], ...]:
        return tuple(words(one.name) for one in self.all)

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return tuple(len(_letters(text)) for text in self._words)

    @cached_property
    def _postings(self) -> Mapping[str, Sequence[int]]:
        return _inverted(map(_letters, self._words))

    @cached_property
    def _by_letters(self) -> Mapping[str, Sequence[int]]:
        return _inverted(["".join(text)] for text in self._words)

    @cached_property
    def _by_words(self) -> Mapping[frozenset[str], Sequence[int]]:
        return _inverted([frozenset(text)] for text in self._words)

    @cached_property
    def _short(self) -> Mapping[str, Sequence[int]]:
        """First letter -> the names of one short word, which may abbreviate a text."""
        return _inverted([text[0][0]] if _is_short(text) else [] for text in self._words)

    @cached_property
    def _long(self) -> Mapping[str, Sequence[int]]:
        """Letter -> the names that have a word which it begins; not those of one short word."""
        return _inverted({word[0] for word in text} if len(text) > 1 else [] for text in self._words)

    @cached_property
    def _frequency(self) -> Counter[str]:
        return Counter(word for text in self._words for word in text)

    def weight(self, word: str) -> float:
        """Return how much a word says: the rarer, the more."""
        return max(LEAST_WEIGHT, math.log((1 + len(self.all)) / (1 + self._frequency[word])))

    def near(self, text: str, without: Collection[Name] = ()) -> list[Near]:
        """Return the names that share letters with `text`, and how near each is; those `without` left out."""
        asked = words(text)
        if not asked:
            return []
        known = ((self.all[number], self._words[number]) for number in self._candidates(asked))
        return [Near(name, 100 * self._alike(asked, said)) for name, said in known if name not in without]

    def _candidates(self, asked: tuple[str, ...]) -> list[int]:
        groups = _letters(asked)
        shared = Counter(number for group in groups for number in self._postings.get(group, ()))
        near = {number: 2 * count / (len(groups) + self._sizes[number]) for number, count in shared.items()}
        best = sorted(near, key=lambda number: (-near[number], number))[:CANDIDATES]
        same = self._by_words.get(frozenset(asked), ())
        joined = self._by_letters.get("".join(asked), ())
        return list(dict.fromkeys([*same, *joined, *best, *self._abbreviations(asked)]))

    def _abbreviations(self, asked: tuple[str, ...]) -> list[int]:
        """Return the names that a text spells out, or that it is the abbreviation of."""
        found: list[int] = []
        if _is_short(asked):
            numbers = self._long.get(asked[0][0], ())
            found += [number for number in numbers if spelled(asked[0], self._words[number])]
        if len(asked) > 1 or len(self.all) <= FEW:
            letters = dict.fromkeys(word[0] for word in asked)
            numbers = [number for letter in letters for number in self._short.get(letter, ())]
            found += [number for number in numbers if spelled(self._words[number][0], asked)]
        return found

    def _alike(self, asked: Sequence[str], known: Sequence[str]) -> float:
        if set(asked) == set(known):
            return 1.0
        if "".join(asked) == "".join(known):
            return _JOINED
        return max(self._worded(asked, known), self._abbreviated(asked, known))

    def _worded(self, asked: Sequence[str], known: Sequence[str]) -> float:
        before = len(asked) + len(known)
        asked, known = contracted(asked, known), contracted(known, asked)
        sure = _WORDED if len(asked) + len(known) == before else _CONTRACTED
        left, right = (sum(map(self.weight, text)) for text in (asked, known))
        forward = sum(self.weight(word) * max(same_word(word, other) for other in known) for word in asked)
        backward = sum(self.weight(word) * max(same_word(word, other) for other in asked) for word in known)
        return sure * (forward + backward) / (left + right)

    @staticmethod
    def _abbreviated(asked: Sequence[str], known: Sequence[str]) -> float:
        pairs = ((short[0], long) for short, long in ((asked, known), (known, asked)) if len(short) == 1)
        return max((_sure(short, long) * spelled(short, long) for short, long in pairs), default=0.0)


def _is_short(text: Sequence[str]) -> bool:
    return len(text) == 1 and len(text[0]) <= LONGEST


def _sure(short: str, long: Sequence[str]) -> float:
    """Return how much it says that a text spells a short word: the more, the longer the word."""
    return _SPELLED.get(len(short), _SPELLED_LONG) * (_OF_ONE_WORD if len(long) == 1 else 1.0)


def _inverted(parts: Iterable[Iterable[Key]]) -> Mapping[Key, Sequence[int]]:
    found: dict[Key, list[int]] = {}
    for number, some in enumerate(parts):
        for one in some:
            found.setdefault(one, []).append(number)
    return found
