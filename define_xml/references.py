"""What every element of a define.xml has, and the documents that elements refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from trialbridge.define_xml.rest import NOTHING, Rest
from trialbridge.define_xml.schema import Attribute, Child, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What every element has: ``rest`` is what stands in it beyond the fields of its class."""

    rest: Rest = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class PDFPageRef(Element):
    """Pages of a PDF document."""

    type: Annotated[str, Attribute("Type")]
    page_refs: Annotated[str | None, Attribute("PageRefs")] = None
    first_page: Annotated[int | None, Attribute("FirstPage")] = None
    last_page: Annotated[int | None, Attribute("LastPage")] = None
    title: Annotated[str | None, Attribute("Title")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRef(Element):
    """A document that a `Leaf` locates."""

    leaf_id: Annotated[str, Attribute("leafID")]
    pdf_page_refs: Annotated[tuple[PDFPageRef, ...], Child("def:PDFPageRef")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Element):
    """Where a dataset or a document lies, relative to the define.xml."""

    id: Annotated[str, Attribute("ID")]
    href: Annotated[str, Attribute("xlink:href")]
    title: Annotated[str, Text("def:title")]
