"""Datasets -> Define: every dataset, variable, code and value level in the data, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow.compute as pc

from trialbridge.define_xml.codelists import code_list_for
from trialbridge.define_xml.datatypes import variable_shape
from trialbridge.define_xml.model import (
    Alias,
    Class,
    CodeList,
    CommentDef,
    Define,
    GlobalVariables,
    ItemDef,
    ItemGroupDef,
    ItemRef,
    MetaDataVersion,
    MethodDef,
    Origin,
    Standard,
    Study,
    ValueListDef,
    WhereClauseDef,
)
from trialbridge.define_xml.references import Leaf
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.value_level import ValueItem, find_topic, targets, value_items, variable_origin
from trialbridge.model import Dataset, Variable

DEFINE_VERSION = "2.1.10"
_CLASSES = (
    "TRIAL DESIGN",
    "SPECIAL PURPOSE",
    "INTERVENTIONS",
    "EVENTS",
    "FINDINGS",
    "FINDINGS ABOUT",
    "RELATIONSHIP",
    "STUDY REFERENCE",
)
_NO_RECORDS = "No records were collected for this dataset."
_NO_VALUES = "No value was collected for this variable."
_ORIGINS = {
    "STUDYID": Origin(type="Protocol", source="Sponsor"),
    "DOMAIN": Origin(type="Assigned", source="Sponsor"),
    "RDOMAIN": Origin(type="Assigned", source="Sponsor"),
}
_UNKNOWN = Origin(type="Not Available")


@dataclass(slots=True)
class _Texts:
    """Methods and comments: one definition for each distinct text, named after its first user."""

    methods: dict[str, MethodDef] = field(default_factory=dict)
    comments: dict[str, CommentDef] = field(default_factory=dict)

    def method(self, text: str, user: str) -> str | None:
        """Return the OID of the method that says `text`, `None` for no text."""
        definition = MethodDef(oid=f"MT.{user}", name=f"Algorithm to derive {user}", description=text)
        return self.methods.setdefault(text, definition).oid if text else None

    def comment(self, text: str, user: str) -> str | None:
        """Return the OID of the comment that says `text`, `None` for no text."""
        definition = CommentDef(oid=f"COM.{user}", description=text)
        return self.comments.setdefault(text, definition).oid if text else None


@dataclass(frozen=True, slots=True)
class _Described:
    """All that one dataset brings into the define.xml."""

    group: ItemGroupDef
    items: tuple[ItemDef, ...]
    code_lists: tuple[CodeList, ...]
    value_lists: tuple[ValueListDef, ...]
    where_clauses: tuple[WhereClauseDef, ...]


def build_define(study: StudyDescription, datasets: Sequence[Dataset]) -> Define:
    """Return the description of `datasets`, in the order of their classes and names.

    Example:
        >>> import pyarrow as pa
        >>> from datetime import datetime
        >>> sex = Variable("SEX", "Sex", codelists=("C66731",), core="Req")
        >>> subjects = Dataset("DM", "Demographics", (sex,), pa.table({"SEX": ["F", "M"]}))
        >>> study = StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27))
        >>> definitions = build_define(study, [subjects]).definitions
        >>> [(item.coded_value, item.decode) for item in definitions.code_lists[0].code_list_items]
        [('F', 'Female'), ('M', 'Male')]
    """
    texts = _Texts()
    ordered = sorted(datasets, key=_order)
    described = [_describe(study, dataset, texts) for dataset in ordered]
    return Define(
        file_oid=f"DEFINE.{study.study_name}.{study.created.isoformat()}",
        creation_date_time=study.created,
        originator=study.originator,
        source_system="trialbridge",
        source_system_version=study.source_system_version or None,
        context=study.context,
        study=Study(
            oid=f"STDY.{study.study_name}",
            global_variables=GlobalVariables(
                study_name=study.study_name,
                study_description=study.description,
                protocol_name=study.protocol_name,
            ),
            meta_data_version=_definitions(study, _with_split_names(described), texts),
        ),
    )


def _definitions(study: StudyDescription, described: list[_Described], texts: _Texts) -> MetaDataVersion:
    """Return all definitions of the study, each one once."""
    where_clauses = {item.oid: item for part in described for item in part.where_clauses}
    code_lists = {item.oid: item for part in described for item in part.code_lists}
    return MetaDataVersion(
        oid=f"MDV.{study.study_name}.SDTMIG.{study.sdtmig_version}",
        name=f"Study {study.study_name}, Data Definitions",
        description=f"Data definitions of the SDTM datasets of study {study.study_name}",
        define_version=DEFINE_VERSION,
        standards=_standards(study),
        value_list_defs=tuple(item for part in described for item in part.value_lists),
        where_clause_defs=tuple(where_clauses.values()),
        item_group_defs=tuple(part.group for part in described),
        item_defs=tuple(item for part in described for item in part.items),
        code_lists=tuple(code_lists.values()),
        method_defs=tuple(texts.methods.values()),
        comment_defs=tuple(texts.comments.values()),
    )


def _standards(study: StudyDescription) -> tuple[Standard, ...]:
    """Return the implementation guide and the terminology that the study follows."""
    return (
        Standard(oid=study.ig_oid, name="SDTMIG", type="IG", version=study.sdtmig_version, status="Final"),
        Standard(
            oid=study.ct_oid,
            name="CDISC/NCI",
            type="CT",
            publishing_set="SDTM",
            version=study.ct_version,
            status="Final",
        ),
    )


def _order(dataset: Dataset) -> tuple[int, str]:
    """Return the place of a dataset in the file: by class as the specification lists them, then by name."""
    name = _class_of(dataset)
    return (_CLASSES.index(name) if name in _CLASSES else len(_CLASSES)), dataset.name


def _class_of(dataset: Dataset) -> str:
    """Return the observation class; supplemental qualifiers are always a relationship."""
    return dataset.observation_class or ("RELATIONSHIP" if dataset.name.startswith("SUPP") else "")


def _describe(study: StudyDescription, dataset: Dataset, texts: _Texts) -> _Described:
    """Return what `dataset` brings into the define.xml."""
    values = tuple(value_items(study, dataset))
    results = targets(dataset, find_topic(dataset))
    code_lists = {
        v.name: code_list_for(study, dataset, v)
        for v in dataset.variables
        if v.name not in results or (dataset.name, v.name) in study.permitted
    }
    items = [_item(dataset, v, code_lists.get(v.name), values, texts) for v in dataset.variables]
    lists = (*code_lists.values(), *(value.code_list for value in values))
    return _Described(
        group=_group(study, dataset, texts),
        items=(*items, *(value.item for value in values)),
        code_lists=tuple(item for item in lists if item),
        value_lists=tuple(_value_list(dataset, name, values, texts) for name in _with_values(values)),
        where_clauses=tuple(value.where for value in values),
    )


def _with_values(values: Iterable[ValueItem]) -> tuple[str, ...]:
    """Return the variables that have value-level metadata."""
    return tuple(dict.fromkeys(value.target for value in values))


def _group(study: StudyDescription, dataset: Dataset, texts: _Texts) -> ItemGroupDef:
    """Return the definition of the dataset itself."""
    name, empty, kind = dataset.name, dataset.table.num_rows == 0, _class_of(dataset)
    standard = any(variable.core for variable in dataset.variables)
    reference = "USUBJID" not in dataset.table.column_names and kind != "RELATIONSHIP"
    comment = dataset.comment or (_NO_RECORDS if empty else "")
    return ItemGroupDef(
        oid=f"IG.{name}",
        name=name,
        domain=_domain(dataset),
        repeating=not reference and not set(dataset.keys) <= {"STUDYID", "USUBJID"},
        is_reference_data=reference,
        sas_dataset_name=name,
        purpose="Tabulation",
        structure=dataset.structure,
        standard_oid=study.ig_oid if standard else None,
        is_non_standard=not standard,
        has_no_data=empty,
        comment_oid=texts.comment(comment, name),
        archive_location_id=None if empty else f"LF.{name}",
        description=dataset.label,
        item_refs=tuple(
            _item_ref(dataset, v, number, texts) for number, v in enumerate(dataset.variables, start=1)
        ),
        item_group_class=Class(name=kind) if kind else None,
        leaf=None if empty else _leaf(name),
    )


def _leaf(name: str) -> Leaf:
    """Return where the transport file of a dataset lies: beside the define.xml."""
    return Leaf(id=f"LF.{name}", href=f"{name.lower()}.xpt", title=f"{name.lower()}.xpt")


def _domain(dataset: Dataset) -> str:
    """Return the domain that the records name; a supplemental dataset belongs to its parent's.

    RELREC has records of other domains, and is of none of them even where it has those of one alone.
    """
    names = ("DOMAIN",) if dataset.name == "RELREC" else ("DOMAIN", "RDOMAIN")
    column = next((name for name in names if name in dataset.table.column_names), None)
    said = pc.unique(dataset.table[column].drop_null()).to_pylist() if column else []
    return said[0] if len(said) == 1 else dataset.name.removeprefix("SUPP")


def _item_ref(dataset: Dataset, variable: Variable, number: int, texts: _Texts) -> ItemRef:
    """Return the place of `variable` in its dataset."""
    keys = dataset.keys
    return ItemRef(
        item_oid=f"IT.{dataset.name}.{variable.name}",
        order_number=number,
        mandatory=variable.core == "Req",
        key_sequence=keys.index(variable.name) + 1 if variable.name in keys else None,
        method_oid=texts.method(variable.method, f"{dataset.name}.{variable.name}"),
        role=variable.role or None,
        is_non_standard=not variable.core and any(item.core for item in dataset.variables),
        has_no_data=_has_no_data(dataset, variable),
    )


def _has_no_data(dataset: Dataset, variable: Variable) -> bool:
    """Return whether a dataset with records has no value of `variable` in any of them."""
    rows = dataset.table.num_rows
    special = dataset.missing.get(variable.name)
    return 0 < rows == dataset.table[variable.name].null_count and (
        special is None or special.null_count == rows
    )


def _item(
    dataset: Dataset,
    variable: Variable,
    code_list: CodeList | None,
    values: tuple[ValueItem, ...],
    texts: _Texts,
) -> ItemDef:
    """Return the definition of `variable`."""
    shape = variable_shape(variable, dataset.table[variable.name])
    under = [value.item for value in values if value.target == variable.name]
    comment = variable.comment or (_NO_VALUES if _has_no_data(dataset, variable) else "")
    return ItemDef(
        oid=f"IT.{dataset.name}.{variable.name}",
        name=variable.name,
        data_type=shape.data_type,
        length=shape.length,
        significant_digits=shape.significant_digits,
        sas_field_name=variable.name,
        display_format=variable.format or None,
        comment_oid=texts.comment(comment, f"{dataset.name}.{variable.name}"),
        description=variable.label,
        code_list_oid=code_list.oid if code_list else None,
        origins=_origins(variable, under),
        value_list_oid=f"VL.{dataset.name}.{variable.name}" if under else None,
    )


def _origins(variable: Variable, under: list[ItemDef]) -> tuple[Origin, ...]:
    """Return the origin of a variable: left to the value level where that says it, and says several."""
    said = {item.origins for item in under}
    if said and () not in said:
        return said.pop() if len(said) == 1 else ()
    return (variable_origin(variable) or _ORIGINS.get(variable.name, _UNKNOWN),)


_BY_THE_SENDER = "Calculated before the data was received; {}DRVFL marks such a record."
"""The method of a derived result that is derived by nobody here."""


def _value_list(dataset: Dataset, target: str, values: Sequence[ValueItem], texts: _Texts) -> ValueListDef:
    """Return the list of the value-level definitions of `target`."""
    under = [value for value in values if value.target == target]
    said = dataset.variable(target).method or _BY_THE_SENDER.format(dataset.name)
    method = texts.method(said, f"{dataset.name}.{target}") if any(value.derived for value in under) else None
    return ValueListDef(
        oid=f"VL.{dataset.name}.{target}",
        item_refs=tuple(
            ItemRef(
                item_oid=value.item.oid,
                order_number=number,
                mandatory=False,
                method_oid=method if value.derived else None,
                where_clause_oids=(value.where.oid,),
            )
            for number, value in enumerate(under, start=1)
        ),
    )


def _with_split_names(described: list[_Described]) -> list[_Described]:
    """Return the same, with the alias that the parts of a split domain need."""
    main = [part.group for part in described if not part.group.name.startswith("SUPP")]
    domains = [group.domain for group in main]
    split = {group.name for group in main if domains.count(group.domain) > 1}
    return [_with_split_name(part) if part.group.name in split else part for part in described]


def _with_split_name(part: _Described) -> _Described:
    """Return the same, with the description of the whole domain as an alias."""
    alias = Alias(context="DomainDescription", name=part.group.description)
    return replace(part, group=replace(part.group, aliases=(alias,)))
