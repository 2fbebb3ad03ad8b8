"""The sections of a study.toml that plan the trial in time, checked and made a `Design`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from trialbridge.design import (
    ARMS,
    BASELINE,
    ELEMENTS,
    TIMEPOINTS,
    VISITS,
    Design,
)
from trialbridge.milestones import milestone
from trialbridge.standards import ig_datasets

NUMBER = (int, float)
LISTS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "visits": {
        "number": NUMBER, "name": str, "day": int, "window": list, "aliases": list, "arms": list,
        "domains": list, "start": str, "end": str,
    },
    "elements": {
        "code": str, "name": str, "epoch": str, "start": (str, list), "end": (str, list), "arms": list,
        "duration": str, "branch": str, "transition": str,
    },
    "timepoints": {"name": str, "number": NUMBER, "elapsed": str, "reference": str, "anchor": str},
}  # fmt: skip
"""Section -> the keys of each of its entries, and what they hold."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "visits": ("number", "name"),
    "elements": ("code", "name", "epoch", "start"),
    "timepoints": ("name",),
}
UNIQUE: Mapping[str, tuple[str, ...]] = {"visits": ("number", "name"), "timepoints": ("name",)}
CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "epochs": {"tie": ("treatment", "later"), "before": ("blank", "first")},
    "lobxfl": {"same_day": ("exclude", "include")},
}
ANCHORS = ("first dose", "previous dose")
DURATION = re.compile(
    r"-?P(?:\d+W|(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)"
)
BASELINE_FORM = re.compile(rf"visit \d+(?:\.\d+)?|{'|'.join(BASELINE[1:])}")


def design_problems(data: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the sections of `data` that plan the trial; nothing if all is well.

    Example:
        >>> design_problems({"visits": [{"number": 1, "name": "BASELINE", "day": 0}]})
        ['visits "BASELINE": there is no day 0; the first day is 1, the day before it is -1']
    """
    return [problem for section in LISTS for problem in _entry_problems(section, data.get(section, []))] or [
        *_visit_problems(data.get("visits", [])),
        *_element_problems(data.get("elements", [])),
        *_timepoint_problems(data.get("timepoints", [])),
        *(problem for name in CHOICES for problem in _choice_problems(name, data.get(name, {}))),
        *_baseline_problems(data.get("baseline", {})),
    ]


def _entry_problems(section: str, entries: object) -> Iterator[str]:
    """Yield what is wrong with the form of the entries of one section."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield f"{section} must be written as [[{section}]]"
        return
    keys = LISTS[section]
    for number, entry in enumerate(entries, 1):
        place = f'{section} "{entry.get("name", number)}"'
        yield from (
            f"{place} has no key {key!r}; it has {', '.join(keys)}" for key in entry if key not in keys
        )
        yield from (f"{place} needs {key!r}" for key in NEEDED[section] if key not in entry)
        for key, value in entry.items():
            if key in keys and (not isinstance(value, keys[key]) or isinstance(value, bool)):
                yield f"{place}: {key} is of the wrong type"
    for key in UNIQUE.get(section, ()):
        repeated = [
            value for value, count in Counter(entry.get(key) for entry in entries).items() if count > 1
        ]
        yield from (f"{section}: two have the {key} {value!r}" for value in repeated if value is not None)


def _visit_problems(visits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    named: dict[str, str] = {}
    for visit in visits:
        place = f'visits "{visit["name"]}"'
        if visit.get("day") == 0:
            yield f"{place}: there is no day 0; the first day is 1, the day before it is -1"
        window = visit.get("window", [0, 0])
        if [type(one) for one in window] != [int, int] or not window[0] <= 0 <= window[1]:
            yield f"{place}: window must be two whole numbers, such as [-3, 3]"
        if "window" in visit and "day" not in visit:
            yield f"{place}: a window needs a day"
        yield from _list_problems(place, visit, ("aliases", "arms", "domains"))
        yield from (
            f"{place}: {code!r} is no domain"
            for code in visit.get("domains", ())
            if code not in ig_datasets()
        )
        for name in (visit["name"], *visit.get("aliases", ())):
            other = named.setdefault(str(name).casefold(), visit["name"])
            if other != visit["name"]:
                yield f"{place}: {name!r} names {other!r}, too"


def _list_problems(place: str, entry: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        if not all(isinstance(one, str) for one in entry.get(key, ())):
            yield f"{place}: {key} must be a list of texts"


def _element_problems(elements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for element in elements:
        place = f'elements "{element["code"]}"'
        if not 0 < len(element["code"]) <= 8:
            yield f"{place}: the code has at most 8 characters"
        yield from _list_problems(place, element, ("arms",))
        for text in (*_rules(element, "start"), *_rules(element, "end")):
            try:
                milestone(text)
            except (ValueError, AttributeError) as error:
                yield f"{place}: {error}"
        if "duration" in element and not DURATION.fullmatch(element["duration"]):
            yield f"{place}: duration must be ISO 8601, such as P2W"


def _timepoint_problems(timepoints: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for timepoint in timepoints:
        place = f'timepoints "{timepoint["name"]}"'
        if "elapsed" in timepoint and not DURATION.fullmatch(timepoint["elapsed"]):
            yield f"{place}: elapsed must be ISO 8601, such as PT30M or -PT15M"
        if timepoint.get("anchor", ANCHORS[0]) not in ANCHORS:
            yield f"{place}: anchor must be {' or '.join(ANCHORS)}"


def _choice_problems(section: str, chosen: Mapping[str, Any]) -> Iterator[str]:
    choices = CHOICES[section]
    for key, value in chosen.items():
        if key not in choices:
            yield f"[{section}] has no key {key!r}; it has {', '.join(choices)}"
        elif value not in choices[key]:
            yield f"{section}.{key} must be {' or '.join(choices[key])}"


def _baseline_problems(baseline: Mapping[str, Any]) -> Iterator[str]:
    for domain, rule in baseline.items():
        if domain not in ig_datasets():
            yield f"baseline.{domain} is no domain"
        if not isinstance(rule, str) or not BASELINE_FORM.fullmatch(rule):
            yield f"baseline.{domain} must be one of: {'; '.join(BASELINE)}"


def _rules(element: Mapping[str, Any], key: str) -> list[str]:
    told = element.get(key, [])
    return [told] if isinstance(told, str) else list(told)


def design_settings(data: Mapping[str, Any]) -> Design:
    """Return the design that the sections of a study.toml state; they have no problem.

    Example:
        >>> design = design_settings({"visits": [{"number": 1, "name": "BASELINE", "day": 1}]})
        >>> design.visits["VISITDY"].to_pylist()
        [1.0]
    """
    epochs = data.get("epochs", {})
    elements = data.get("elements", [])
    return Design(
        visits=pa.Table.from_pylist(list(_visits(data.get("visits", []))), VISITS),
        elements=pa.Table.from_pylist(list(_elements(elements)), ELEMENTS),
        arms=pa.Table.from_pylist(list(_arms(elements, data.get("arms", {}))), ARMS),
        timepoints=pa.Table.from_pylist([_timepoint(one) for one in data.get("timepoints", [])], TIMEPOINTS),
        tie=epochs.get("tie", "treatment"),
        before=epochs.get("before", "blank"),
        baseline=data.get("baseline", {}),
        same_day=data.get("lobxfl", {}).get("same_day", "exclude"),
    )


def _visits(visits: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for visit in visits:
        early, late = visit.get("window", (None, None))
        for arm in visit.get("arms") or [None]:
            yield {
                "VISITNUM": float(visit["number"]),
                "VISIT": visit["name"],
                "VISITDY": visit.get("day"),
                "ARMCD": arm,
                "TVSTRL": visit.get("start"),
                "TVENRL": visit.get("end"),
                "EARLY": early,
                "LATE": late,
                "NAMES": visit.get("aliases", []),
                "COLLECTED": visit.get("domains", []),
            }


def _elements(elements: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    seen = set()
    for element in elements:
        if element["code"] in seen:
            continue
        seen.add(element["code"])
        start, end = (_rules(element, key) for key in ("start", "end"))
        yield {
            "ETCD": element["code"],
            "ELEMENT": element["name"],
            "TESTRL": " or ".join(start),
            "TEENRL": " or ".join(end) or None,
            "TEDUR": element.get("duration"),
            "START": start,
            "END": end,
        }


def _arms(elements: Sequence[Mapping[str, Any]], arms: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the elements of each arm: those that name it, and those that name none, in their order."""
    names = {code: name for name, code in reversed(list(arms.items()))}
    named = [code for element in elements for code in element.get("arms", ())]
    for code in dict.fromkeys([*arms.values(), *named]):
        mine = [one for one in elements if code in (one.get("arms") or [code])]
        for order, element in enumerate(mine, 1):
            yield {
                "ARMCD": code,
                "ARM": names.get(code, code),
                "TAETORD": float(order),
                "ETCD": element["code"],
                "ELEMENT": element["name"],
                "TABRANCH": element.get("branch"),
                "TATRANS": element.get("transition"),
                "EPOCH": element["epoch"],
            }


def _timepoint(timepoint: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "TPT": timepoint["name"],
        "TPTNUM": timepoint.get("number"),
        "ELTM": timepoint.get("elapsed"),
        "TPTREF": timepoint.get("reference"),
        "ANCHOR": timepoint.get("anchor"),
    }


def design_overrides(design: Design) -> list[tuple[str, str]]:
    """Return what the settings say of the design, for the report.

    Example:
        >>> design_overrides(design_settings({"baseline": {"LB": "visit 1"}}))
        [('baseline of LB', 'visit 1')]
    """
    found = [(f"visit {row['VISITNUM']:g}", _visit_words(row)) for row in design.visits.to_pylist()]
    found += [
        (f"element {row['ETCD']}", " to ".join(filter(None, (row["TESTRL"], row["TEENRL"]))))
        for row in design.elements.to_pylist()
    ]
    found += [
        (f"time point {row['TPT']}", " ".join(filter(None, (row["ELTM"], row["TPTREF"]))))
        for row in design.timepoints.to_pylist()
    ]
    chosen = (
        ("tie of epochs", design.tie, "treatment"),
        ("epoch before the first", design.before, "blank"),
        ("day of first exposure for --LOBXFL", design.same_day, "exclude"),
    )
    found += [(name, value) for name, value, default in chosen if value != default]
    return found + [(f"baseline of {domain}", rule) for domain, rule in design.baseline.items()]


def _visit_words(row: Mapping[str, Any]) -> str:
    window = f"{row['EARLY']} to {row['LATE']} days" if row["EARLY"] is not None else ""
    day = f"day {row['VISITDY']:g}" if row["VISITDY"] is not None else ""
    named = ", ".join(row["NAMES"] or ())
    return "; ".join(filter(None, (row["VISIT"], day, window, row["ARMCD"], named)))


def parameter_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the section that states parameters of the trial.

    Example:
        >>> list(parameter_problems({"Phase": "II"}))
        ["parameters.'Phase' is no TSPARMCD: at most 8 capital letters and digits"]
    """
    for code, value in parameters.items():
        if not re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", code):
            yield f"parameters.{code!r} is no TSPARMCD: at most 8 capital letters and digits"
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(one, str) and one.strip() for one in texts):
            yield f"parameters.{code} must be a text, or a list of texts"


def parameters_of(parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return TSPARMCD -> its values.

    Example:
        >>> parameters_of({"TTYPE": ["SAFETY", "EFFICACY"], "ADAPT": "N"})
        {'TTYPE': ('SAFETY', 'EFFICACY'), 'ADAPT': ('N',)}
    """
    return {code: tuple(value) if isinstance(value, list) else (value,) for code, value in parameters.items()}
