"""The sheets of a specification, column by column, as people know them: where each stands in a define.xml.

What is beyond these columns has one of its own, called by its path (`trialbridge.define_xml.spec_paths`).
"""

from __future__ import annotations

from dataclasses import dataclass

from trialbridge.define_xml.spec_cells import CheckValues, Pages, Place
from trialbridge.define_xml.spec_columns import (
    Column,
    Default,
    Implied,
    OnlyYes,
    OtherName,
    Plain,
    Refer,
    Words,
)
from trialbridge.define_xml.spec_rules import (
    ClassName,
    Key,
    OldStandard,
    Predecessor,
    domain_of,
    file_of,
    identified,
    key_number,
    leaf_of,
    title_of,
    usual,
    value_list,
)

POSITION = "Position"
"""The column for the place of a definition in the file, where that is not the order of the rows."""

NUMBER = "#"
"""The number of a row in its dataset or value list; no column."""


@dataclass(frozen=True, slots=True)
class Part:
    """An element that rows describe: those with the same key together, each filling in the others."""

    tag: str
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: the elements its rows describe, its columns, and those of them that are always there.

    Attributes:
        name: Its name.
        parts: The elements that a row describes.
        columns: What its cells say.
        shown: The columns that are there even if they are empty, in their order.
        needed: The columns without which it cannot be read.
        repeats: The paths of elements that may be there several times.
        synonyms: Other names of columns.
    """

    name: str
    parts: tuple[Part, ...]
    columns: tuple[Column, ...]
    shown: tuple[str, ...]
    needed: tuple[str, ...]
    repeats: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, str], ...] = ()


_ORIGIN = "ItemDef/def:Origin"
_ITEM: tuple[Column, ...] = (
    Words("Label", "ItemDef/Description"),
    Plain("Data Type", "ItemDef/@DataType"),
    Plain("Length", "ItemDef/@Length"),
    Plain("Significant Digits", "ItemDef/@SignificantDigits"),
    Plain("Format", "ItemDef/@def:DisplayFormat"),
    Plain("Mandatory", "ItemRef/@Mandatory", is_flag=True),
    Refer("Codelist", "ItemDef/CodeListRef/@CodeListOID", kind="CL."),
    Plain("Origin", f"{_ORIGIN}/@Type"),
    Plain("Source", f"{_ORIGIN}/@Source"),
    Pages(f"{_ORIGIN}/def:DocumentRef", document=""),
    Refer("Method", "ItemRef/@MethodOID", kind="MT."),
    Predecessor("Predecessor", f"{_ORIGIN}/Description"),
    Words("Origin Description", f"{_ORIGIN}/Description"),
    Plain("Role", "ItemRef/@Role"),
    OnlyYes("Has No Data", "ItemRef/@def:HasNoData"),
    OnlyYes("Non-Standard", "ItemRef/@def:IsNonStandard"),
    Refer("Comment", "ItemDef/@def:CommentOID", kind="COM."),
)
_ORDER = Default("Order", ("ItemRef/@OrderNumber",), lambda row: row.get(NUMBER, ""), is_shown=True)
_ITEM_PATHS = ("ItemRef/@ItemOID", "ItemDef/@OID")
_LABELS = (("Description", "Label"),)

STANDARDS = Sheet(
    name="Standards",
    parts=(Part("def:Standard", ("ID",)),),
    columns=(
        *identified("STD.", "def:Standard"),
        Plain("Name", "def:Standard/@Name"),
        Plain("Type", "def:Standard/@Type"),
        Plain("Publishing Set", "def:Standard/@PublishingSet"),
        Plain("Version", "def:Standard/@Version"),
        Plain("Status", "def:Standard/@Status"),
        Refer("Comment", "def:Standard/@def:CommentOID", kind="COM."),
    ),
    shown=("ID", "Name", "Type", "Publishing Set", "Version", "Status", "Comment"),
    needed=("ID", "Name", "Version"),
)
DATASETS = Sheet(
    name="Datasets",
    parts=(Part("ItemGroupDef", ("Dataset",)),),
    columns=(
        Key("Dataset", ""),
        Default("Name", ("ItemGroupDef/@Name",), usual("{Dataset}")),
        Default("OID", ("ItemGroupDef/@OID",), usual("IG.{Dataset}")),
        Words("Label", "ItemGroupDef/Description"),
        ClassName("Class", "ItemGroupDef/def:Class/@Name"),
        Plain("SubClass", "ItemGroupDef/def:Class/def:SubClass/@Name"),
        Plain("Structure", "ItemGroupDef/@def:Structure"),
        Plain("Purpose", "ItemGroupDef/@Purpose"),
        Key("Key Variables", ""),
        Refer("Standard", "ItemGroupDef/@def:StandardOID", kind="STD."),
        OnlyYes("Non-Standard", "ItemGroupDef/@def:IsNonStandard"),
        OnlyYes("Has No Data", "ItemGroupDef/@def:HasNoData"),
        Plain("Repeating", "ItemGroupDef/@Repeating", is_flag=True),
        Plain("Reference Data", "ItemGroupDef/@IsReferenceData", is_flag=True),
        Refer("Comment", "ItemGroupDef/@def:CommentOID", kind="COM."),
        Default("Domain", ("ItemGroupDef/@Domain",), domain_of),
        OtherName("Domain Description", "ItemGroupDef/Alias", alias_context="DomainDescription"),
        Default("SAS Dataset Name", ("ItemGroupDef/@SASDatasetName",), usual("{Dataset}")),
        Default("File ID", ("ItemGroupDef/@def:ArchiveLocationID", "ItemGroupDef/def:leaf/@ID"), leaf_of),
        Default("File", ("ItemGroupDef/def:leaf/@xlink:href",), file_of),
        Default("File Title", ("ItemGroupDef/def:leaf/def:title",), title_of),
    ),
    shown=(
        "Dataset", "Label", "Class", "SubClass", "Structure", "Purpose", "Key Variables", "Standard",
        "Has No Data", "Repeating", "Reference Data", "Comment",
    ),
    needed=("Dataset", "Label", "Structure"),
    repeats=("ItemGroupDef/def:Class/def:SubClass",),
    synonyms=_LABELS,
)  # fmt: skip
VARIABLES = Sheet(
    name="Variables",
    parts=(Part("ItemRef"), Part("ItemDef")),
    columns=(
        _ORDER,
        Key("Dataset", ""),
        Plain("Variable", "ItemDef/@Name"),
        Default("Item OID", _ITEM_PATHS, usual("IT.{Dataset}.{Variable}")),
        *_ITEM,
        Default("SAS Field Name", ("ItemDef/@SASFieldName",), usual("{Variable}")),
        Implied(key_number),
        Implied(value_list),
    ),
    shown=(
        "Order", "Dataset", "Variable", "Label", "Data Type", "Length", "Significant Digits", "Format",
        "Mandatory", "Codelist", "Origin", "Source", "Pages", "Method", "Predecessor", "Role", "Has No Data",
        "Comment",
    ),
    needed=("Dataset", "Variable", "Data Type"),
    repeats=(_ORIGIN,),
    synonyms=_LABELS,
)  # fmt: skip
VALUE_LEVEL = Sheet(
    name="ValueLevel",
    parts=(Part("def:ValueListDef"), Part("ItemRef"), Part("ItemDef")),
    columns=(
        _ORDER,
        Key("Dataset", ""),
        Key("Variable", ""),
        Refer("Where Clause", "ItemRef/def:WhereClauseRef/@WhereClauseOID", kind="WC."),
        Default("Value List OID", ("def:ValueListDef/@OID",), usual("VL.{Dataset}.{Variable}")),
        Default("Item OID", _ITEM_PATHS, usual("IT.{Dataset}.{Variable}.{Where Clause}")),
        Default("Name", ("ItemDef/@Name",), usual("{Variable}")),
        *_ITEM,
        Default("SAS Field Name", ("ItemDef/@SASFieldName",), usual("{Variable}")),
    ),
    shown=(
        "Order", "Dataset", "Variable", "Where Clause", "Label", "Data Type", "Length", "Significant Digits",
        "Format", "Mandatory", "Codelist", "Origin", "Source", "Pages", "Method", "Predecessor", "Comment",
    ),
    needed=("Dataset", "Variable", "Where Clause", "Data Type"),
    repeats=(_ORIGIN, "ItemRef/def:WhereClauseRef"),
    synonyms=_LABELS,
)  # fmt: skip
WHERE_CLAUSES = Sheet(
    name="WhereClauses",
    parts=(Part("def:WhereClauseDef", ("ID",)), Part("RangeCheck")),
    columns=(
        *identified("WC.", "def:WhereClauseDef"),
        Place("RangeCheck/@def:ItemOID"),
        CheckValues(),
        Default("Soft/Hard", ("RangeCheck/@SoftHard",), lambda row: "Soft" if row.get("Comparator") else ""),
        Refer("Comment", "def:WhereClauseDef/@def:CommentOID", kind="COM."),
    ),
    shown=("ID", "Dataset", "Variable", "Comparator", "Value", "Comment"),
    needed=("ID", "Dataset", "Variable", "Comparator", "Value"),
)
CODELISTS = Sheet(
    name="Codelists",
    parts=(Part("CodeList", ("ID",)), Part("Item")),
    columns=(
        *identified("CL.", "CodeList"),
        Plain("Name", "CodeList/@Name"),
        OtherName("NCI Codelist Code", "CodeList/Alias"),
        Plain("Data Type", "CodeList/@DataType"),
        Refer("Terminology", "CodeList/@def:StandardOID", kind="STD."),
        OnlyYes("Non-Standard", "CodeList/@def:IsNonStandard"),
        Plain("SAS Format Name", "CodeList/@SASFormatName"),
        Refer("Comment", "CodeList/@def:CommentOID", kind="COM."),
        Plain("Order", "Item/@OrderNumber"),
        Plain("Rank", "Item/@Rank"),
        Plain("Term", "Item/@CodedValue"),
        OtherName("NCI Term Code", "Item/Alias"),
        Words("Decoded Value", "Item/Decode"),
        OnlyYes("Extended Value", "Item/@def:ExtendedValue"),
    ),
    shown=(
        "ID", "Name", "NCI Codelist Code", "Data Type", "Terminology", "Comment", "Order", "Term",
        "NCI Term Code", "Decoded Value",
    ),
    needed=("ID", "Name", "Data Type", "Term"),
)  # fmt: skip
DICTIONARIES = Sheet(
    name="Dictionaries",
    parts=(Part("CodeList", ("ID",)),),
    columns=(
        *identified("CL.", "CodeList"),
        Plain("Name", "CodeList/@Name"),
        Plain("Data Type", "CodeList/@DataType"),
        Plain("Dictionary", "CodeList/ExternalCodeList/@Dictionary"),
        Plain("Version", "CodeList/ExternalCodeList/@Version"),
        Plain("Reference", "CodeList/ExternalCodeList/@ref"),
        Plain("Link", "CodeList/ExternalCodeList/@href"),
        Refer("Terminology", "CodeList/@def:StandardOID", kind="STD."),
        OnlyYes("Non-Standard", "CodeList/@def:IsNonStandard"),
        Plain("SAS Format Name", "CodeList/@SASFormatName"),
        Refer("Comment", "CodeList/@def:CommentOID", kind="COM."),
    ),
    shown=("ID", "Name", "Data Type", "Dictionary", "Version"),
    needed=("ID", "Name", "Data Type", "Dictionary"),
)
METHODS = Sheet(
    name="Methods",
    parts=(Part("MethodDef", ("ID",)),),
    columns=(
        *identified("MT.", "MethodDef"),
        Plain("Name", "MethodDef/@Name"),
        Plain("Type", "MethodDef/@Type"),
        Words("Description", "MethodDef/Description"),
        Plain("Expression Context", "MethodDef/FormalExpression/@Context"),
        Plain("Expression Code", "MethodDef/FormalExpression"),
        Pages("MethodDef/def:DocumentRef"),
    ),
    shown=(
        "ID", "Name", "Type", "Description", "Expression Context", "Expression Code", "Document", "Pages",
    ),
    needed=("ID", "Name", "Description"),
    repeats=("MethodDef/FormalExpression", "MethodDef/def:DocumentRef"),
)  # fmt: skip
COMMENTS = Sheet(
    name="Comments",
    parts=(Part("def:CommentDef", ("ID",)),),
    columns=(
        *identified("COM.", "def:CommentDef"),
        Words("Description", "def:CommentDef/Description"),
        Pages("def:CommentDef/def:DocumentRef"),
    ),
    shown=("ID", "Description", "Document", "Pages"),
    needed=("ID", "Description"),
    repeats=("def:CommentDef/def:DocumentRef",),
)
DOCUMENTS = Sheet(
    name="Documents",
    parts=(Part("def:leaf", ("ID",)),),
    columns=(
        *identified("LF.", "def:leaf", "@ID"),
        Plain("Title", "def:leaf/def:title"),
        Plain("Href", "def:leaf/@xlink:href"),
        Key("Type", ""),
    ),
    shown=("ID", "Title", "Href", "Type"),
    needed=("ID", "Title", "Href"),
)
DISPLAYS = Sheet(
    name="Analysis Displays",
    parts=(Part("arm:ResultDisplay", ("ID",)),),
    columns=(
        *identified("RD.", "arm:ResultDisplay"),
        Plain("Title", "arm:ResultDisplay/@Name"),
        Words("Description", "arm:ResultDisplay/Description"),
        Pages("arm:ResultDisplay/def:DocumentRef"),
    ),
    shown=("ID", "Title", "Description", "Document", "Pages"),
    needed=("ID", "Title"),
    repeats=("arm:ResultDisplay/def:DocumentRef",),
)
RESULTS = Sheet(
    name="Analysis Results",
    parts=(Part("arm:AnalysisResult", ("Display", "ID")),),
    columns=(
        Key("Display", ""),
        *identified("AR.", "arm:AnalysisResult"),
        Words("Description", "arm:AnalysisResult/Description"),
        Plain("Reason", "arm:AnalysisResult/@AnalysisReason"),
        Plain("Purpose", "arm:AnalysisResult/@AnalysisPurpose"),
        Words("Documentation", "arm:AnalysisResult/arm:Documentation/Description"),
        Pages("arm:AnalysisResult/arm:Documentation/def:DocumentRef", "Documentation Refs"),
        Plain("Programming Context", "arm:AnalysisResult/arm:ProgrammingCode/@Context"),
        Plain("Programming Code", "arm:AnalysisResult/arm:ProgrammingCode/arm:Code"),
    ),
    shown=(
        "Display", "ID", "Description", "Reason", "Purpose", "Documentation", "Documentation Refs", "Pages",
        "Programming Context", "Programming Code",
    ),
    needed=("Display", "ID"),
)  # fmt: skip
SHEETS = (
    STANDARDS, DATASETS, VARIABLES, VALUE_LEVEL, WHERE_CLAUSES, CODELISTS, DICTIONARIES, METHODS, COMMENTS,
    DOCUMENTS, DISPLAYS, RESULTS,
)  # fmt: skip
"""Every sheet but the first, Define, which is read from top to bottom."""

CRF = "Annotated CRF"
SUPPLEMENT = "Supplemental Document"
DOCUMENT_TYPES = {CRF: "def:AnnotatedCRF", SUPPLEMENT: "def:SupplementalDoc"}
"""What a document is for, and the element that lists those of a type."""

STUDY: tuple[Column, ...] = (
    Plain("StudyName", "ODM/Study/GlobalVariables/StudyName"),
    Plain("StudyDescription", "ODM/Study/GlobalVariables/StudyDescription"),
    Plain("ProtocolName", "ODM/Study/GlobalVariables/ProtocolName"),
    Default("FileOID", ("ODM/@FileOID",), usual("DEFINE.{StudyName}")),
    Default("FileType", ("ODM/@FileType",), lambda _row: "Snapshot"),
    Default("ODMVersion", ("ODM/@ODMVersion",), lambda _row: "1.3.2"),
    Default("CreationDateTime", ("ODM/@CreationDateTime",), usual("{Saved}"), is_shown=True),
    Plain("AsOfDateTime", "ODM/@AsOfDateTime"),
    Plain("Originator", "ODM/@Originator"),
    Plain("SourceSystem", "ODM/@SourceSystem"),
    Plain("SourceSystemVersion", "ODM/@SourceSystemVersion"),
    Default("Context", ("ODM/@def:Context",), lambda _row: "Submission", is_shown=True),
    Default("StudyOID", ("ODM/Study/@OID",), usual("STDY.{StudyName}")),
    Default("MetaDataVersionOID", ("ODM/Study/MetaDataVersion/@OID",), usual("MDV.{StudyName}")),
    Default(
        "MetaDataVersionName",
        ("ODM/Study/MetaDataVersion/@Name",),
        usual("Study {StudyName}, Data Definitions"),
    ),
    Default(
        "DefineVersion",
        ("ODM/Study/MetaDataVersion/@def:DefineVersion",),
        lambda _row: "2.1.10",
        is_shown=True,
    ),
    OldStandard("StandardName", "ODM/Study/MetaDataVersion/@def:StandardName"),
    OldStandard("StandardVersion", "ODM/Study/MetaDataVersion/@def:StandardVersion"),
    Plain("MetaDataVersionDescription", "ODM/Study/MetaDataVersion/@Description"),
    Refer("Comment", "ODM/Study/MetaDataVersion/@def:CommentOID", kind="COM."),
)
"""The rows of the sheet Define that say something of the file or the study."""
