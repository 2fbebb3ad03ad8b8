"""What the standards say that rules ask for: variables of guide and model, terms, dates of packages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.view import code_of
from trialbridge.errors import TrialbridgeError
from trialbridge.standards import IG_VERSIONS, VariableFacts, ig_datasets, ig_variables, model
from trialbridge.standards.tables import rows
from trialbridge.standards.terminology import codelist, codelists
from trialbridge.validation.frame import Frame

_GENERAL = {"INTERVENTIONS", "EVENTS", "FINDINGS", "FINDINGS ABOUT"}
_LONG = {"TSVAL", "COVAL"}
_IDENTIFIERS, _TIMING, _PERSONS = "IDENTIFIERS", "TIMING", "ASSOCIATED PERSONS"


@cache
def package_dates(kind: str) -> tuple[str, ...]:
    """Return the dates of a standard's packages of terminology; none where they are not known.

    Example:
        >>> "2025-03-28" in package_dates("SDTM"), package_dates("DDF")
        (True, ())
    """
    return {name: tuple(dates.split()) for name, dates in rows("ct_dates.tsv")}.get(kind, ())


def is_custom(frame: Frame, guide: str) -> bool:
    """Return whether the guide does not know a dataset.

    Raises:
        Absent: There are no tables of this version of the guide.
    """
    if guide not in IG_VERSIONS:
        raise Absent(f"no variable table of SDTMIG {guide}")
    return _known(frame.name) not in ig_datasets(guide)


def label(frame: Frame, guide: str) -> str:
    """Return the label that the guide gives a dataset; empty where it does not know it."""
    return "" if is_custom(frame, guide) else ig_datasets(guide)[_known(frame.name)].label


def of_core(frame: Frame, guide: str, core: str) -> list[str]:
    """Return the variables of a dataset that the guide requires, expects or permits.

    Raises:
        Absent: The guide does not know the dataset.
    """
    return [variable.name for variable in guide_facts(frame, guide) if variable.core == core]


def guide_facts(frame: Frame, guide: str) -> tuple[VariableFacts, ...]:
    """Return what the guide says of the variables of a dataset.

    Raises:
        Absent: The guide does not know the dataset.
    """
    if is_custom(frame, guide):
        raise Absent(f"SDTMIG {guide} has no dataset {frame.name}")
    return ig_variables(frame.name, guide)


def model_variables(frame: Frame, guide: str) -> list[str]:
    """Return the variables that the model allows in a dataset; of other classes, those of the guide."""
    kind = frame.observation_class
    if kind not in _GENERAL:
        return _with_more(frame, [variable.name for variable in guide_facts(frame, guide)])
    own = [*model()["FINDINGS"], *model()[kind]] if kind == "FINDINGS ABOUT" else [*model()[kind]]
    persons = model()[_PERSONS] if frame.name.startswith("AP") and len(frame.name) > 2 else ()
    return _named(frame, [*model()[_IDENTIFIERS], *persons, *own, *model()[_TIMING]])


def timing_variables(frame: Frame) -> list[str]:
    """Return the timing variables of the model, named as in a dataset."""
    return _named(frame, model()[_TIMING])


def library_order(frame: Frame, guide: str) -> list[str]:
    """Return the variables that a dataset may have, in order: the guide's, with the model's between them."""
    order = [] if is_custom(frame, guide) else [variable.name for variable in guide_facts(frame, guide)]
    if frame.observation_class not in _GENERAL:
        return _with_more(frame, order)
    before = ""
    for name in model_variables(frame, guide):
        if name not in order:
            order.insert(order.index(before) + 1 if before else 0, name)
        before = name
    return order


def _with_more(frame: Frame, names: Sequence[str]) -> list[str]:
    """Return variables with those in which a long value goes on: TSVAL1 behind TSVAL."""
    found: list[str] = []
    for name in names:
        more = (one for one in frame.variables if name in _LONG and one.removeprefix(name).isdigit())
        found += [name, *more]
    return found


def _named(frame: Frame, names: Sequence[str]) -> list[str]:
    code = code_of(frame)
    return [code + name[2:] if name.startswith("--") else name for name in names]


def _known(name: str) -> str:
    return "SUPPQUAL" if name.startswith("SUPP") else name


def terms(names: Sequence[str], returned: str, ct: str) -> list[str]:
    """Return the codes, or the values, of the terms of codelists.

    Raises:
        Absent: A codelist, or the release, is not at hand.
    """
    try:
        found = [term for name in names for term in codelist(name, ct).terms]
    except TrialbridgeError as error:
        raise Absent(str(error)) from error
    return [term.code if returned == "code" else term.submission_value for term in found]


@cache
def all_term_codes(ct: str) -> tuple[str, ...]:
    """Return the codes of all terms of a release; none where it is not at hand."""
    try:
        return tuple({term.code for facts in codelists(ct) for term in codelist(facts.code, ct).terms})
    except TrialbridgeError:
        return ()
