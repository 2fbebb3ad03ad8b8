"""What is wrong with the columns of an exported dataset, and their repair where that is certain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from trialbridge.converters.repair_dates import iso_of_sas
from trialbridge.converters.repair_texts import Column, repair_text
from trialbridge.converters.xpt_format import LABEL_LIMIT, NAME
from trialbridge.model import Dataset, Variable
from trialbridge.standards import DatasetFacts, VariableFacts

_NUMBER_BYTES = 8


@dataclass(frozen=True)
class Known:
    """What the standard says of a dataset.

    Attributes:
        dataset: Of the dataset; none for one of the sponsor's own.
        variables: Name -> of the variable, in order.
        certain: The package names the version of SDTMIG, so that a label that differs is wrong.
    """

    dataset: DatasetFacts | None = None
    variables: Mapping[str, VariableFacts] = field(default_factory=dict)
    certain: bool = False


@dataclass(frozen=True)
class ColumnRepair:
    """What was wrong with a dataset or a variable.

    Attributes:
        variable: The variable; empty for the dataset.
        before: What it said.
        after: What it says now; none where it was left.
        rule: The rule of validation that speaks of it.
        why: What was wrong, and why this is the repair; or why there is none that is certain.
    """

    variable: str
    before: str
    after: str | None
    rule: str
    why: str


_TWICE = "two variables have this name, and nothing tells which is meant: the dataset is left as it is"
Step = Callable[[Dataset, Known], tuple[Dataset, list[ColumnRepair]]]


def repair_columns(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    """Return a dataset with names, labels, order and types as they should be, and what was wrong.

    One in which a name stands twice is left: nothing tells which of the two columns is meant.
    """
    if twice := names_twice(dataset):
        return dataset, [ColumnRepair(one, one, None, "variable-name-twice", _TWICE) for one in twice]
    found = []
    for step in _STEPS:
        dataset, more = step(dataset, known)
        found += more
    return dataset, found


def names_twice(dataset: Dataset) -> list[str]:
    """Return the names that several variables of a dataset have."""
    counts = Counter(one.name for one in dataset.variables)
    return [name for name, count in counts.items() if count > 1]


def _names(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    """Return names in capital letters, unless two would be the same."""
    del known
    wanted = {one.name: one.name.upper() for one in dataset.variables if not NAME.fullmatch(one.name)}
    there = [one.name for one in dataset.variables]
    found, names = [], dict[str, str]()
    for old, new in wanted.items():
        possible = NAME.fullmatch(new) is not None and new not in there
        why = "a name has capital letters" if possible else "no other name is certain"
        found.append(ColumnRepair(old, old, new if possible else None, "variable-name-form", why))
        if possible:
            names[old] = new
    return _renamed(dataset, names), found


def _renamed(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    if not names:
        return dataset
    variables = tuple(replace(one, name=names.get(one.name, one.name)) for one in dataset.variables)
    missing = {names.get(name, name): letters for name, letters in dataset.missing.items()}
    table = dataset.table.rename_columns([one.name for one in variables])
    return replace(dataset, variables=variables, table=table, missing=missing)


def _dataset_label(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    wanted = known.dataset.label if known.dataset else ""
    label, found = _label("", dataset.label, wanted, "dataset-label", known)
    return replace(dataset, label=label), found


def _labels(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    variables, found = [], list[ColumnRepair]()
    for one in dataset.variables:
        wanted = known.variables[one.name].label if one.name in known.variables else ""
        label, more = _label(one.name, one.label, wanted, "variable-label", known)
        variables.append(replace(one, label=label))
        found += more
    return replace(dataset, variables=tuple(variables)), found


def _label(variable: str, label: str, wanted: str, rule: str, known: Known) -> tuple[str, list[ColumnRepair]]:
    """Return the label of the standard, where it is certain; else the label in plain characters."""
    if not label and not wanted:
        return "", [
            ColumnRepair(variable, "", None, f"{rule}-blank", "no standard at hand has a label for it")
        ]
    if not label or (wanted and known.certain and label != wanted):
        name = rule if label else f"{rule}-blank"
        return wanted, [ColumnRepair(variable, label, wanted, name, "the label of the standard")]
    plain, verdicts = repair_text(label, Column(""))
    found = [ColumnRepair(variable, one.before, one.after, f"{rule}-ascii", one.why) for one in verdicts]
    if len(plain.encode()) > LABEL_LIMIT:
        why = f"takes {len(plain.encode())} bytes; which words to leave out is not certain"
        found.append(ColumnRepair(variable, plain, None, f"{rule}-length", why))
    return plain, found


def _dates_of_sas(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    """Return --DTC variables that hold numbers of SAS as ISO 8601 text, by their format."""
    del known
    found = []
    for place, one in enumerate(dataset.variables):
        if one.type == "Num" and one.name.endswith("DTC"):
            dates = _iso(dataset.table[one.name], one.format) if one.name not in dataset.missing else None
            text = f"Num {one.format}".rstrip()
            why = "a date is ISO 8601 text" if dates is not None else "what its numbers count is not certain"
            after = None if dates is None else "Char, ISO 8601"
            found.append(ColumnRepair(one.name, text, after, "variable-type", why))
            if dates is not None:
                dataset = _with(dataset, place, replace(one, type="Char", length=None, format=""), dates)
    return dataset, found


def _iso(numbers: pa.ChunkedArray, form: str) -> pa.Array | None:
    """Return dates of SAS as text; none where one of them is none."""
    texts = [None if one is None else iso_of_sas(one, form) for one in numbers.to_pylist()]
    return None if "" in texts else pa.array(texts, pa.string())


def _with(dataset: Dataset, place: int, variable: Variable, column: pa.Array) -> Dataset:
    variables = [*dataset.variables]
    variables[place] = variable
    table = dataset.table.set_column(place, variable.name, column)
    return replace(dataset, variables=tuple(variables), table=table)


def _order(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    """Return the standard's variables in its order; another one stays behind its neighbour."""
    if not known.certain:
        return dataset, []
    names = [one.name for one in dataset.variables]
    order = _in_order(names, list(known.variables))
    if order == names:
        return dataset, []
    variables = tuple(dataset.variable(name) for name in order)
    moved = replace(dataset, variables=variables, table=dataset.table.select(order))
    why = "the order of the standard"
    return moved, [ColumnRepair("", " ".join(names), " ".join(order), "variable-order", why)]


def _in_order(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return names in the order of others; one that is not among these goes with the name before it.

    Example:
        >>> _in_order(["DOMAIN", "AEOWN", "STUDYID", "AESEQ"], ["STUDYID", "DOMAIN", "AESEQ"])
        ['STUDYID', 'DOMAIN', 'AEOWN', 'AESEQ']
    """
    groups: list[list[str]] = [[]]
    for name in names:
        if name in wanted:
            groups.append([name])
        else:
            groups[-1].append(name)
    first, *others = groups
    return [
        *first,
        *(name for group in sorted(others, key=lambda one: wanted.index(one[0])) for name in group),
    ]


def _short_numbers(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    """Return that numbers take eight bytes from now on; which digits they have lost, nobody knows."""
    del known
    short = [
        one
        for one in dataset.variables
        if one.type == "Num" and (one.length or _NUMBER_BYTES) < _NUMBER_BYTES
    ]
    why = "a number takes 8 bytes; digits that were cut before are lost"
    variables = (replace(one, length=_NUMBER_BYTES) if one in short else one for one in dataset.variables)
    found = [
        ColumnRepair(one.name, f"{one.length} bytes", "8 bytes", "number-under-8-bytes", why) for one in short
    ]
    return replace(dataset, variables=tuple(variables)), found


def _special_missing(dataset: Dataset, known: Known) -> tuple[Dataset, list[ColumnRepair]]:
    del known
    return dataset, list(_letters(dataset))


def _letters(dataset: Dataset) -> Iterator[ColumnRepair]:
    for name, letters in dataset.missing.items():
        known = sorted({f".{one}" for one in letters.drop_null().to_pylist()})
        why = f"{len(letters) - letters.null_count} cells; what the letter stands for is unknown"
        yield ColumnRepair(name, " ".join(known), None, "special-missing", why)


_STEPS: Sequence[Step] = (
    _names,
    _dataset_label,
    _labels,
    _dates_of_sas,
    _short_numbers,
    _special_missing,
    _order,
)
"""In this order, each on what the one before has made."""


def lengths_of(dataset: Dataset, longest: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Return the bytes that character variables are to have: no more than the study needs.

    Args:
        dataset: The dataset.
        longest: Variable -> bytes of its longest value in any dataset.
        own: Variable -> bytes of its longest value in this one.
    """
    found = {}
    for one in dataset.variables:
        if one.type == "Char":
            needed = own.get(one.name, 1)
            found[one.name] = max(needed, min(one.length or needed, longest.get(one.name, needed)))
    return found


def length_repairs(dataset: Dataset, lengths: Mapping[str, int]) -> list[ColumnRepair]:
    """Return which lengths are others now."""
    before = {one.name: one.length for one in dataset.variables if one.type == "Char" and one.length}
    return [
        ColumnRepair(
            name, f"{length} bytes", f"{lengths[name]} bytes", "length-beyond-data", "as the data needs"
        )
        for name, length in before.items()
        if lengths[name] != length
    ]
