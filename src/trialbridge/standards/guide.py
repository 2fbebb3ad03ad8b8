"""The datasets and variables of SDTMIG, and the natural keys of each dataset."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

from trialbridge.standards.tables import rows

IG_VERSIONS: tuple[str, ...] = ("3.3", "3.4")
"""The versions of SDTMIG whose tables are here, oldest first."""

_FILES = {version: f"_sdtmig_{version.replace('.', '_')}" for version in IG_VERSIONS}


class DatasetFacts(NamedTuple):
    """What SDTMIG says of a dataset.

    Attributes:
        name: Such as ``LB``; ``SUPPQUAL`` stands for every SUPP--.
        label: Dataset label.
        observation_class: As Define-XML spells it: ``FINDINGS``, ``SPECIAL PURPOSE``.
        structure: One record per what.
    """

    name: str
    label: str
    observation_class: str
    structure: str


class VariableFacts(NamedTuple):
    """What SDTMIG says of a variable of one dataset.

    Attributes:
        name: Such as ``LBTESTCD``.
        label: Variable label.
        type: ``Char`` or ``Num``.
        codelists: NCI codes of the codelists that govern it, in the IG's order.
        role: Such as ``Topic``.
        core: ``Req``, ``Exp`` or ``Perm``.
        value_list: The one value that it may have, such as ``LB`` for DOMAIN; empty for most.
        described_domain: Such as ``ISO 8601 duration`` or ``MedDRA``; empty for most.
    """

    name: str
    label: str
    type: Literal["Char", "Num"]
    codelists: tuple[str, ...]
    role: str
    core: Literal["Req", "Exp", "Perm"]
    value_list: str
    described_domain: str


@cache
def ig_datasets(version: str = "3.4") -> Mapping[str, DatasetFacts]:
    """Return the datasets of SDTMIG by name, in its order.

    Raises:
        LookupError: There are no tables of this version.

    Example:
        >>> ig_datasets()["LB"].label
        'Laboratory Test Results'
    """
    return MappingProxyType({row[0]: DatasetFacts(*row) for row in rows(f"{_file(version)}_datasets.tsv")})


def ig_variables(domain: str, version: str = "3.4") -> tuple[VariableFacts, ...]:
    """Return the variables of a dataset in the order of SDTMIG; any SUPP-- is SUPPQUAL.

    Raises:
        LookupError: There are no tables of this version, or no such dataset in them.

    Example:
        >>> [variable.name for variable in ig_variables("LB")][:4]
        ['STUDYID', 'DOMAIN', 'USUBJID', 'LBSEQ']
        >>> ig_variables("SUPPLB") == ig_variables("SUPPQUAL")
        True
    """
    name = "SUPPQUAL" if domain.startswith("SUPP") else domain
    found = _variables(version).get(name)
    if found is None:
        raise LookupError(f"SDTMIG {version} has no dataset {domain}")
    return found


def keys(domain: str) -> tuple[str, ...]:
    """Return the natural keys of a dataset, in order.

    Raises:
        LookupError: The table has no keys for it.

    Example:
        >>> keys("SUPPAE")
        ('STUDYID', 'RDOMAIN', 'USUBJID', 'IDVAR', 'IDVARVAL', 'QNAM')
    """
    found = _keys().get("SUPP--" if domain.startswith("SUPP") else domain)
    if found is None:
        raise LookupError(f"no natural keys are known of dataset {domain}")
    return found


def _file(version: str) -> str:
    if version not in _FILES:
        raise LookupError(f"SDTMIG {version} is not one of {', '.join(_FILES)}")
    return _FILES[version]


@cache
def _variables(version: str) -> Mapping[str, tuple[VariableFacts, ...]]:
    table = rows(f"{_file(version)}_variables.tsv")
    return {name: tuple(map(_facts, group)) for name, group in groupby(table, key=lambda row: row[0])}


def _facts(row: list[str]) -> VariableFacts:
    _, name, label, type_, codelists, role, core, value_list, described_domain = row
    return VariableFacts(
        name,
        label,
        cast("Literal['Char', 'Num']", type_),
        tuple(codelists.split("; ")) if codelists else (),
        role,
        cast("Literal['Req', 'Exp', 'Perm']", core),
        value_list,
        described_domain,
    )


@cache
def _keys() -> Mapping[str, tuple[str, ...]]:
    return {domain: tuple(names.split()) for domain, names in rows("keys.tsv")}
