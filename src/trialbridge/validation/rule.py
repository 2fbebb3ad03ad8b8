"""Our own rules: what a YAML file of `rules/` says, expanded, and put in order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from trialbridge.errors import ConfigurationError
from trialbridge.findings import Severity
from trialbridge.validation.outcome import RuleFacts

FOLDER = files("trialbridge.validation").joinpath("rules")
PARTS = ("xpt", "define", "trc", "content")
"""What ``--only`` can name."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule as its file declares it.

    Attributes:
        facts: What is to be said of it.
        part: ``xpt``, ``define``, ``trc`` or ``content``.
        check: How it is looked for, one of `trialbridge.validation.checks.CHECKS`.
        scope: Classes and domains: ``EVENTS``, ``AE``, ``ALL``, ``SUPP``, and ``-EX`` for not EX.
        needs: Variables without which it does not apply.
        asked: What the check is told.
        shown: Variables whose values a finding shows.
        cause: Variables whose values tell one root cause from another.
        fires: Example: datasets, or the content of a define.xml, in which it must be found.
        silent: Example: such in which it must not.
        of_guide: It holds for SDTMIG alone, and not for SEND.
    """

    facts: RuleFacts
    part: str
    check: str
    scope: tuple[str, ...] = ("ALL",)
    needs: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    fires: Mapping[str, Any] | str = field(default_factory=dict)
    silent: Mapping[str, Any] | str = field(default_factory=dict)
    of_guide: bool = False


def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a rule file."""
    found: Mapping[str, Any] = json.loads(FOLDER.joinpath("rule.schema.json").read_bytes())
    return found


def rule_files() -> list[str]:
    """Return the names of the rule files that are shipped."""
    return sorted(one.name for one in FOLDER.iterdir() if one.name.endswith(".yaml"))


@cache
def rules(part: str = "") -> tuple[Rule, ...]:
    """Return every shipped rule, or those of one part, in the order of files and places.

    Example:
        >>> len(rules()) >= 300, {rule.part for rule in rules("trc")}
        (True, {'trc'})
    """
    return tuple(rule for name in rule_files() if part in {"", part_of(name)} for rule in read_rules(name))


def part_of(name: str) -> str:
    """Return the part that the rules of a shipped file belong to, without reading them."""
    lines = FOLDER.joinpath(name).read_text("utf-8").splitlines()
    return next(line.removeprefix("part: ") for line in lines if line.startswith("part: "))


def read_rules(name: str) -> tuple[Rule, ...]:
    """Return the rules of one shipped file.

    Raises:
        ConfigurationError: A rule is not complete, or has the name of another.
    """
    document = read_document(name)
    found = tuple(_rule(one, document) for one in document["rules"])
    twice = {rule.facts.id for rule in found if sum(rule.facts.id == one.facts.id for one in found) > 1}
    if twice:
        raise ConfigurationError(name, f"the name stands twice: {', '.join(sorted(twice))}")
    return found


def read_document(name: str) -> Mapping[str, Any]:
    """Return one shipped file as plain data, its rules expanded: this is what the schema speaks of."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(FOLDER.joinpath(name).read_bytes(), loader)  # noqa: S506 -- a safe loader
    return {**document, "rules": list(_expanded(document["rules"]))}


def _expanded(declared: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield each rule; one with a table of values is as many rules as the table has rows."""
    for one in declared:
        for row in one.get("each", [{}]):
            body = {key: value for key, value in one.items() if key != "each"}
            yield _put(body, row) if row else body


def _put(value: Any, row: Mapping[str, Any]) -> Any:
    """Return `value` with the names in angle brackets replaced."""
    if isinstance(value, str):
        whole = value[1:-1] if value.startswith("<") and value.endswith(">") else ""
        if whole in row:
            return row[whole]
        for name, text in row.items():
            value = value.replace(f"<{name}>", str(text))
        return value
    if isinstance(value, Mapping):
        return {_put(key, row): _put(one, row) for key, one in value.items()}
    return [_put(one, row) for one in value] if isinstance(value, list) else value


_FACTS = (
    "rule",
    "message",
    "severity",
    "cites",
    "why",
    "fix",
    "in",
    "needs",
    "shows",
    "cause",
    "fires",
    "silent",
    "guide",
)


def _rule(one: Mapping[str, Any], family: Mapping[str, Any]) -> Rule:
    facts = RuleFacts(
        one["rule"],
        one["message"],
        Severity(one.get("severity", "error")),
        family["family"],
        tuple(str(one.get("cites", "")).split()),
        one.get("why", family.get("why", "")),
        one.get("fix", family.get("fix", "")),
    )
    asked = {key: value for key, value in one.items() if key not in {*_FACTS, "part", "check"}}
    return Rule(
        facts,
        family["part"],
        one.get("check", "records"),
        _words(one.get("in", family.get("in", "ALL"))),
        _words(one.get("needs", "")),
        asked,
        _words(one.get("shows", "")),
        _words(one.get("cause", "")),
        one.get("fires", {}),
        one.get("silent", {}),
        bool(one.get("guide", family.get("guide", ""))),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
