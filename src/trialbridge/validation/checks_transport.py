"""Checks of files as files: names, labels, lengths, bytes, and what reading them has found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.findings import Finding
from trialbridge.model import Variable
from trialbridge.validation.checking import Check, NotChecked, whole
from trialbridge.validation.frame import Frame, Part
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule

_NUMBER_BYTES = 8
_PRINTABLE = re.compile(r"[ -~]*")
_UNBALANCED = (("(", ")"), ("{", "}"), ("[", "]"))


def _found_in_reading(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return the findings of reading, or of the check of define.xml, that have the rule's name there."""
    names = set(rule.asked["finding"])
    if rule.part == "define" and package.define is None:
        raise NotChecked("needs define.xml")
    if rule.part == "define" and package.define is not None and package.define.version == "1.0":
        raise NotChecked("is for Define-XML 2.0 and 2.1")
    if not names.isdisjoint(package.without):
        raise NotChecked(next(why for name, why in package.without.items() if name in names))
    equal: dict[Finding, int] = {}
    for one in package.findings:
        if one.rule in names:
            bare = replace(one, count=1)
            equal[bare] = equal.get(bare, 0) + one.count
    return [_hit(one, count) for one, count in equal.items()]


def _hit(one: Finding, count: int) -> Hits:
    return Hits(
        one.domain or one.source or "GLOBAL",
        (one.variable,) if one.variable else (),
        None,
        one.message,
        one.value,
        place=one.path,
        source=one.source,
        count=count,
    )


def _file_size(package: Package, rule: Rule) -> Sequence[Hits]:
    most = rule.asked["bytes"]
    return [
        Hits(file.path.name, message=f"{file.path.name} has {file.size:,} bytes", source=file.path.name)
        for file in package.files
        if file.size > most
    ]


def _file_name(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return the files whose name is not that of their dataset, in lower case."""
    del rule
    return [
        Hits(part.dataset.name, value=part.file.path.name, source=part.file.path.name)
        for part in package.parts()
        if part.file.path.suffix.lower() == ".xpt"
        and part.file.path.name != f"{part.dataset.name.lower()}.xpt"
    ]


def _about_datasets(wrong: Callable[[Part, Rule], str]) -> Check:
    """Return the check of each dataset for which `wrong` has something to show."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        del package
        found = ((part, wrong(part, rule)) for part in frame.parts)
        return [
            Hits(part.dataset.name, value=value, source=part.file.path.name) for part, value in found if value
        ]

    return Check(run)


def _about_variables(wrong: Callable[[Part, Variable, Rule], str]) -> Check:
    """Return the check of each variable of each dataset for which `wrong` has something to show."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        del package
        return [
            Hits(part.dataset.name, (variable.name,), None, value=value, source=part.file.path.name)
            for part in frame.parts
            for variable in part.dataset.variables
            if (value := wrong(part, variable, rule))
        ]

    return Check(run)


def _unlike(text: str, rule: Rule) -> str:
    """Return `text`, or that it is blank, where it has not the form that the rule asks for."""
    return "" if re.fullmatch(rule.asked["form"], text) else text or "(blank)"


def _unbalanced(text: str) -> str:
    """Return `text` where a bracket or a quotation mark is alone."""
    alone = any(text.count(first) != text.count(last) for first, last in _UNBALANCED)
    return text if alone or text.count('"') % 2 else ""


def _beyond_data(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the character variables whose length no value needs, in no dataset that has the variable."""
    del rule
    if not frame.rows:
        return ()
    return [
        Hits(
            frame.name,
            (variable.name,),
            None,
            value=f"{variable.length} bytes, the longest value has {longest}",
        )
        for variable in frame.variables.values()
        if variable.type == "Char"
        and variable.length is not None
        and (longest := _longest(frame, variable.name)) < variable.length
        and all(_longest(other, variable.name) < variable.length for other in package.frames.values())
    ]


def _longest(frame: Frame, name: str) -> int:
    """Return the bytes of the longest value; a variable has at least one."""
    if not frame.has(name):
        return 1
    return pc.max(pc.binary_length(frame.text(name).cast(pa.binary()))).as_py() or 1


def _short_number(part: Part, variable: Variable, rule: Rule) -> str:
    del part, rule
    short = variable.type == "Num" and variable.length is not None and variable.length < _NUMBER_BYTES
    return f"{variable.length} bytes" if short else ""


def _length(part: Part, variable: Variable, rule: Rule) -> str:
    del part
    over = variable.type == "Char" and (variable.length or 0) > rule.asked["bytes"]
    return f"{variable.length} bytes" if over else ""


def _special_missing(part: Part, variable: Variable, rule: Rule) -> str:
    del rule
    codes = part.dataset.missing.get(variable.name)
    return ", ".join(f".{code}" for code in pc.unique(codes).drop_null().to_pylist()) if codes else ""


def _format(part: Part, variable: Variable, rule: Rule) -> str:
    del part
    return variable.format if re.match(rule.asked["form"], variable.format) else ""


def _twice(part: Part, rule: Rule) -> str:
    """Return what several variables of a dataset share: their name, or their label."""
    shared = [getattr(variable, rule.asked["share"]) for variable in part.dataset.variables]
    return ", ".join(sorted({one for one in shared if one and shared.count(one) > 1}))


def _characters(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the values in which a form is found that the rule looks for."""
    del package
    names = rule.asked.get("variables") or list(frame.variables)
    hits: list[Hits] = []
    for name in names:
        column = frame.column(name) if frame.has(name) else None
        if column is None or not pa.types.is_string(column.type) or not _suspect(column, rule.asked["bytes"]):
            continue
        found = pc.fill_null(pc.match_substring_regex(column, rule.asked["form"]), False)  # noqa: FBT003
        hits += hits_of(frame, found.to_numpy(zero_copy_only=False), [name], cause=(name,))
    return hits


def _suspect(column: pa.Array, wanted: str) -> bool:
    """Return whether bytes of a kind are among all bytes of a column, which is quick to tell."""
    data = column.buffers()[2]
    if data is None:
        return False
    seen = np.frombuffer(data, np.uint8)
    return bool(_BYTES[wanted](seen))


_BYTES: Mapping[str, Callable[[np.ndarray[tuple[int], np.dtype[np.uint8]]], np.bool_]] = {
    "high": lambda seen: (seen > 126).any(),
    "low": lambda seen: (seen < 32).any(),
    "any": lambda seen: np.bool_(len(seen) > 0),
}


def _split_parts(wrong: Callable[[Variable, Variable], bool]) -> Check:
    """Return the check of a variable in the parts of one domain against the first part that has it."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        del package, rule
        return list(_differing(frame, wrong))

    return Check(run)


def _differing(frame: Frame, wrong: Callable[[Variable, Variable], bool]) -> Iterator[Hits]:
    for part in frame.parts[1:]:
        for variable in part.dataset.variables:
            first = frame.variables[variable.name]
            if first is not variable and wrong(first, variable):
                said = f"{variable.type} {variable.length}, elsewhere {first.type} {first.length}"
                yield Hits(part.dataset.name, (variable.name,), None, value=said)


TRANSPORT_CHECKS: Mapping[str, Check] = {
    "finding": whole(_found_in_reading),
    "file size": whole(_file_size),
    "file name": whole(_file_name),
    "dataset name": _about_datasets(lambda part, rule: _unlike(part.dataset.name, rule)),
    "dataset label": _about_datasets(lambda part, rule: _unlike(part.dataset.label, rule)),
    "dataset label balance": _about_datasets(lambda part, _: _unbalanced(part.dataset.label)),
    "twice in a dataset": _about_datasets(_twice),
    "variable name": _about_variables(lambda _, variable, rule: _unlike(variable.name, rule)),
    "variable label": _about_variables(lambda _, variable, rule: _unlike(variable.label, rule)),
    "variable label balance": _about_variables(lambda _, variable, __: _unbalanced(variable.label)),
    "length of text": _about_variables(_length),
    "length of number": _about_variables(_short_number),
    "length beyond data": Check(_beyond_data),
    "special missing": _about_variables(_special_missing),
    "format": _about_variables(_format),
    "characters": Check(_characters),
    "length in parts": _split_parts(lambda one, other: one.type == other.type and one.length != other.length),
    "type in parts": _split_parts(lambda one, other: one.type != other.type),
    "label in parts": _split_parts(lambda one, other: one.label != other.label),
}
"""Name of a check -> what runs it."""
