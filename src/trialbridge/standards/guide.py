"""The datasets and variables of SDTMIG, and the natural keys of each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@cache
def domain_variables(domain: str, version: str = "3.4") -> tuple[VariableFacts, ...]:
    """Return the variables that a dataset can be written with: the guide's, and those added from the model.

    The guide lets a sponsor add any variable of the model to a dataset of the general classes, and none of
    them may be a supplemental qualifier. An added one stands behind its neighbour of the model.

    Raises:
        LookupError: There are no tables of this version, or no such dataset in them.

    Example:
        >>> "MHSEV" in [variable.name for variable in domain_variables("MH")]
        True
        >>> "MHSEV" in [variable.name for variable in ig_variables("MH")]
        False
    """
    found = list(ig_variables(domain, version))
    there = {variable.name for variable in found}
    for name, like in ((name, like) for code, name, like in rows("added.tsv") if code == domain):
        facts = _of_guide(like, version)
        if name not in there and facts is not None:
            found.insert(_place(domain, name, found), facts._replace(name=name, core="Perm"))
    return tuple(found)


def _of_guide(named: str, version: str) -> VariableFacts | None:
    domain, name = named.split(".")
    return next((facts for facts in _variables(version).get(domain, ()) if facts.name == name), None)


def _place(domain: str, name: str, there: Sequence[VariableFacts]) -> int:
    """Return the place behind the last variable that the model has before a variable."""
    order = {one: place for place, one in enumerate(_of_class(ig_datasets()[domain].observation_class))}
    own = order[_in_model(domain, name)]
    return 1 + max(
        place for place, facts in enumerate(there) if order.get(_in_model(domain, facts.name), own) < own
    )


def _in_model(domain: str, name: str) -> str:
    """Return the name that a variable of a domain has in the model."""
    return "--" + name[2:] if name.startswith(domain) else name


def in_model(domain: str, name: str) -> bool:
    """Return whether the model has a variable for the class of a domain, if that is a general class.

    Example:
        >>> in_model("MH", "MHSEV"), in_model("MH", "MHNOTE"), in_model("DM", "DMNOTE")
        (True, False, False)
    """
    facts = ig_datasets().get(domain)
    return facts is not None and _in_model(domain, name) in _of_class(facts.observation_class)


@cache
def _of_class(observation_class: str) -> tuple[str, ...]:
    """Return the variables of a general class in the order of the model; none of another class."""
    if observation_class not in model():
        return ()
    return (*model()["IDENTIFIERS"], *model()[observation_class], *model()["TIMING"])


@cache
def model() -> Mapping[str, tuple[str, ...]]:
    """Return the variables of each class of the SDTM model, and the identifiers and timing variables of all.

    Example:
        >>> model()["FINDINGS"][:2], "EPOCH" in model()["TIMING"]
        (('--TESTCD', '--TEST'), True)
    """
    return {group: tuple(names.split()) for group, names in rows("model.tsv")}


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
