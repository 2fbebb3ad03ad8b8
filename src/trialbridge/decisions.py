"""What people decided about codes and texts that no table knows: the decision file, and its look-up.

The file is TOML with one block a decision, in a fixed order, so that two people can edit it and merge.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from trialbridge.errors import ConfigurationError

LEAVE = "leave unmapped"
"""The decision that a code or text is to stay without a term; it must say why."""

QUALIFIERS = ("test", "cat", "scat", "spec", "method", "pos")
"""What a decision about a test may say besides its code."""

HEADING = """\
# Decisions about codes and texts that no table knows. One block a decision, in the order of domain,
# variable, system, code and text. Edit it, merge it, and keep it under version control:
# `trialbridge convert --decisions` applies it.
"""
_TESTCD = re.compile(r"(?:(?P<domain>[A-Z][A-Z0-9])\.)?(?P<testcd>[A-Z_][A-Z0-9_]{0,7})")
_REQUIRED = ("decision", "who", "when", "ct")


class Word(NamedTuple):
    """A code or text as the source has it, and the variable that it is for."""

    domain: str
    variable: str
    system: str
    code: str
    text: str


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        domain: Domain of the variable; empty where not even that was known.
        variable: Such as ``LBSPEC``; empty for a test whose domain was not known.
        system: Code system of the code.
        code: The code as it was sent; empty for a bare text.
        text: The text as it was sent; of a code without it the decision holds whatever its text.
        decision: The submission value; for a test its --TESTCD, or ``DOMAIN.TESTCD``; or `LEAVE`.
        test: --TEST, where the terminology has no name for the test.
        cat: --CAT.
        scat: --SCAT.
        spec: --SPEC, where the resource says nothing.
        method: --METHOD, where the resource says nothing.
        pos: --POS, where the resource says nothing.
        who: Who decided.
        when: The day, ISO 8601.
        ct: The controlled terminology that was decided with.
        why: Why.
    """

    domain: str = ""
    variable: str = ""
    system: str = ""
    code: str = ""
    text: str = ""
    decision: str = ""
    test: str = ""
    cat: str = ""
    scat: str = ""
    spec: str = ""
    method: str = ""
    pos: str = ""
    who: str = ""
    when: str = ""
    ct: str = ""
    why: str = ""

    @property
    def word(self) -> Word:
        """What was decided upon."""
        return Word(self.domain, self.variable, self.system, self.code, self.text)

    @property
    def leaves(self) -> bool:
        """Whether the word is to stay unmapped."""
        return self.decision == LEAVE

    @property
    def of_test(self) -> bool:
        """Whether it says which test a code is."""
        return is_test(self.variable)

    @property
    def target(self) -> tuple[str, str]:
        """Domain and variable that the decision fills, and its value stands in `value`."""
        if not self.of_test:
            return self.domain, self.variable
        match = _TESTCD.fullmatch(self.decision)
        domain = (match["domain"] if match else "") or self.domain
        return domain, f"{domain}TESTCD"

    @property
    def value(self) -> str:
        """The submission value; empty where the word stays unmapped."""
        if self.leaves:
            return ""
        match = _TESTCD.fullmatch(self.decision) if self.of_test else None
        return match["testcd"] if match else self.decision

    def said(self) -> str:
        """Return who decided, when and why, as one sentence.

        Example:
            >>> Decision(who="J. Roe", when="2026-11-20", why="same analyte").said()
            'decided by J. Roe on 2026-11-20: same analyte'
        """
        verb = "left unmapped" if self.leaves else "decided"
        return f"{verb} by {self.who} on {self.when}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True)
class Decisions:
    """All decisions of a study.

    Attributes:
        made: The decisions, in their order.
        source: Name of the file; empty for none.
        sha256: Hash of the file.
    """

    made: tuple[Decision, ...] = ()
    source: str = ""
    sha256: str = ""

    def find(self, word: Word) -> Decision | None:
        """Return the decision about a word: about its code where it has one, else about its text.

        Example:
            >>> made = Decisions((Decision("EX", "EXROUTE", text="by mouth", decision="ORAL"),))
            >>> made.find(Word("EX", "EXROUTE", "", "", "By  mouth")).decision
            'ORAL'
        """
        found = self._of(word)
        return next((one for one in found if _agree(one.text, word.text)), None)

    def of_another_text(self, word: Word) -> Decision | None:
        """Return a decision about the same code under another text, where none holds for this word."""
        found = self._of(word)
        return found[0] if found and self.find(word) is None else None

    def of_test(self, codings: Iterable[tuple[str, str]], text: str) -> Decision | None:
        """Return the decision about a test: by one of its codings, else by its text."""
        if not self.made:
            return None
        words = [Word("", "", system, code, text) for system, code in codings if code]
        words.append(Word("", "", "", "", text))
        return next((found for word in words if (found := self.find(word))), None)

    def about(self, domain: str, variable: str) -> bool:
        """Return whether there is any decision about a variable."""
        return _place(domain, variable) in self._places

    def _of(self, word: Word) -> Sequence[Decision]:
        if not word.code and not word.text:
            return ()
        return self._by_word.get(_key(word), ())

    @cached_property
    def _places(self) -> frozenset[tuple[str, str]]:
        return frozenset(_place(one.domain, one.variable) for one in self.made)

    @cached_property
    def _by_word(self) -> Mapping[tuple[str, ...], tuple[Decision, ...]]:
        found: dict[tuple[str, ...], tuple[Decision, ...]] = {}
        for one in sorted(self.made, key=lambda one: not one.text):  # the one with a text is the closer one
            found[_key(one.word)] = (*found.get(_key(one.word), ()), one)
        return found


def is_test(variable: str) -> bool:
    """Return whether a variable is the code of a test; it is empty where the domain is not known.

    Example:
        >>> is_test("LBTESTCD"), is_test("LBSPEC")
        (True, False)
    """
    return not variable or variable.endswith("TESTCD")


def _place(domain: str, variable: str) -> tuple[str, str]:
    """Return the variable as it is looked up by: a test is decided before its domain is known."""
    return ("", "") if is_test(variable) else (domain, variable)


def _key(word: Word) -> tuple[str, ...]:
    place = _place(word.domain, word.variable)
    return (*place, word.system, word.code) if word.code else (*place, "", "", _folded(word.text))


def _agree(one: str, other: str) -> bool:
    return not one or not other or _folded(one) == _folded(other)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def read_decisions(source: Path) -> Decisions:
    """Return the decisions of a file.

    Raises:
        ConfigurationError: It cannot be read, a block says what means nothing, or two are about one word.
    """
    try:
        data = source.read_bytes()
        blocks = tomllib.loads(data.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(str(source), str(error)) from error
    problems = list(_problems(blocks))
    made = () if problems else tuple(Decision(**block) for block in blocks.get("decision", ()))
    problems += _twice(made)
    if problems:
        raise ConfigurationError(str(source), "; ".join(problems))
    return Decisions(in_order(made), source.name, hashlib.sha256(data).hexdigest())


def _problems(data: Mapping[str, Any]) -> Iterable[str]:
    yield from (f"there is no {name!r}; each block is a [[decision]]" for name in data if name != "decision")
    blocks = data.get("decision", [])
    if not isinstance(blocks, list):
        yield "a block is written [[decision]]"
        return
    names = tuple(field.name for field in fields(Decision))
    for number, block in enumerate(blocks, 1):
        place = f"decision {number} ({block.get('code') or block.get('text') or 'of nothing'})"
        yield from (f"{place} has no field {name!r}" for name in block if name not in names)
        wrong = (name for name, one in block.items() if not isinstance(one, str))
        yield from (f"{place}: {name} must be text" for name in wrong)
        yield from (f"{place}: {problem}" for problem in _missing(block))


def _missing(block: Mapping[str, Any]) -> Iterable[str]:
    yield from (f"{name} is missing" for name in _REQUIRED if not block.get(name))
    if not block.get("variable") and block.get("domain"):
        yield "variable is missing"
    if not block.get("code") and not block.get("text"):
        yield "neither a code nor a text is named"
    if block.get("decision") == LEAVE and not block.get("why"):
        yield "what is left unmapped must say why"


def _twice(made: Iterable[Decision]) -> list[str]:
    """Return what is decided twice."""
    seen: set[tuple[str, ...]] = set()
    problems = []
    for one in made:
        key = (*_key(one.word), _folded(one.text))
        if key in seen:
            problems.append(f"{one.code or one.text} is decided twice for {one.variable or 'its test'}")
        seen.add(key)
    return problems


def in_order(made: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return decisions in the order of the file."""
    return tuple(sorted(made, key=lambda one: one.word))


def to_toml(made: Iterable[Decision]) -> str:
    """Return the text of a decision file.

    Example:
        >>> print(to_toml([Decision("DM", "SEX", code="9", decision="U", who="J. Roe")]).partition("[[")[2])
        decision]]
        domain = "DM"
        variable = "SEX"
        code = "9"
        decision = "U"
        who = "J. Roe"
        <BLANKLINE>
    """
    blocks = []
    for one in in_order(made):
        said = [(field.name, getattr(one, field.name)) for field in fields(one)]
        lines = [f"{name} = {_toml_text(value)}" for name, value in said if value]
        blocks.append("\n".join(["[[decision]]", *lines]))
    return "\n\n".join([HEADING.rstrip(), *blocks]) + "\n"


def _toml_text(text: str) -> str:
    """Return a basic string of TOML: JSON's escapes are among its own, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class Merged(NamedTuple):
    """What became of new decisions beside those of a file."""

    made: tuple[Decision, ...]
    added: tuple[Decision, ...]
    replaced: tuple[tuple[Decision, Decision], ...]
    conflicts: tuple[tuple[Decision, Decision], ...]


def merged(old: Iterable[Decision], new: Iterable[Decision], *, replacing: bool = False) -> Merged:
    """Return old and new decisions together; what was decided otherwise before stays, and is told.

    Args:
        old: The decisions of the file.
        new: Those to be added.
        replacing: Whether a new decision takes the place of another one about the same word.
    """
    kept = {_identity(one): one for one in old}
    added, replaced, conflicts = [], [], []
    for one in new:
        before = kept.get(_identity(one))
        if before is not None and _content(before) == _content(one):
            continue
        if before is None:
            added.append(one)
        elif replacing:
            replaced.append((before, one))
        else:
            conflicts.append((before, one))
            continue
        kept[_identity(one)] = one
    return Merged(in_order(kept.values()), tuple(added), tuple(replaced), tuple(conflicts))


def _identity(one: Decision) -> tuple[str, ...]:
    return (*_key(one.word), _folded(one.text))


def _content(one: Decision) -> Decision:
    """Return what is decided, whoever did so; a decision is no other one because it is made again."""
    domain, _ = one.target
    named = f"{domain}.{one.value}" if one.of_test and one.value else one.decision
    return replace(one, domain="", variable="", text="", decision=named, who="", when="", ct="", why="")
