"""What rules compute from the standards and from the package itself: variables, labels, names, terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Lists, constant, same_list
from trialbridge.core_rules.lacking import Absent, NotSupported
from trialbridge.core_rules.metadata import dataset_cells
from trialbridge.core_rules.model import Operation
from trialbridge.core_rules.operations import DATA, Setting
from trialbridge.core_rules.standard_facts import (
    all_term_codes,
    guide_facts,
    is_custom,
    label,
    library_order,
    model_variables,
    of_core,
    package_dates,
    terms,
    timing_variables,
)
from trialbridge.core_rules.view import Found
from trialbridge.standards.stores import DEFAULT_CT

Compute = Callable[[Setting, Operation], Found]


def _variables(setting: Setting, names: Sequence[str]) -> Found:
    return same_list(setting.view.rows, names)


def _of_core(core: str) -> Compute:
    return lambda setting, _: _variables(setting, of_core(setting.frame(), setting.guide, core))


def _model_order(setting: Setting, _: Operation) -> Found:
    return _variables(setting, model_variables(setting.frame(), setting.guide))


def _parent_model_order(setting: Setting, _: Operation) -> Found:
    name = setting.frame().name.removeprefix("SUPP")
    parent = setting.package.frame(name)
    if parent is None:
        raise Absent(f"no dataset {name}")
    return _variables(setting, model_variables(parent, setting.guide))


def _library_order(setting: Setting, _: Operation) -> Found:
    return _variables(setting, library_order(setting.frame(), setting.guide))


def _dataset_order(setting: Setting, _: Operation) -> Found:
    return _variables(setting, list(setting.frame().variables))


def _model_filtered(setting: Setting, operation: Operation) -> Found:
    """Return the variables of the model, or of the guide, of which something is said: their role, say."""
    if (operation.key_name, operation.key_value) == ("role", "Timing"):
        return _variables(setting, timing_variables(setting.frame()))
    if operation.key_name not in {"role", "core", "type"}:
        raise NotSupported(f"variables by {operation.key_name}")
    facts = guide_facts(setting.frame(), setting.guide)
    named = [one.name for one in facts if getattr(one, operation.key_name) == operation.key_value]
    return _variables(setting, named)


def _dataset_filtered(setting: Setting, operation: Operation) -> Found:
    found = _model_filtered(setting, operation)
    known = found.only() if isinstance(found, Lists) else ()
    return _variables(setting, [name for name in setting.frame().variables if name in (known or ())])


def _domain_label(setting: Setting, _: Operation) -> Found:
    return constant(setting.view.rows, label(setting.frame(), setting.guide))


def _is_custom(setting: Setting, _: Operation) -> Found:
    return constant(setting.view.rows, str(is_custom(setting.frame(), setting.guide)))


def _study_domains(setting: Setting, _: Operation) -> Found:
    names = [name for name in setting.package.frames if not name.startswith("SUPP")]
    return same_list(setting.view.rows, names)


def _dataset_names(setting: Setting, _: Operation) -> Found:
    names = [part.dataset.name.upper() for part in setting.package.parts()]
    return same_list(setting.view.rows, names)


def _metadata(setting: Setting, operation: Operation) -> Found:
    return dataset_cells(setting.view, operation.name)


def _codelist_terms(setting: Setting, operation: Operation) -> Found:
    if operation.codelist_code or operation.level != "term":
        raise NotSupported("codelists that rows name")
    ct = setting.package.standards.ct or DEFAULT_CT
    return same_list(setting.view.rows, terms(operation.codelists, operation.returntype, ct))


def _package_dates(setting: Setting, operation: Operation) -> Found:
    kinds = operation.ct_package_types or ["SDTM"]
    dates = [date for kind in kinds for date in package_dates(kind)]
    if not dates:
        raise Absent(f"no list of the packages of {', '.join(kinds)} terminology")
    return same_list(setting.view.rows, dates)


def _codelist_attributes(setting: Setting, operation: Operation) -> Found:
    """Return, for each row, the codes of all terms of the release that it names, where it is at hand."""
    if operation.ct_attribute != "Term CCODE":
        raise NotSupported(f"the attribute {operation.ct_attribute} of terms")
    releases = setting.view.cells(operation.version or operation.ct_version).text
    known = pc.unique(releases).drop_null()
    which = pc.fill_null(pc.index_in(releases, known), -1).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return Lists(which, [all_term_codes(ct) for ct in known.to_pylist()])


OPERATIONS: Mapping[str, Compute] = {
    **DATA,
    "required_variables": _of_core("Req"),
    "expected_variables": _of_core("Exp"),
    "permissible_variables": _of_core("Perm"),
    "get_model_column_order": _model_order,
    "get_parent_model_column_order": _parent_model_order,
    "get_column_order_from_library": _library_order,
    "get_column_order_from_dataset": _dataset_order,
    "get_model_filtered_variables": _model_filtered,
    "get_dataset_filtered_variables": _dataset_filtered,
    "domain_label": _domain_label,
    "domain_is_custom": _is_custom,
    "study_domains": _study_domains,
    "dataset_names": _dataset_names,
    "extract_metadata": _metadata,
    "codelist_terms": _codelist_terms,
    "valid_codelist_dates": _package_dates,
    "get_codelist_attributes": _codelist_attributes,
}
"""Operation -> what it computes."""


def computed(setting: Setting, operations: Sequence[Operation], name: str) -> Found | None:
    """Return what an operation of a rule computes; none where no operation has the name."""
    for operation in operations:
        if operation.id == name:
            return OPERATIONS[operation.operator](setting, operation)
    return None
