"""Reads CDISC's open rules from files that the user brings: JSON of its engine, YAML as published."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from trialbridge.core_rules.model import (
    All,
    Check,
    CoreRule,
    Either,
    Leaf,
    Match,
    Not,
    Operation,
    Span,
    Standard,
)
from trialbridge.errors import ConfigurationError

_DATE = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """Reads YAML; what looks like a date stays the text that it is."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- the base class has it so
        first: [one for one in known if one[0] != _DATE]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_SUFFIXES = (".json", ".json.gz", ".yaml", ".yml")


def read_core_rules(path: Path) -> list[CoreRule]:
    """Return the rules of a file, or of all files below a folder, in the order of their ids.

    A file is JSON (plain or gzipped) or YAML: one rule, a list of rules, or a mapping with ``rules``. A rule
    is in the form that CDISC publishes (``Core``, ``Scope``, ``Check``) or in that of its engine
    (``core_id``, ``conditions``). A rule that cannot be read is returned with its `fault`.

    Raises:
        ConfigurationError: There is no such file, or no rule in it, or it is no JSON or YAML.
    """
    files = sorted(one for one in path.rglob("*") if _suffix(one)) if path.is_dir() else [path]
    found = {rule.id: rule for file in files for rule in _rules_of(file)}
    if not found:
        raise ConfigurationError(str(path), "holds no CORE rule")
    return [found[name] for name in sorted(found)]


def core_rule(raw: Mapping[str, Any]) -> CoreRule:
    """Return a rule from what a file says of it.

    Example:
        >>> rule = core_rule({
        ...     "Core": {"Id": "CORE-000001"}, "Rule Type": "Record Data", "Sensitivity": "Record",
        ...     "Scope": {"Domains": {"Include": ["AE"]}},
        ...     "Check": {"all": [{"name": "AESER", "operator": "empty"}]},
        ...     "Outcome": {"Message": "AESER is empty", "Output Variables": ["AESER"]},
        ... })
        >>> rule.domains.include, rule.check.parts[0].operator, rule.output
        (['AE'], 'empty', ('AESER',))
    """
    plain = raw if "core_id" in raw else _from_published(raw)
    name = str(plain.get("core_id") or plain.get("id") or "CORE rule without an id")
    try:
        return _rule(name, plain)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        return CoreRule(name, fault=f"the rule cannot be read: {error}", standards=_standards(plain))


def _suffix(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(_SUFFIXES)


def _rules_of(path: Path) -> Iterator[CoreRule]:
    document = _document(path)
    if isinstance(document, Mapping) and "rules" in document:
        document = document["rules"]
    if isinstance(document, Mapping) and not {"core_id", "Core"} & set(document):
        document = list(document.values())
    for raw in document if isinstance(document, list) else [document]:
        if isinstance(raw, Mapping) and {"core_id", "Core"} & set(raw):
            yield core_rule(raw)


def _document(path: Path) -> Any:
    try:
        data = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            data = gzip.decompress(data)
        if path.name.lower().endswith((".yaml", ".yml")):
            return yaml.load(data, _Loader)  # noqa: S506 -- a safe loader
        return json.loads(data)
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be read: {error.strerror or error}") from error
    except (EOFError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(str(path), f"is neither JSON nor YAML: {error}") from error


def _from_published(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a published rule under the names that the engine's own files use."""
    top = {key.replace(" ", "_"): value for key, value in raw.items()}
    scope = {key.replace(" ", "_"): value for key, value in (top.get("Scope") or {}).items()}
    outcome = {key.replace(" ", "_"): value for key, value in (top.get("Outcome") or {}).items()}
    return {
        "core_id": (top.get("Core") or {}).get("Id"),
        "rule_type": top.get("Rule_Type"),
        "sensitivity": top.get("Sensitivity"),
        "executability": str(top.get("Executability") or "").lower(),
        "description": top.get("Description"),
        "authorities": top.get("Authority") or top.get("Authorities") or [],
        "classes": scope.get("Classes"),
        "domains": scope.get("Domains"),
        "conditions": top.get("Check"),
        "message": outcome.get("Message"),
        "output_variables": outcome.get("Output_Variables"),
        "grouping_variables": top.get("Grouping_Variables"),
        "operations": top.get("Operations"),
        "datasets": [_match(one) for one in top.get("Match_Datasets") or []],
    }


_MATCH = {
    "Name": "domain_name",
    "Keys": "match_key",
    "Wildcard": "wildcard",
    "Child": "child",
    "Join_Type": "join_type",
}


def _match(raw: Mapping[str, Any]) -> dict[str, Any]:
    named = {key.replace(" ", "_"): value for key, value in raw.items()}
    keys = [
        key if isinstance(key, str) else {k.lower(): v for k, v in key.items()}
        for key in named.pop("Keys", [])
    ]
    named.pop("Is_Relationship", None)
    return {**{_MATCH.get(key, key): value for key, value in named.items()}, "match_key": keys}


def _rule(name: str, plain: Mapping[str, Any]) -> CoreRule:
    conditions = plain["conditions"]
    if isinstance(conditions, str):
        return CoreRule(
            name,
            str(plain.get("rule_type") or "JSONata"),
            message=_message(plain),
            description=plain.get("description") or "",
            standards=_standards(plain),
        )
    return CoreRule(
        name,
        plain.get("rule_type") or "Record Data",
        plain.get("sensitivity") or "Record",
        _message(plain),
        plain.get("description") or "",
        plain.get("executability") or "",
        msgspec.convert(plain.get("classes") or {}, Span),
        msgspec.convert(plain.get("domains") or {}, Span),
        tuple(msgspec.convert(one, Match) for one in plain.get("datasets") or ()),
        tuple(msgspec.convert(one, Operation) for one in plain.get("operations") or ()),
        _check(conditions),
        tuple(plain.get("output_variables") or ()),
        tuple(plain.get("grouping_variables") or ()),
        _standards(plain),
        _cites(plain),
    )


def _message(plain: Mapping[str, Any]) -> str:
    actions: Sequence[Mapping[str, Any]] = plain.get("actions") or []
    said = [str(one.get("params", {}).get("message") or "") for one in actions]
    return str(plain.get("message") or "; ".join(filter(None, said)) or plain.get("description") or "")


def _check(raw: Mapping[str, Any]) -> Check:
    """Return the tree of a check; a word that is not known is an error of the rule."""
    for word, build in (("all", All), ("any", Either)):
        if word in raw:
            _nothing_else(raw, word)
            return build(tuple(map(_check, raw[word])))
    if "not" in raw:
        _nothing_else(raw, "not")
        return Not(_check(raw["not"]))
    return msgspec.convert(_leaf(raw), Leaf)


def _nothing_else(raw: Mapping[str, Any], word: str) -> None:
    if set(raw) != {word}:
        others = ", ".join(sorted(set(raw) - {word}))
        raise ValueError(f"{others} beside {word}")


def _leaf(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a condition in one form: the engine keeps what it compares in a mapping of its own."""
    value = raw.get("value")
    if raw.get("name") == "get_dataset" and isinstance(value, Mapping):
        return {"operator": raw["operator"], **value}
    rest = {key: one for key, one in raw.items() if key not in {"name", "value"}}
    return {**rest, "target": raw.get("name", ""), "comparator": value}


def _authority(plain: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for authority in plain.get("authorities") or ():
        yield from authority.get("Standards") or ()


def _standards(plain: Mapping[str, Any]) -> tuple[Standard, ...]:
    listed = list(_authority(plain)) or plain.get("standards") or []
    return tuple(
        Standard(str(one.get("Name") or ""), str(one.get("Version") or ""), str(one.get("Substandard") or ""))
        for one in listed
    )


def _cites(plain: Mapping[str, Any]) -> tuple[str, ...]:
    found = (
        str(
            (
                {key.replace(" ", "_"): value for key, value in reference.items()}.get("Rule_Identifier")
                or {}
            ).get("Id")
        )
        for standard in _authority(plain)
        for reference in standard.get("References") or ()
    )
    return tuple(dict.fromkeys(one for one in found if one != "None"))
