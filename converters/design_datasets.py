"""TS, TA, TE, TV and TI as datasets: order, labels, and where texts that are too long stand whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from trialbridge.converters.datasets import LONGEST, pieces
from trialbridge.converters.design_forms import Record
from trialbridge.converters.design_summary import Facts, Summary, summary
from trialbridge.design import Design
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables, keys
from trialbridge.standards.guide import VariableFacts

ORDER = ("TA", "TE", "TV", "TI", "TS")
ASSIGNED = ("DOMAIN", "TSSEQ", "TSPARMCD", "TSPARM", "IETESTCD", "TSVALNF", "TSVALCD", "TSVCDREF", "TSVCDVER")
LONG = "TSVAL"
"""The variable whose rest goes on in TSVAL1, TSVAL2 and so on."""


@dataclass(frozen=True)
class DesignDatasets:
    """The trial design datasets, with what was found on the way.

    Attributes:
        datasets: Those that have records.
        summary: TS, and what of it is open.
        findings: What is open, and which criteria are too long for their variable.
        rules: Required rules that nobody states, such as ``TESTRL of ARM1``.
    """

    datasets: Sequence[Dataset]
    summary: Summary
    findings: Sequence[Finding] = ()
    rules: Sequence[str] = field(default_factory=tuple)


def design_datasets(
    study: str,
    design: Design,
    records: Mapping[str, Sequence[Record]],
    stated: Mapping[str, Sequence[str]],
    facts: Facts,
) -> DesignDatasets:
    """Return the trial design datasets of a study.

    Args:
        study: STUDYID.
        design: Visits, elements and arms.
        records: What the input says of TS and TI.
        stated: Parameter -> its values in the settings.
        facts: What is known besides.

    Example:
        >>> made = design_datasets("S1", Design(), {}, {"TPHASE": ["PHASE I TRIAL"]}, Facts())
        >>> [one.name for one in made.datasets]
        ['TS']
    """
    whole = summary(records.get("TS", ()), stated, facts)
    criteria, long = _criteria(records.get("TI", ()))
    planned = {"TA": _rows(design.arms), "TE": _rows(design.elements), "TV": _visits(design)}
    tables = {**planned, "TI": criteria, "TS": list(whole.records)}
    remarks = {"TI": {"IETEST": _long_criteria(long)}, "TS": {"TSVAL": _methods(whole)}}
    found = [
        design_dataset(code, study, tables[code], remarks.get(code, {})) for code in ORDER if tables[code]
    ]
    return DesignDatasets(found, whole, [*whole.findings(), *_long_findings(long)], _rules(tables))


def _rows(table: pa.Table) -> list[Record]:
    """Return the rows of a table of a design as records of text."""
    return [
        {
            name: f"{value:g}" if isinstance(value, float) else value
            for name, value in row.items()
            if value or value == 0  # a visit may have the number 0
        }
        for row in table.to_pylist()
    ]


def _visits(design: Design) -> list[Record]:
    """Return TV; a visit without a rule for its start starts when its day and window say."""
    found = []
    for row, one in zip(design.visits.to_pylist(), _rows(design.visits), strict=True):
        day = row["VISITDY"]
        if "TVSTRL" not in one and day is not None:
            one["TVSTRL"] = _planned(int(day), row["EARLY"], row["LATE"])
        found.append(one)
    return found


def _planned(day: int, early: int | None, late: int | None) -> str:
    """Return a planned day in words.

    Example:
        >>> _planned(28, -3, 3)
        'Study day 28, from 3 days before to 3 days after'
    """
    if early is None or late is None:
        return f"Study day {day}"
    return f"Study day {day}, from {-early} days before to {late} days after"


def _criteria(records: Sequence[Record]) -> tuple[list[Record], dict[str, str]]:
    """Return TI with criteria of at most 200 bytes, and the whole text of the longer ones by IETESTCD."""
    made, long = [], {}
    seen: Counter[str] = Counter()
    for one in records:
        text = one["IETEST"]
        short = pieces(pa.array([text]))[0][0].as_py()
        seen[short] += 1
        if seen[short] > 1:  # criteria that begin alike keep different texts
            short = pieces(pa.array([f"{one['IETESTCD']}: {text}"]))[0][0].as_py()
        if short != text:
            long[one["IETESTCD"]] = text
        made.append({**one, "IETEST": short})
    return made, long


def _long_criteria(long: Mapping[str, str]) -> str:
    if not long:
        return ""
    whole = "; ".join(f"{code}: {' '.join(text.split())}" for code, text in long.items())
    return f"Criteria of more than {LONGEST} characters begin in IETEST; their full text is: {whole}"


def _long_findings(long: Mapping[str, str]) -> Iterator[Finding]:
    if long:
        message = "criteria too long for IETEST: it has their beginning, the define.xml the full text"
        value = ", ".join(long)
        yield Finding(
            Severity.NOTICE, "criterion-too-long", message, "TI", "IETEST", value=value, count=len(long)
        )


def _methods(whole: Summary) -> str:
    said = "; ".join(f"{code}: {method}" for code, method in sorted(whole.methods.items()))
    return f"Derived parameters: {said}." if said else ""


def _rules(tables: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return the required rules that nobody states."""
    asked = (("TE", "TESTRL", "ETCD"), ("TV", "TVSTRL", "VISIT"))
    return [f"{name} of {one[key]}" for code, name, key in asked for one in tables[code] if not one.get(name)]


def design_dataset(
    code: str, study: str, records: Sequence[Record], remarks: Mapping[str, str] | None = None
) -> Dataset:
    """Return records of TS, TA, TE, TV or TI as a dataset.

    Args:
        code: The dataset.
        study: STUDYID.
        records: Variable -> text, in order.
        remarks: Variable -> a remark for the reviewer.
    """
    fixed = {"STUDYID": study, "DOMAIN": code}
    columns: dict[str, pa.Array] = {}
    variables: list[Variable] = []
    for facts in ig_variables(code):
        texts = [fixed.get(facts.name, _line(one.get(facts.name))) for one in records]
        if facts.core == "Perm" and not any(texts):
            continue
        for variable, values in _columns(facts, texts, (remarks or {}).get(facts.name, "")):
            variables.append(variable)
            columns[variable.name] = values
    told = ig_datasets()[code]
    return Dataset(
        name=code,
        label=told.label,
        variables=tuple(variables),
        table=pa.table(columns),
        observation_class=told.observation_class,
        structure=told.structure,
        keys=tuple(key for key in keys(code) if key in columns),
    )


def _line(text: str | None) -> str | None:
    """Return a text on one line: no file may hold the ends of lines."""
    return " ".join(text.split()) if text and not text.isprintable() else text


def _in_full(texts: Sequence[str]) -> str:
    long = "; ".join(text for text in dict.fromkeys(texts) if len(text.encode()) > LONGEST)
    return f"Texts of more than {LONGEST} characters are cut; in full: {long}"


def _columns(
    facts: VariableFacts, texts: Sequence[str | None], remark: str
) -> Iterator[tuple[Variable, pa.Array]]:
    """Yield a variable with its values, and those that its long texts go on in."""
    numeric = facts.type == "Num"
    values = pa.array(texts, pa.string())
    parts = [values.cast(pa.float64())] if numeric else pieces(values)
    if len(parts) > 1 and facts.name != LONG:
        parts, remark = parts[:1], _in_full([text for text in texts if text])
    kind: Literal["Char", "Num"] = "Num" if numeric else "Char"
    origin = "Assigned" if facts.name in ASSIGNED else "Protocol"
    for number, part in enumerate(parts):
        yield (
            Variable(
                f"{facts.name}{number}" if number else facts.name,
                f"{facts.label} {number}" if number else facts.label,
                kind,
                role=facts.role,
                core="Perm" if number else facts.core,
                codelists=facts.codelists,
                origin=origin if part.null_count < len(part) else "Not Available",
                source="Sponsor",
                comment="" if number else remark,
            ),
            part,
        )
