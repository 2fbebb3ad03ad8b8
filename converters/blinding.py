"""A run of a trial that is still blind: arms, product, doses and listed results are masked in all of it.

What a variable says by itself is masked by its name; wherever else one of the masked names stands, in a text,
a title, a finding, a file name or an id, it is masked there too. The trial's design keeps its arms apart by
numbers, for a plan betrays nobody; the records of subjects do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, flat
from trialbridge.conversion import Conversion
from trialbridge.converters.datasets import with_lengths
from trialbridge.converters.manifest import settings_of
from trialbridge.converters.write_xpt import study_lengths
from trialbridge.design import design_of
from trialbridge.findings import Finding
from trialbridge.model import Dataset
from trialbridge.study import Study

MASK = "BLINDED"
NUMBERED = "BLINDED {}"
CODED = "BLIND{}"
"""What stands for an element's code, which has at most 8 characters."""

ARMS = ("ARM", "ARMCD", "ACTARM", "ACTARMCD", "ACTARMUD")
_DOSED = ("TRT", "DOSE", "DOSTXT", "DOSU", "DOSTOT", "DOSRGM", "SPID", "LNKID", "REFID")
DOSING: Mapping[str, tuple[str, ...]] = {
    domain: tuple(f"{domain}{name}" for name in names)
    for domain, names in {
        "EX": (*_DOSED, "LOT", "TRTV", "VAMT"),
        "EC": (*_DOSED, "LOT", "TRTV", "VAMT"),
        "DA": ("ORRES", "ORRESU", "STRESC", "STRESN", "STRESU", "SPID", "REFID", "LNKID", "LOT"),
    }.items()
}
"""Domain of the study product -> what of it says which product, how much, or from which batch."""

ELEMENT = ("ETCD", "ELEMENT")
PLANS = ("TA", "TE", "TV", "TS", "TI")
"""Datasets of the trial's design: they are of no subject."""

RESULTS = ("ORRES", "STRESC", "STRESN", "NRIND", "CLSIG", "TOXGR", "ORNRLO", "ORNRHI", "STNRLO", "STNRHI")
KEPT = frozenset(
    {"STUDYID", "DOMAIN", "RDOMAIN", "USUBJID", "SUBJID", "SITEID", "EPOCH", "IDVAR", "QNAM", "TSPARMCD"}
)
"""Variables that name no arm and no product, whatever words stand in them."""

SHORTEST = 3
"""Letters and digits from which a name is looked for in texts; a shorter one stands in half of all words."""

Masking = Callable[[str], str]


@dataclass(frozen=True)
class Secrets:
    """The names of arms, products and batches of a trial.

    Attributes:
        names: The names.
    """

    names: frozenset[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds any of the names, however it is joined and whatever its case."""
        words = sorted({tuple(re.findall(r"\w+", name.casefold())) for name in self.names}, key=_longest)
        forms = [r"[\W_]*".join(map(re.escape, parts)) for parts in words if len("".join(parts)) >= SHORTEST]
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])" if forms else r"(?!)", re.IGNORECASE)

    def mask(self, text: str) -> str:
        """Return a text with every name masked.

        Example:
            >>> Secrets(frozenset({"UC-MSC"})).mask("Given uc_msc, 2 bags; UCMSC-01")
            'Given BLINDED, 2 bags; BLINDED-01'
        """
        return self.pattern.sub(MASK, text)


def _longest(parts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return -len("".join(parts)), parts


def may_be_seen(conversion: Conversion) -> Conversion:
    """Return a run as its readers may see it: masked where the study says that the trial is blind."""
    return blinded(conversion) if conversion.study.blinded else conversion


def blinded(conversion: Conversion) -> Conversion:
    """Return a run with everything masked that says who got what.

    Args:
        conversion: The run; its study lists the tests whose results unblind.
    """
    study = conversion.study
    secrets = _secrets(conversion)
    found = tuple(_masked_dataset(one, study, secrets, conversion.datasets) for one in conversion.datasets)
    return replace(
        conversion,
        study=_masked_study(study, secrets.mask),
        datasets=with_lengths(found, study_lengths(found)),
        provenance={
            code: _masked_table(table, secrets.mask) for code, table in conversion.provenance.items()
        },
        resources=_masked_table(conversion.resources, secrets.mask),
        elements=_masked_table(conversion.elements, secrets.mask),
        unmapped=_masked_table(conversion.unmapped, secrets.mask),
        findings=tuple(_masked_finding(one, study, secrets.mask) for one in conversion.findings),
        inputs={secrets.mask(name): digest for name, digest in conversion.inputs.items()},
    )


def _secrets(conversion: Conversion) -> Secrets:
    """Return every name that settings, design and records have for an arm, a product or a batch."""
    study = conversion.study
    names = {*study.products, *study.found_products, *study.arms, *study.arms.values()}
    names |= {name.rpartition("/")[2] for name in names}
    arms = study.design.arms
    for dataset in conversion.datasets:
        wanted = [*ARMS, *(f"{dataset.name}{suffix}" for suffix in ("TRT", "LOT") if dataset.name in DOSING)]
        names |= {value for name in wanted for value in _values(dataset.table, name)}
    names |= {value for name in ("ARM", "ARMCD") for value in _values(arms, name)}
    names |= {value for name in ELEMENT for value in _values(arms.filter(_of_some_arms(arms)), name)}
    return Secrets(frozenset(name for name in names if not name.isdigit() and name not in {study.id, MASK}))


def _of_some_arms(arms: pa.Table) -> pa.Array:
    """Return which rows of TA are of elements that not every arm has."""
    total = len(set(_values(arms, "ARMCD")))
    counted = arms.group_by("ETCD").aggregate([("ARMCD", "count_distinct")])
    some = counted["ETCD"].filter(pc.less(counted["ARMCD_count_distinct"], total))
    return pc.is_in(flat(arms["ETCD"]), flat(some))


def _values(table: pa.Table, name: str) -> Iterator[str]:
    if name in table.column_names and pa.types.is_string(table[name].type):
        yield from pc.unique(table[name].drop_null()).to_pylist()


def _masked_dataset(dataset: Dataset, study: Study, secrets: Secrets, others: Iterable[Dataset]) -> Dataset:
    table = dataset.table
    rows = _unblinding(dataset, study, others)
    for name in table.column_names:
        column = _masked_column(dataset.name, name, flat(table[name]), rows, secrets)
        table = table.set_column(table.column_names.index(name), name, column)
    variables = tuple(
        replace(one, method=secrets.mask(one.method), comment=secrets.mask(one.comment))
        for one in dataset.variables
    )
    return replace(dataset, table=table, variables=variables, comment=secrets.mask(dataset.comment))


def _masked_column(dataset: str, name: str, column: pa.Array, rows: np.ndarray, secrets: Secrets) -> pa.Array:
    """Return one column of a dataset, masked by its name, by its rows, and by its words."""
    code = dataset[:2]
    if name in {*ARMS, *ELEMENT}:
        form = CODED if name == "ETCD" else NUMBERED
        return _numbered(column, secrets, form) if dataset in PLANS else _named(column, name, secrets)
    if name in DOSING.get(dataset, ()):
        return _nothing(column, np.ones(len(column), bool), unit=name.endswith("U"))
    if name == "QVAL" or name.startswith("COVAL") or name.removeprefix(code) in RESULTS:
        column = _nothing(column, rows)
    if name in KEPT or not pa.types.is_string(column.type):
        return column
    return by_value(column, secrets.mask)


def _named(column: pa.Array, name: str, secrets: Secrets) -> pa.Array:
    """Return the arms, or the elements of one arm, of subjects: all the same."""
    if name in ARMS:
        return by_value(column, lambda _: MASK)
    return by_value(column, lambda text: MASK if secrets.mask(text) != text else text)


def _numbered(column: pa.Array, secrets: Secrets, form: str) -> pa.Array:
    """Return the arms and elements of a plan, each with a number instead of its name."""
    known = sorted(one for one in pc.unique(column.drop_null()).to_pylist() if secrets.mask(one) != one)
    names = {one: form.format(number) for number, one in enumerate(known, 1)}
    return by_value(column, lambda text: names.get(text, text))


def _nothing(column: pa.Array, rows: np.ndarray, *, unit: bool = False) -> pa.Array:
    """Return a column without what some rows say: masked text, and neither number nor unit."""
    mask = pa.scalar(MASK if pa.types.is_string(column.type) and not unit else None, column.type)
    chosen = pc.and_(pa.array(rows), column.is_valid())
    return pc.if_else(chosen, mask, column)


def _unblinding(dataset: Dataset, study: Study, others: Iterable[Dataset]) -> np.ndarray:
    """Return which records are results of tests that unblind, or say more of such a result or of a dose."""
    table, code = dataset.table, dataset.name
    if {"RDOMAIN", "IDVARVAL"} <= set(table.column_names):
        told = {record for one in others for record in _told(one, study)}
        names = ("RDOMAIN", "USUBJID", "IDVARVAL")
        records = zip(*(table[name].to_pylist() for name in names), strict=True)
        return np.array([record in told for record in records], bool)
    name = f"{code}TESTCD"
    if name not in table.column_names:
        return np.full(len(table), code in DOSING)
    wanted = [one.rpartition(".")[2] for one in study.blinded_tests if one.rpartition(".")[0] in {"", code}]
    chosen = pc.is_in(flat(table[name]), pa.array(wanted, pa.string()))
    return np.asarray(chosen.to_numpy(zero_copy_only=False)) | (code in DOSING)


def _told(dataset: Dataset, study: Study) -> Iterator[tuple[str, str, str]]:
    """Return domain, subject and --SEQ of the records of which nothing more may be said."""
    table, sequence = dataset.table, f"{dataset.name}SEQ"
    if {sequence, "USUBJID"} <= set(table.column_names) and dataset.name != "CO":
        rows = pa.array(np.flatnonzero(_unblinding(dataset, study, ())))
        numbers = table[sequence].take(rows).to_pylist()
        for subject, number in zip(table["USUBJID"].take(rows).to_pylist(), numbers, strict=True):
            yield dataset.name, subject, str(int(number))


def _masked_study(study: Study, mask: Masking) -> Study:
    """Return the settings with every name masked, in keys and in values."""
    plain = settings_of(study)
    said = _masked(plain, mask)
    design = design_of(said.pop("design"))
    kept = {name: getattr(study, name) for name in ("id", "ct", "dictionaries", "loinc", "concept_maps")}
    return replace(msgspec.convert({**said, "ct": ""}, Study), design=design, **kept)


def _masked(value: Any, mask: Masking) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key): _masked(one, mask) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one, mask) for one in value]
    return value


def _masked_table(table: pa.Table, mask: Masking) -> pa.Table:
    """Return a table of the run's own accounts with every name masked."""
    for name in table.column_names:
        if name not in KEPT and pa.types.is_string(table[name].type):
            column = by_value(flat(table[name]), mask)
            table = table.set_column(table.column_names.index(name), name, column)
    return table


def _masked_finding(one: Finding, study: Study, mask: Masking) -> Finding:
    """Return a finding with every name masked; of what unblinds it says no value."""
    unblinds = one.variable in {*ARMS, *(name for names in DOSING.values() for name in names)}
    hidden = unblinds or _of_tests(one, study)
    return replace(
        one,
        message=f"{one.rule}: what it says is blinded" if hidden else mask(one.message),
        value=MASK if hidden and one.value else mask(one.value),
        record=mask(one.record),
        resource=mask(one.resource),
        path=mask(one.path),
        source=mask(one.source),
    )


def _of_tests(one: Finding, study: Study) -> bool:
    """Return whether a finding is of results in a domain in which some test unblinds."""
    domains = {test.rpartition(".")[0] for test in study.blinded_tests}
    return (
        bool(study.blinded_tests) and (one.domain in domains or "" in domains) and one.variable[2:] in RESULTS
    )
