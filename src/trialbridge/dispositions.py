"""What people say of findings that stay: the file of dispositions, and which of them is about a finding.

The file is TOML with one block a cause, so that it can be compared, merged and kept under version control. A
block says of what it speaks (a rule, and as much of dataset, variables and values as is meant), and why it
stays.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from trialbridge.errors import ConfigurationError

DISPOSITIONS = "dispositions.toml"
"""The name by which the file is found beside the data."""

HEADING = """\
# Why findings stay as they are, one block a cause. `trialbridge validate` shows what is written here beside
# the finding, `trialbridge package` in the reviewer's guide. A block without an explanation waits for one.
# Without `dataset`, `variables` or `values` a block speaks of all of them; with `count` of so many findings,
# and of no more.
"""
_REQUIRED = ("who", "when")


@dataclass(frozen=True)
class Disposition:
    """One block of the file.

    Attributes:
        rule: Name of the rule, such as ``fatal-without-death`` or ``CORE-000252``.
        dataset: The dataset; empty for any.
        variables: The variables; a finding that is about others, too, is not meant. Empty for any.
        values: Variable -> the value that all the findings share; empty for any.
        count: For how many findings it was written; more than these are not explained. 0 for any number.
        explanation: Why it stays; empty where nobody has said so yet.
        who: Who said so.
        when: The day, ISO 8601.
    """

    rule: str
    dataset: str = ""
    variables: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    count: int = 0
    explanation: str = ""
    who: str = ""
    when: str = ""

    @property
    def scope(self) -> tuple[object, ...]:
        """Of what it speaks; no two blocks speak of the same."""
        return self.rule, self.dataset, tuple(sorted(self.variables)), tuple(sorted(self.values.items()))

    @property
    def closeness(self) -> tuple[int, bool, bool]:
        """How closely it says what it is about: of several blocks the closest counts."""
        return len(self.values), bool(self.variables), bool(self.dataset)

    def is_about(self, cause: Cause) -> bool:
        """Return whether it speaks of a cause, however many findings that has."""
        return (
            self.rule == cause.rule
            and self.dataset in {"", cause.dataset}
            and (not self.variables or set(cause.variables) <= set(self.variables))
            and all(cause.values.get(name) == value for name, value in self.values.items())
        )

    def said(self) -> str:
        """Return the explanation with who gave it, and when.

        Example:
            >>> Disposition("unit-missing", explanation="pH has none", who="J. Roe", when="2026-11-20").said()
            'pH has none (J. Roe, 2026-11-20)'
        """
        return f"{self.explanation} ({self.who}, {self.when})" if self.explanation else ""


@dataclass(frozen=True)
class Cause:
    """Findings that have one cause, as far as a disposition looks at them.

    Attributes:
        rule: Name of the rule.
        dataset: The dataset; empty where several have the cause in common.
        variables: The variables that they are about.
        values: Variable -> the value that they share.
        count: How many they are.
    """

    rule: str
    dataset: str = ""
    variables: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    count: int = 1


@dataclass(frozen=True)
class Dispositions:
    """All dispositions of a study.

    Attributes:
        made: The blocks, in the order of the file.
        source: The file; none where there is none.
    """

    made: tuple[Disposition, ...] = ()
    source: Path | None = None

    def find(self, cause: Cause) -> Disposition | None:
        """Return the closest block about a cause, whether it explains it or not.

        Example:
            >>> made = Dispositions((Disposition("r"), Disposition("r", "AE", explanation="so collected")))
            >>> made.find(Cause("r", "AE")).explanation, made.find(Cause("r", "CM")).explanation
            ('so collected', '')
        """
        about = [one for one in self._by_rule.get(cause.rule, ()) if one.is_about(cause)]
        return max(about, key=lambda one: one.closeness, default=None)

    def explanation(self, cause: Cause) -> Disposition | None:
        """Return the block that explains a cause; none where it has no text, or is for fewer findings.

        Example:
            >>> made = Dispositions((Disposition("r", count=2, explanation="as collected"),))
            >>> made.explanation(Cause("r", count=2)) is None, made.explanation(Cause("r", count=3)) is None
            (False, True)
        """
        found = self.find(cause)
        explains = found is not None and found.explanation and not 0 < found.count < cause.count
        return found if explains else None

    @cached_property
    def _by_rule(self) -> Mapping[str, Sequence[Disposition]]:
        found: dict[str, list[Disposition]] = {}
        for one in self.made:
            found.setdefault(one.rule, []).append(one)
        return found


NO_DISPOSITIONS = Dispositions()
"""Nobody has said anything."""


def dispositions_beside(sources: Iterable[Path]) -> Path | None:
    """Return the file of dispositions beside datasets; for those of a run, in the run's folder, too."""
    for source in sources:
        folder = source if source.is_dir() else source.parent
        folders = (folder, folder.parent) if folder.name == "sdtm" else (folder,)
        for place in folders:
            if (place / DISPOSITIONS).is_file():
                return place / DISPOSITIONS
    return None


def read_dispositions(source: Path) -> Dispositions:
    r"""Return the dispositions of a file.

    Raises:
        ConfigurationError: It cannot be read, a block says what means nothing, or two speak of the same.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "d.toml").write_text('[[disposition]]\nrule = "unit-missing"\n')
        ...     read_dispositions(Path(folder, "d.toml")).made[0].rule
        'unit-missing'
    """
    try:
        blocks = tomllib.loads(source.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(str(source), str(error)) from error
    problems = list(_problems(blocks))
    made = () if problems else tuple(_disposition(one) for one in blocks.get("disposition", ()))
    problems += _twice(made)
    if problems:
        raise ConfigurationError(str(source), "; ".join(problems))
    return Dispositions(made, source)


def _disposition(block: Mapping[str, Any]) -> Disposition:
    return Disposition(**{**block, "variables": tuple(block.get("variables", ()))})


def _problems(data: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"there is no {name!r}; each block is a [[disposition]]" for name in data if name != "disposition"
    )
    blocks = data.get("disposition", [])
    if not isinstance(blocks, list):
        yield "a block is written [[disposition]]"
        return
    for number, block in enumerate(blocks, 1):
        place = f"disposition {number} ({block.get('rule') or 'of nothing'})"
        yield from (f"{place}{problem}" for problem in _problems_of(block))


def _problems_of(block: Mapping[str, Any]) -> Iterator[str]:
    known = {one.name: _FORMS.get(one.name, _is_text) for one in fields(Disposition)}
    yield from (f" has no field {name!r}" for name in block if name not in known)
    yield from (
        f": {name} is not {_FORM_NAMES.get(name, 'text')}"
        for name, is_right in known.items()
        if name in block and not is_right(block[name])
    )
    if not block.get("rule"):
        yield ": rule is missing"
    if block.get("explanation"):
        yield from (f": {name} is missing" for name in _REQUIRED if not block.get(name))
    if isinstance(block.get("when"), str) and block["when"] and not _is_day(block["when"]):
        yield f": when is no day: {block['when']}"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_FORMS = {"variables": _is_list, "values": _is_table, "count": _is_count}
_FORM_NAMES = {
    "variables": "a list of names",
    "values": "a table of variable = value",
    "count": "a number from 1",
}


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _twice(made: Sequence[Disposition]) -> list[str]:
    """Return what two blocks speak of."""
    seen: set[tuple[object, ...]] = set()
    problems = []
    for one in made:
        if one.scope in seen:
            problems.append(f"two blocks speak of {one.rule} in {one.dataset or 'any dataset'}")
        seen.add(one.scope)
    return problems


def to_toml(made: Iterable[tuple[Disposition, str]]) -> str:
    """Return blocks as text, each under a comment that says what was found.

    Example:
        >>> print(to_toml([(Disposition("unit-missing", "LB", ("LBORRESU",)), "LBORRESU is blank")]))
        # LBORRESU is blank
        [[disposition]]
        rule = "unit-missing"
        dataset = "LB"
        variables = ["LBORRESU"]
        explanation = ""
        who = ""
        when = ""
        <BLANKLINE>
    """
    return "\n".join(_block(one, " ".join(said.split())) for one, said in made)


def _block(one: Disposition, said: str) -> str:
    scope: dict[str, str | list[str]] = {"rule": one.rule, "dataset": one.dataset}
    scope["variables"] = list(one.variables)
    lines = [f"{name} = {_toml(value)}" for name, value in scope.items() if value]
    if one.values:
        values = ", ".join(f"{_toml(name)} = {_toml(value)}" for name, value in one.values.items())
        lines.append(f"values = {{ {values} }}")
    if one.count:
        lines.append(f"count = {one.count}")
    lines += [f"{name} = {_toml(getattr(one, name))}" for name in ("explanation", *_REQUIRED)]
    return "\n".join([f"# {_toml(said)[1:-1]}", "[[disposition]]", *lines, ""])


def _toml(value: str | list[str]) -> str:
    """Return text or a list as TOML: JSON's escapes are among its own, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
