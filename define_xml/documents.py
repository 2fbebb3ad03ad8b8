"""The documents of a package in its define.xml: the annotated CRF, and what supplements the define.xml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from trialbridge.define_xml.model import Define
from trialbridge.define_xml.references import DocumentRef, Leaf


def with_documents(define: Define, crf: Mapping[str, str], supplements: Mapping[str, str]) -> Define:
    """Return the define.xml with documents that it does not name yet.

    Args:
        define: What is written of the datasets.
        crf: File -> title, of the annotated CRF.
        supplements: File -> title, of the reviewer's guide and all else.
    """
    definitions = define.definitions
    known = {leaf.href for leaf in definitions.leaves}
    new = {name: title for name, title in {**crf, **supplements}.items() if name not in known}
    leaves = tuple(Leaf(id=_id(name), href=name, title=title) for name, title in new.items())
    made = replace(
        definitions,
        annotated_crf=definitions.annotated_crf + _refs(name for name in crf if name in new),
        supplemental_doc=definitions.supplemental_doc + _refs(name for name in supplements if name in new),
        leaves=definitions.leaves + leaves,
    )
    return replace(define, study=replace(define.study, meta_data_version=made))


def _refs(names: Iterable[str]) -> tuple[DocumentRef, ...]:
    return tuple(DocumentRef(leaf_id=_id(name)) for name in names)


def _id(name: str) -> str:
    """Return the id of a document.

    Example:
        >>> _id("csdrg.pdf")
        'LF.DOC.csdrg.pdf'
    """
    return f"LF.DOC.{PurePosixPath(name).name}"
