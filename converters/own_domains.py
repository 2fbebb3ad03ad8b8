"""A study's own findings domains: Observations that no mapping takes, by the codes that the study gives them.

They are mapped and derived as findings of a domain of the standard, whose variables they get under their own
two letters: every domain of an observation class has the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value
from trialbridge.context import Context
from trialbridge.converters.datasets import dataset, supplemental
from trialbridge.converters.derive import derive
from trialbridge.converters.derive_sequence import total_order
from trialbridge.converters.finish import POINTERS, typed
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.converters.ledger import Account, note_records
from trialbridge.converters.provenance import provenance
from trialbridge.converters.route import NOT_MAPPED, with_parts
from trialbridge.converters.stage import column
from trialbridge.domain_settings import own_domains as named
from trialbridge.findings import Finding
from trialbridge.mapping import to_records
from trialbridge.model import Dataset
from trialbridge.registry import declarations
from trialbridge.standards import keys
from trialbridge.tested import tests_of

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan

LIKE = "CV"
"""The domain of the standard as whose findings they are mapped: it has those of its class."""

SOURCE = "Observation"


@dataclass
class OwnDomains:
    """The domains of a study's own.

    Attributes:
        datasets: The datasets, SUPP-- among them.
        provenance: Domain -> where its records came from.
        findings: What there is to say of them.
    """

    datasets: list[Dataset] = field(default_factory=list)
    provenance: dict[str, pa.Table] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def own_domains(tables: Mapping[str, pa.Table], plan: Plan, accounts: Mapping[str, Account]) -> OwnDomains:
    """Return the domains that the study has beside the standard's, and account for what they are made of.

    Args:
        tables: Domain -> its finished records.
        plan: What was read.
        accounts: Resource type -> its account; what becomes a record is unmapped no more.
    """
    made = OwnDomains()
    for code, own in (
        sorted(named(plan.study.domains).items()) if plan.staged.table(SOURCE) is not None else ()
    ):
        account = accounts[SOURCE]
        table = _records(code, plan, account)
        if not len(table):
            continue
        table = typed(LIKE, table, made.findings)
        table = plan.earlier.told(code, table.take(pa.array(total_order(table, keys(LIKE)))), LIKE)
        table, found = derive(table, _context(tables, plan))
        made.findings += [replace(one, domain=code, variable=_named(one.variable, code)) for one in found]
        made.provenance[code] = provenance(LIKE, table, plan)
        made.datasets += _datasets(code, own["label"], table)
        rows = column(table, "_row").to_numpy()
        account.unmapped = {
            row: why for row, why in account.unmapped.items() if row not in set(rows.tolist())
        }
        account.drawn |= set(rows.tolist())
        note_records(accounts, SOURCE, code, rows)
    return made


def _context(tables: Mapping[str, pa.Table], plan: Plan) -> Context:
    study, nothing = plan.study, pa.table({})
    return Context(
        LIKE,
        tables["DM"],
        study.unit_system,
        study.ct,
        unit_of=study.unit_of,
        design=study.design,
        baseline_same_day=study.design.same_day,
        elements=tables.get("SE", nothing),
        exposure=tables.get("EX", nothing),
    )


def _records(code: str, plan: Plan, account: Account) -> pa.Table:
    """Return the records of one domain, as the declaration of `LIKE` reads them."""
    domain = next(one for one in declarations(LIKE) if one.source == SOURCE)
    asked = [row for row, why in account.unmapped.items() if why == NOT_MAPPED.format(code)]
    rowset = with_parts(domain, np.array(sorted(asked), np.int64), plan.staged)
    vocabulary = plan.study.vocabulary
    indices, tests = tests_of(
        "$this.code", StagedLeaves(domain, plan.staged, plan.identities, rowset), vocabulary
    )
    mine = np.array([test is not None and test.domain == code for test in tests], bool)
    chosen = pa.array(np.flatnonzero(mine[indices.to_numpy()]) if len(tests) else [], pa.int64())
    leaves = StagedLeaves(domain, plan.staged, plan.identities, rowset.take(chosen))
    values = to_records(domain, leaves, vocabulary).values
    base = leaves.rowset.base
    subjects = account.usubjid.take(base) if account.usubjid is not None else pa.nulls(len(base), pa.string())
    table = pa.table(
        {
            **values,
            "STUDYID": pa.array([plan.subjects.studyid] * len(base), pa.string()),
            "DOMAIN": pa.array([code] * len(base), pa.string()),
            "USUBJID": subjects,
            **leaves.pointers(POINTERS),
            "_item": leaves.items(),
            "_row": base,
            "_declaration": pa.array(np.full(len(base), -1, np.int8)),
            "_kind": pa.array([SOURCE] * len(base), pa.string()),
        }
    )
    told = pc.or_(table[f"{LIKE}ORRES"].is_valid(), table[f"{LIKE}STAT"].is_valid())
    return table.filter(
        pc.and_(told, pc.and_(table[f"{LIKE}TESTCD"].is_valid(), table["USUBJID"].is_valid()))
    )


def _datasets(code: str, label: str, table: pa.Table) -> list[Dataset]:
    """Return the dataset and its SUPP--, with the domain's own letters instead of those of `LIKE`."""
    first, extra = dataset(LIKE, table), supplemental(LIKE, table)
    found = [replace(_renamed(first, code), name=code, label=label)]
    if extra is not None:
        cells = extra.table
        for name in ("RDOMAIN", "IDVAR", "QNAM"):
            values = by_value(cells[name], partial(_named, code=code))
            cells = cells.set_column(cells.column_names.index(name), name, values)
        found.append(
            replace(
                extra,
                name=f"SUPP{code}",
                label=f"Supplemental Qualifiers for {code}",
                table=cells,
                comment="",
            )
        )
    return found


def _renamed(one: Dataset, code: str) -> Dataset:
    variables = tuple(
        replace(
            variable,
            name=_named(variable.name, code),
            method=variable.method.replace(LIKE, code),
            codelists=variable.codelists
            if variable.name[:2] != LIKE or variable.name.endswith("STAT")
            else (),
        )
        for variable in one.variables
    )
    table = one.table.rename_columns([variable.name for variable in variables])
    return replace(
        one,
        variables=variables,
        table=table,
        keys=tuple(_named(key, code) for key in one.keys),
        comment=f"A domain of the study's own, of the class {one.observation_class}.",
    )


def _named(name: str, code: str) -> str:
    """Return the name of a variable under a domain's own letters."""
    return code + name.removeprefix(LIKE) if name.startswith(LIKE) else name
