"""Define-XML as plain data: one frozen class an element, one field an attribute or a child.

Fields are declared in the order of the schema: `write` and `read` follow the declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from trialbridge.define_xml.analysis import ResultDisplay
from trialbridge.define_xml.references import DocumentRef, Element, Leaf
from trialbridge.define_xml.rest import Markup
from trialbridge.define_xml.schema import (
    OID,
    Attribute,
    Child,
    CommentOID,
    Description,
    Name,
    Reference,
    Text,
    Translated,
)

STYLESHEET = "define2-1.xsl"
PROLOG = (Markup("?xml-stylesheet", text=f'type="text/xsl" href="{STYLESHEET}"'),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Element):
    """Another name in a context: NCI's code for a term, or the description of a split domain."""

    context: Annotated[str, Attribute("Context")]
    name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard(Element):
    """An implementation guide or a terminology package."""

    oid: OID
    name: Name
    type: Annotated[str, Attribute("Type")]
    publishing_set: Annotated[str | None, Attribute("PublishingSet")] = None
    version: Annotated[str, Attribute("Version")]
    status: Annotated[str, Attribute("Status")]
    comment_oid: CommentOID = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCheck(Element):
    """One condition of a where clause."""

    comparator: Annotated[str, Attribute("Comparator")]
    soft_hard: Annotated[str | None, Attribute("SoftHard")] = "Soft"
    item_oid: Annotated[str, Attribute("def:ItemOID")]
    check_values: Annotated[tuple[str, ...], Text("CheckValue")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereClauseDef(Element):
    """The records that a value-level definition is about: all range checks hold."""

    oid: OID
    comment_oid: CommentOID = None
    range_checks: Annotated[tuple[RangeCheck, ...], Child("RangeCheck")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef(Element):
    """A variable in its dataset, or a value definition in its value list."""

    item_oid: Annotated[str, Attribute("ItemOID")]
    order_number: Annotated[int | None, Attribute("OrderNumber")] = None
    mandatory: Annotated[bool, Attribute("Mandatory")]
    key_sequence: Annotated[int | None, Attribute("KeySequence")] = None
    method_oid: Annotated[str | None, Attribute("MethodOID")] = None
    role: Annotated[str | None, Attribute("Role")] = None
    role_code_list_oid: Annotated[str | None, Attribute("RoleCodeListOID")] = None
    is_non_standard: Annotated[bool, Attribute("def:IsNonStandard", only_yes=True)] = False
    has_no_data: Annotated[bool, Attribute("def:HasNoData", only_yes=True)] = False
    where_clause_oids: Annotated[tuple[str, ...], Reference("def:WhereClauseRef", "WhereClauseOID")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueListDef(Element):
    """The value-level definitions of one variable."""

    oid: OID
    description: Annotated[str | None, Translated("Description")] = None
    item_refs: Annotated[tuple[ItemRef, ...], Child("ItemRef")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubClass(Element):
    """A subclass of a dataset's class."""

    name: Name
    parent_class: Annotated[str | None, Attribute("ParentClass")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Class(Element):
    """The observation class of a dataset."""

    name: Name
    sub_classes: Annotated[tuple[SubClass, ...], Child("def:SubClass")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGroupDef(Element):
    """A dataset; ``class_name`` is where version 2.0 has the class."""

    oid: OID
    name: Name
    domain: Annotated[str | None, Attribute("Domain")] = None
    repeating: Annotated[bool, Attribute("Repeating")]
    is_reference_data: Annotated[bool | None, Attribute("IsReferenceData")] = False
    sas_dataset_name: Annotated[str | None, Attribute("SASDatasetName")] = None
    purpose: Annotated[str | None, Attribute("Purpose")] = None
    structure: Annotated[str, Attribute("def:Structure")]
    class_name: Annotated[str | None, Attribute("def:Class")] = None
    standard_oid: Annotated[str | None, Attribute("def:StandardOID")] = None
    is_non_standard: Annotated[bool, Attribute("def:IsNonStandard", only_yes=True)] = False
    has_no_data: Annotated[bool, Attribute("def:HasNoData", only_yes=True)] = False
    comment_oid: CommentOID = None
    archive_location_id: Annotated[str | None, Attribute("def:ArchiveLocationID")] = None
    description: Description
    item_refs: Annotated[tuple[ItemRef, ...], Child("ItemRef")] = ()
    aliases: Annotated[tuple[Alias, ...], Child("Alias")] = ()
    item_group_class: Annotated[Class | None, Child("def:Class")] = None
    leaf: Annotated[Leaf | None, Child("def:leaf")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Element):
    """Where the values of an item come from."""

    type: Annotated[str, Attribute("Type")]
    source: Annotated[str | None, Attribute("Source")] = None
    description: Annotated[str | None, Translated("Description")] = None
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDef(Element):
    """A variable, or the values of a variable under a where clause."""

    oid: OID
    name: Name
    data_type: Annotated[str, Attribute("DataType")]
    length: Annotated[int | None, Attribute("Length")] = None
    significant_digits: Annotated[int | None, Attribute("SignificantDigits")] = None
    sas_field_name: Annotated[str | None, Attribute("SASFieldName")] = None
    display_format: Annotated[str | None, Attribute("def:DisplayFormat")] = None
    comment_oid: CommentOID = None
    description: Annotated[str | None, Translated("Description")] = None
    code_list_oid: Annotated[str | None, Reference("CodeListRef", "CodeListOID")] = None
    aliases: Annotated[tuple[Alias, ...], Child("Alias")] = ()
    origins: Annotated[tuple[Origin, ...], Child("def:Origin")] = ()
    value_list_oid: Annotated[str | None, Reference("def:ValueListRef", "ValueListOID")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeListItem(Element):
    """A coded value with its decode."""

    coded_value: Annotated[str, Attribute("CodedValue")]
    rank: Annotated[str | None, Attribute("Rank")] = None
    order_number: Annotated[int | None, Attribute("OrderNumber")] = None
    extended_value: Annotated[bool, Attribute("def:ExtendedValue", only_yes=True)] = False
    decode: Annotated[str, Translated("Decode")]
    aliases: Annotated[tuple[Alias, ...], Child("Alias")] = ()
    description: Annotated[str | None, Translated("Description")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumeratedItem(Element):
    """A value that needs no decode."""

    coded_value: Annotated[str, Attribute("CodedValue")]
    rank: Annotated[str | None, Attribute("Rank")] = None
    order_number: Annotated[int | None, Attribute("OrderNumber")] = None
    extended_value: Annotated[bool, Attribute("def:ExtendedValue", only_yes=True)] = False
    aliases: Annotated[tuple[Alias, ...], Child("Alias")] = ()
    description: Annotated[str | None, Translated("Description")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCodeList(Element):
    """A dictionary that is kept elsewhere, such as MedDRA."""

    dictionary: Annotated[str | None, Attribute("Dictionary")] = None
    version: Annotated[str | None, Attribute("Version")] = None
    ref: Annotated[str | None, Attribute("ref")] = None
    href: Annotated[str | None, Attribute("href")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList(Element):
    """The values that an item may have: coded, enumerated, or kept in an external dictionary."""

    oid: OID
    name: Name
    data_type: Annotated[str, Attribute("DataType")]
    sas_format_name: Annotated[str | None, Attribute("SASFormatName")] = None
    standard_oid: Annotated[str | None, Attribute("def:StandardOID")] = None
    is_non_standard: Annotated[bool, Attribute("def:IsNonStandard", only_yes=True)] = False
    comment_oid: CommentOID = None
    description: Annotated[str | None, Translated("Description")] = None
    code_list_items: Annotated[tuple[CodeListItem, ...], Child("CodeListItem")] = ()
    external_code_list: Annotated[ExternalCodeList | None, Child("ExternalCodeList")] = None
    enumerated_items: Annotated[tuple[EnumeratedItem, ...], Child("EnumeratedItem")] = ()
    aliases: Annotated[tuple[Alias, ...], Child("Alias")] = ()

    @property
    def items(self) -> tuple[CodeListItem | EnumeratedItem, ...]:
        """Return its values, whichever of the two forms it has."""
        return self.code_list_items or self.enumerated_items


@dataclass(frozen=True, slots=True, kw_only=True)
class FormalExpression(Element):
    """A method in a programming language."""

    context: Annotated[str, Attribute("Context")]
    expression: Annotated[str, Text("")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodDef(Element):
    """How a derived value comes about."""

    oid: OID
    name: Name
    type: Annotated[str | None, Attribute("Type")] = "Computation"
    description: Description
    formal_expressions: Annotated[tuple[FormalExpression, ...], Child("FormalExpression")] = ()
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDef(Element):
    """A remark for the reviewer."""

    oid: OID
    description: Description
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaDataVersion(Element):
    """All the definitions of a study's datasets; version 2.0 names its one standard in two attributes."""

    oid: OID
    name: Name
    description: Annotated[str | None, Attribute("Description")] = None
    define_version: Annotated[str, Attribute("def:DefineVersion")]
    standard_name: Annotated[str | None, Attribute("def:StandardName")] = None
    standard_version: Annotated[str | None, Attribute("def:StandardVersion")] = None
    comment_oid: CommentOID = None
    standards: Annotated[tuple[Standard, ...], Child("def:Standard", "def:Standards")] = ()
    annotated_crf: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef", "def:AnnotatedCRF")] = ()
    supplemental_doc: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef", "def:SupplementalDoc")] = ()
    value_list_defs: Annotated[tuple[ValueListDef, ...], Child("def:ValueListDef")] = ()
    where_clause_defs: Annotated[tuple[WhereClauseDef, ...], Child("def:WhereClauseDef")] = ()
    item_group_defs: Annotated[tuple[ItemGroupDef, ...], Child("ItemGroupDef")] = ()
    item_defs: Annotated[tuple[ItemDef, ...], Child("ItemDef")] = ()
    code_lists: Annotated[tuple[CodeList, ...], Child("CodeList")] = ()
    method_defs: Annotated[tuple[MethodDef, ...], Child("MethodDef")] = ()
    comment_defs: Annotated[tuple[CommentDef, ...], Child("def:CommentDef")] = ()
    leaves: Annotated[tuple[Leaf, ...], Child("def:leaf")] = ()
    result_displays: Annotated[
        tuple[ResultDisplay, ...], Child("arm:ResultDisplay", "arm:AnalysisResultDisplays")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalVariables(Element):
    """The study's names."""

    study_name: Annotated[str, Text("StudyName")]
    study_description: Annotated[str, Text("StudyDescription")]
    protocol_name: Annotated[str, Text("ProtocolName")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(Element):
    """The study that the datasets belong to."""

    oid: OID
    global_variables: Annotated[GlobalVariables, Child("GlobalVariables")]
    meta_data_version: Annotated[MetaDataVersion, Child("MetaDataVersion")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Define(Element):
    """A whole define.xml: the ODM element with the study in it.

    ``prolog`` and ``epilog`` are the comments and processing instructions before and behind it; ``prefixes``
    are those that it declares for namespaces, where they are not the usual ones.
    """

    prolog: tuple[Markup, ...] = PROLOG
    epilog: tuple[Markup, ...] = ()
    prefixes: tuple[tuple[str, str], ...] = ()
    odm_version: Annotated[str | None, Attribute("ODMVersion")] = "1.3.2"
    file_type: Annotated[str, Attribute("FileType")] = "Snapshot"
    file_oid: Annotated[str, Attribute("FileOID")]
    creation_date_time: Annotated[datetime, Attribute("CreationDateTime")]
    as_of_date_time: Annotated[datetime | None, Attribute("AsOfDateTime")] = None
    originator: Annotated[str | None, Attribute("Originator")] = None
    source_system: Annotated[str | None, Attribute("SourceSystem")] = None
    source_system_version: Annotated[str | None, Attribute("SourceSystemVersion")] = None
    context: Annotated[str | None, Attribute("def:Context")] = None
    study: Annotated[Study, Child("Study")]

    @property
    def definitions(self) -> MetaDataVersion:
        """Return the definitions, which is what most callers look for."""
        return self.study.meta_data_version
