"""SDTM tables to datasets: the standard's order, labels and methods; SUPP-- and long text split off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.derive import METHODS
from trialbridge.converters.derive_timing import STUDY_DAYS
from trialbridge.converters.stage import column
from trialbridge.converters.timing_methods import TIMING_METHODS, timing_method
from trialbridge.design import Design
from trialbridge.encoded import NAMES, Encoded
from trialbridge.mapping import Domain, alternatives
from trialbridge.model import Dataset, Variable
from trialbridge.registry import declarations
from trialbridge.rules import Const, OneWay, Rule
from trialbridge.standards import domain_variables, ig_datasets, keys
from trialbridge.standards.guide import VariableFacts
from trialbridge.tested import Tested, TestName

TIMED = frozenset(TIMING_METHODS.values())
LONGEST = 200
"""Bytes that a character value may have in a transport file."""

SUPP_COLUMNS = (
    "STUDYID",
    "RDOMAIN",
    "USUBJID",
    "IDVAR",
    "IDVARVAL",
    "QNAM",
    "QLABEL",
    "QVAL",
    "QORIG",
    "QEVAL",
)
_DATES = {day: date for date, day in STUDY_DAYS.items()}
COMMENT = "COVAL"
WRITTEN = ("COEVAL", "CODTC")
"""What else of a comment somebody wrote down."""

ASSIGNED: Mapping[str, str] = {"STUDYID": "Protocol", "DOMAIN": "Assigned", "USUBJID": "Derived"}
IDENTIFIER_METHODS: Mapping[str, str] = {
    "USUBJID": "STUDYID, SITEID and SUBJID joined by hyphens, or by the template of the study configuration.",
}


def datasets(tables: Mapping[str, pa.Table], design: Design | None = None) -> tuple[Dataset, ...]:
    """Return the datasets of a study: each domain, then its SUPP--, in the order of `tables`.

    Args:
        tables: Domain -> its derived table, with pointer columns, in its total order.
        design: By which what is derived of time was derived.
    """
    found = []
    for code, table in tables.items():
        if len(table):
            short, overflow = _split_long(code, table)
            found.append(dataset(code, short, design))
            if extra := supplemental(code, table, overflow):
                found.append(extra)
    return tuple(found)


def dataset(code: str, table: pa.Table, design: Design | None = None) -> Dataset:
    """Return one domain as a dataset: required and expected variables always, permissible ones where used."""
    facts = ig_datasets()[code]
    wanted = [variable for variable in _variables(code, table) if _used(code, variable, table)]
    columns = {variable.name: _column(table, variable) for variable in wanted}
    return Dataset(
        name=code,
        label=facts.label,
        variables=tuple(
            _variable(code, variable, columns[variable.name], design or Design()) for variable in wanted
        ),
        table=pa.table(columns),
        observation_class=facts.observation_class,
        structure=facts.structure,
        keys=tuple(key for key in keys(code) if key in columns),
    )


def _variables(code: str, table: pa.Table) -> Iterator[VariableFacts]:
    """Return the variables of a domain, with those in which a long comment goes on."""
    for variable in domain_variables(code):
        yield variable
        if variable.name == COMMENT:
            more = len([name for name in table.column_names if name.startswith(COMMENT)])
            for number in range(1, more):
                label = _continued(variable.label, number)
                yield variable._replace(name=f"{COMMENT}{number}", label=label, core="Perm")


def _used(code: str, variable: VariableFacts, table: pa.Table) -> bool:
    """Return whether a variable is written; a study day is wherever its date is, known or not."""
    if variable.core != "Perm" or _filled(table, variable.name):
        return True
    date = _date_of(code, variable.name)
    return any(facts.name == date and _used(code, facts, table) for facts in domain_variables(code))


def _filled(table: pa.Table, name: str) -> bool:
    return name in table.column_names and table[name].null_count < len(table)


def _date_of(code: str, name: str) -> str:
    """Return the date that a study day is counted from; empty for another variable."""
    date = _DATES.get(name.removeprefix(code), "")
    return date and code + date


def _column(table: pa.Table, variable: VariableFacts) -> pa.Array:
    kind = pa.float64() if variable.type == "Num" else pa.string()
    if variable.name not in table.column_names:
        return pa.nulls(len(table), kind)
    return column(table, variable.name).cast(kind)


EXPLAINED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("DM", "RACE"): (
        "MULTIPLE",
        (
            "MULTIPLE stands where a subject reported several races, each of which is in SUPPDM. "
            "It is no term of the codelist; the conformance rules of CDISC ask for it."
        ),
    ),
}
"""Variable -> a value outside its codelist that the standard's own rules ask for, and the explanation."""


def _explanation(code: str, name: str, values: pa.Array) -> str:
    value, sentence = EXPLAINED.get((code, name), ("", ""))
    return sentence if value and pc.any(pc.equal(values, value)).as_py() else ""


def _variable(code: str, facts: VariableFacts, values: pa.Array, design: Design) -> Variable:
    kind: Literal["Char", "Num"] = "Num" if facts.type == "Num" else "Char"
    written = facts.name.startswith(COMMENT) or facts.name in WRITTEN
    origin, source, method = (
        ("Collected", "Investigator", "") if written else _origin(code, facts.name, design)
    )
    known = (
        values.null_count < len(values) or facts.core == "Perm"
    )  # of those that are blank, only study days
    return Variable(
        facts.name,
        facts.label,
        kind,
        role=facts.role,
        core=facts.core,
        codelists=_codelists(code, facts, values),
        origin=origin if known else "Not Available",
        source=source if known else "Sponsor",
        method=method,
        comment=_explanation(code, facts.name, values),
    )


def _codelists(code: str, facts: VariableFacts, values: pa.Array) -> tuple[str, ...]:
    """Return the codelists of a variable; a licensed dictionary counts as one, where it gave a value."""
    rule = _rule(code, facts.name)
    coded = alternatives(rule)[0] if rule and values.null_count < len(values) else None
    return (NAMES[coded.dictionary],) if isinstance(coded, Encoded) else facts.codelists


def _rule(code: str, name: str) -> Rule | None:
    """Return the rule of a variable; none in a domain that is derived from others."""
    return next((domain.rules.get(name) for domain in declarations(code)), None)


def _method(code: str, name: str, rule: Rule | None, design: Design) -> str:
    """Return how a derived variable comes about; empty for one that no step derives."""
    method = METHODS.get(name) or (METHODS.get("--" + name[2:], "") if name[:2] == code else "")
    return timing_method(code, name, rule, design) if method in TIMED else method


def _origin(code: str, name: str, design: Design) -> tuple[str, str, str]:
    """Return origin, source and method of a variable, as its rule says."""
    rule = _rule(code, name)
    method = _method(code, name, rule, design)
    if name in ASSIGNED:
        origin = ASSIGNED[name]
        return origin, "Sponsor", IDENTIFIER_METHODS.get(name, "")
    if method:
        return "Derived", "Sponsor", method.replace("--", code)
    if isinstance(rule, OneWay) and rule.why.startswith("derived: "):
        sentence = rule.why.removeprefix("derived: ")
        return "Derived", "Sponsor", sentence[0].upper() + sentence[1:] + "."
    if rule is None or isinstance(rule, Const | OneWay | Tested | TestName) or name.endswith("TESTCD"):
        return "Assigned", "Sponsor", ""
    if isinstance(alternatives(rule)[0], Encoded):
        return "Assigned", "Sponsor", ""
    return "Collected", declarations(code)[0].source_of, ""


def supplemental(
    code: str, table: pa.Table, overflow: Sequence[tuple[str, str, pa.Array]] = ()
) -> Dataset | None:
    """Return SUPP-- of a domain; none where no qualifier has a value.

    Args:
        code: The parent domain.
        table: Its table, with --SEQ.
        overflow: QNAM, label and values of the rest of texts that are too long for their variable.
    """
    parts = list(_qualifiers(code, table)) + [
        part
        for name, label, values in overflow
        if (part := _part(code, table, name, label, values, "Collected", ""))
    ]
    if not parts:
        return None
    whole = pa.concat_tables(parts)
    order = pc.sort_indices(
        whole.append_column("_seq", whole["IDVARVAL"].cast(pa.float64())),
        sort_keys=[("USUBJID", "ascending"), ("_seq", "ascending"), ("QNAM", "ascending")],
    )
    name = f"SUPP{code}"
    facts = ig_datasets()[code]
    return Dataset(
        name=name,
        label=f"Supplemental Qualifiers for {code}",
        variables=tuple(_supp_variable(variable) for variable in domain_variables(name)),
        table=whole.take(order).combine_chunks(),
        observation_class="RELATIONSHIP",
        structure="One record per supplemental qualifier per related parent domain record",
        keys=keys(name),
        comment=f"Qualifiers of {facts.label} that have no variable in the standard.",
    )


def _supp_variable(facts: VariableFacts) -> Variable:
    origin = "Collected" if facts.name == "QVAL" else ASSIGNED.get(facts.name, "Assigned")
    return Variable(
        facts.name,
        facts.label,
        "Char",
        role=facts.role,
        core=facts.core,
        codelists=facts.codelists,
        origin=origin,
        source="Investigator" if origin == "Collected" else "Sponsor",
        method=IDENTIFIER_METHODS.get(facts.name, ""),
    )


def _qualifiers(code: str, table: pa.Table) -> Iterator[pa.Table]:
    seen = set()
    for domain in declarations(code):
        for name, supp in domain.supp.items():
            if name in table.column_names and name not in seen:
                seen.add(name)
                for number, values in enumerate(pieces(column(table, name).cast(pa.string()))):
                    piece = name if number == 0 else _numbered(name, number)
                    label = supp.label if number == 0 else _continued(supp.label, number)
                    part = _part(code, table, piece, label, values, supp.origin, supp.evaluator)
                    if part is not None:
                        yield part


def _part(  # noqa: PLR0913, PLR0917 -- the cells of one row of SUPP--
    code: str, table: pa.Table, name: str, label: str, values: pa.Array, origin: str, evaluator: str
) -> pa.Table | None:
    chosen = pa.array([row for row, there in enumerate(values.is_valid().to_pylist()) if there], pa.int64())
    if not len(chosen):
        return None
    rows = len(chosen)
    link = _link(code, table)
    numbers = column(table, link).take(chosen).cast(pa.string()) if link else pa.nulls(rows, pa.string())
    fixed = {
        "RDOMAIN": code,
        "IDVAR": link or None,
        "QNAM": name,
        "QLABEL": label,
        "QORIG": origin.upper(),
        "QEVAL": evaluator or None,
    }
    columns = {key: pa.array([value] * rows, pa.string()) for key, value in fixed.items()}
    columns |= {key: column(table, key).take(chosen) for key in ("STUDYID", "USUBJID")}
    columns |= {"IDVARVAL": numbers, "QVAL": values.take(chosen)}
    return pa.table({key: columns[key] for key in SUPP_COLUMNS})


def _link(code: str, table: pa.Table) -> str:
    """Return the variable by which SUPP-- points to its parent: --SEQ, or the visit where there is none."""
    known = {variable.name for variable in domain_variables(code)} & set(table.column_names)
    return next((name for name in (f"{code}SEQ", "VISITNUM") if name in known), "")


def _split_long(code: str, table: pa.Table) -> tuple[pa.Table, list[tuple[str, str, pa.Array]]]:
    """Return the table with texts of at most 200 bytes, and the rest of the longer ones as qualifiers."""
    overflow = []
    for variable in domain_variables(code):
        name = variable.name
        if variable.type == "Char" and name in table.column_names:
            first, *rest = pieces(column(table, name).cast(pa.string()))
            if rest:
                table = table.set_column(table.column_names.index(name), name, first)
                overflow += [
                    (_numbered(name, number), _continued(variable.label, number), values)
                    for number, values in enumerate(rest, 1)
                ]
    return table, overflow


def _numbered(name: str, number: int) -> str:
    return name[: 8 - len(str(number))] + str(number)


def _continued(label: str, number: int) -> str:
    tail = f", Part {number + 1}"
    return label[: 40 - len(tail)] + tail


def pieces(values: pa.Array, longest: int = LONGEST) -> list[pa.Array]:
    """Return texts cut at word boundaries into columns of at most `longest` bytes; nothing is lost.

    Example:
        >>> [part.to_pylist() for part in pieces(pa.array(["one two three", "one"]), 8)]
        [['one two', 'one'], ['three', None]]
    """
    if not len(values) or (pc.max(pc.binary_length(values)).as_py() or 0) <= longest:
        return [values]
    cut = [list(_cut(text, longest)) if text is not None else [] for text in values.to_pylist()]
    width = max(map(len, cut))
    return [
        pa.array([parts[number] if number < len(parts) else None for parts in cut], pa.string())
        for number in range(width)
    ]


def _cut(text: str, longest: int) -> Iterator[str]:
    while len(text.encode()) > longest:
        head = text.encode()[:longest].decode("utf-8", "ignore")
        space = head.rfind(" ")
        if text[len(head) : len(head) + 1] == " ":
            space = len(head)
        end, skip = (space, 1) if space > 0 else (len(head), 0)
        yield text[:end]
        text = text[end + skip :]
    yield text


def with_lengths(found: Sequence[Dataset], lengths: Mapping[str, int]) -> tuple[Dataset, ...]:
    """Return the datasets with the study-wide length of each character variable.

    A variable has one length wherever it stands: the longest value in the study.
    """
    return tuple(
        replace(
            one,
            variables=tuple(
                replace(
                    variable,
                    length=lengths.get(variable.name, variable.length) if variable.type == "Char" else 8,
                )
                for variable in one.variables
            ),
        )
        for one in found
    )


__all__ = ["Domain", "dataset", "datasets", "pieces", "supplemental", "with_lengths"]
