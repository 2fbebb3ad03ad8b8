"""The analysis results metadata of an ADaM define.xml, as plain data like the rest of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trialbridge.define_xml.references import DocumentRef, Element
from trialbridge.define_xml.schema import (
    OID,
    Attribute,
    Child,
    CommentOID,
    Description,
    Name,
    Reference,
    Text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisDataset(Element):
    """A dataset that an analysis reads: which of its records, and which variables it analyses."""

    item_group_oid: Annotated[str, Attribute("ItemGroupOID")]
    where_clause_oid: Annotated[str | None, Reference("def:WhereClauseRef", "WhereClauseOID")] = None
    variable_oids: Annotated[tuple[str, ...], Reference("arm:AnalysisVariable", "ItemOID")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisDatasets(Element):
    """The datasets that an analysis reads."""

    comment_oid: CommentOID = None
    datasets: Annotated[tuple[AnalysisDataset, ...], Child("arm:AnalysisDataset")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation(Element):
    """Why and how an analysis is made."""

    description: Description
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingCode(Element):
    """The program of an analysis, or where it lies."""

    context: Annotated[str | None, Attribute("Context")] = None
    code: Annotated[str | None, Text("arm:Code")] = None
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult(Element):
    """One result of a display (ADaM's analysis results metadata)."""

    oid: OID
    parameter_oid: Annotated[str | None, Attribute("ParameterOID")] = None
    reason: Annotated[str, Attribute("AnalysisReason")]
    purpose: Annotated[str, Attribute("AnalysisPurpose")]
    description: Description
    datasets: Annotated[AnalysisDatasets, Child("arm:AnalysisDatasets")]
    documentation: Annotated[Documentation | None, Child("arm:Documentation")] = None
    code: Annotated[ProgrammingCode | None, Child("arm:ProgrammingCode")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDisplay(Element):
    """A table, listing or figure of analysis results."""

    oid: OID
    name: Name
    description: Description
    document_refs: Annotated[tuple[DocumentRef, ...], Child("def:DocumentRef")] = ()
    results: Annotated[tuple[AnalysisResult, ...], Child("arm:AnalysisResult")] = ()
