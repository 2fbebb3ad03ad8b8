"""Define-XML 2.0 -> 2.1: what 2.1 writes in another way, and what it asks for that 2.0 does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from trialbridge.define_xml.model import (
    PROLOG,
    Class,
    CodeList,
    Define,
    ItemDef,
    ItemGroupDef,
    MetaDataVersion,
    Origin,
    Standard,
)
from trialbridge.define_xml.rest import COMMENT, Rest
from trialbridge.findings import Finding, Severity

VERSION = "2.1.0"
_ORIGINS = {
    "CRF": ("Collected", "Investigator"),
    "eDT": ("Collected", "Vendor"),
    "COLLECTED": ("Collected", None),
    "DERIVED": ("Derived", None),
    "OTHER": ("Other", None),
    "NOT AVAILABLE": ("Not Available", None),
}
_GUIDE = "STD.1"
_TERMS = "STD.2"
_NEEDS_SOURCE = {"Collected", "Derived", "Assigned"}


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A define.xml of version 2.1; what was added to it, and what 2.1 asks for and nothing says."""

    define: Define
    findings: tuple[Finding, ...] = ()


def upgrade(define: Define, ct: str = "") -> Upgrade:
    """Return `define` as version 2.1; one that is of 2.1 already comes back as it is.

    Args:
        define: A define.xml of version 2.0 or 2.1.
        ct: The date of the terminology that its codelists are from: version 2.0 does not name it, and
            without it they name no standard.
    """
    old = define.definitions
    if not old.define_version.startswith("2.0"):
        return Upgrade(define)
    new = _definitions(old, ct)
    lifted = replace(
        define,
        context=define.context or "Other",
        study=replace(define.study, meta_data_version=new),
        prolog=PROLOG,
        epilog=(),
        prefixes=(),
    )
    return Upgrade(lifted, (*_added(define, new), *_open(new)))


def guide_name(name: str) -> str:
    """Return what 2.1 calls an implementation guide that 2.0 calls `name`.

    Example:
        >>> guide_name("SDTM-IG"), guide_name("CDISC SDTM"), guide_name("SEND-IG")
        ('SDTMIG', 'SDTMIG', 'SENDIG')
    """
    short = name.removeprefix("CDISC ").replace("-IG", "IG")
    return f"{short}IG" if short in {"SDTM", "SEND", "ADaM"} else short


def _definitions(old: MetaDataVersion, ct: str) -> MetaDataVersion:
    """Return the definitions in the words of 2.1."""
    standards = tuple(_standards(old, ct))
    guide = next((standard.oid for standard in standards if standard.type == "IG"), None)
    return replace(
        old,
        define_version=VERSION,
        standard_name=None,
        standard_version=None,
        standards=standards,
        item_group_defs=tuple(_dataset(group, guide) for group in old.item_group_defs),
        item_defs=tuple(_item(item) for item in old.item_defs),
        code_lists=tuple(_code_list(item, ct) for item in old.code_lists),
        rest=_without_comments(old.rest),
    )


def _standards(old: MetaDataVersion, ct: str) -> Iterator[Standard]:
    """Yield the one standard of 2.0, and the terminology that the caller names."""
    if old.standard_name and old.standard_version:
        name, version = guide_name(old.standard_name), old.standard_version
        yield Standard(oid=_GUIDE, name=name, type="IG", version=version, status="Final")
    if ct:
        name = guide_name(old.standard_name or "SDTM").removesuffix("IG")
        yield Standard(
            oid=_TERMS, name="CDISC/NCI", type="CT", publishing_set=name, version=ct, status="Final"
        )


def _dataset(group: ItemGroupDef, guide: str | None) -> ItemGroupDef:
    """Return a dataset with its class as an element; the one standard governs every dataset."""
    kind = Class(name=group.class_name) if group.class_name else None
    return replace(group, standard_oid=guide, class_name=None, item_group_class=kind)


def _item(item: ItemDef) -> ItemDef:
    """Return a variable with its origin as 2.1 names it."""
    return replace(item, origins=tuple(map(_origin, item.origins))) if item.origins else item


def _origin(origin: Origin) -> Origin:
    kind, source = _ORIGINS.get(origin.type, (origin.type, None))
    return replace(origin, type=kind, source=origin.source or source)


def _code_list(item: CodeList, ct: str) -> CodeList:
    """Return a codelist with its standard, if that is known: one with no NCI code has none."""
    if not ct or item.external_code_list:
        return item
    coded = any(alias.context == "nci:ExtCodeID" for alias in item.aliases)
    return replace(item, standard_oid=_TERMS if coded else None, is_non_standard=not coded)


def _without_comments(rest: Rest) -> Rest:
    """Return what is beyond the model without XML comments: they stood between what has moved."""
    return replace(rest, elements=tuple(item for item in rest.elements if item[1].name != COMMENT))


def _added(old: Define, new: MetaDataVersion) -> Iterator[Finding]:
    """Yield what 2.1 has and 2.0 has not, or has in other words."""
    if old.context is None:
        yield _said("the context is Other: version 2.0 does not say whether the file is for a submission")
    for standard in new.standards:
        name = " ".join(filter(None, (standard.name, standard.publishing_set, standard.version)))
        yield _said(f"the standard {name}")
    classes = sum(group.item_group_class is not None for group in new.item_group_defs)
    if classes:
        yield _said(f"the class of {classes} datasets as an element")
    for (kind, source), number in _count_renamed(old.definitions).items():
        words = f"{kind} ({source})" if source else kind
        yield _said(f"{number} origins in the words of 2.1: {words}")
    sponsor = sum(item.is_non_standard for item in new.code_lists)
    if sponsor:
        yield _said(f"{sponsor} codelists without an NCI code as non-standard")


def _count_renamed(old: MetaDataVersion) -> Counter[tuple[str, str | None]]:
    return Counter(
        _ORIGINS[origin.type] for item in old.item_defs for origin in item.origins if origin.type in _ORIGINS
    )


def _open(new: MetaDataVersion) -> Iterator[Finding]:
    """Yield what 2.1 asks for and 2.0 has no place for; people must say it."""
    if not new.standards:
        yield _asked("the file names no standard")
    silent = [item for item in new.code_lists if not (item.standard_oid or item.is_non_standard)]
    silent = [item for item in silent if item.external_code_list is None]
    if silent:
        yield _asked(
            f"{len(silent)} codelists do not say which terminology they are from, or that they are none"
        )
    for kind, number in sorted(_without_source(new).items()):
        yield _asked(f"{number} origins of type {kind} do not say their source")
    yield _asked(
        "which datasets and variables are non-standard or have no data cannot be said in version 2.0"
    )


def _without_source(new: MetaDataVersion) -> Counter[str]:
    return Counter(
        origin.type
        for item in new.item_defs
        for origin in item.origins
        if origin.type in _NEEDS_SOURCE and not origin.source
    )


def _said(message: str) -> Finding:
    return Finding(Severity.NOTICE, "define-upgrade-added", message)


def _asked(message: str) -> Finding:
    return Finding(Severity.WARNING, "define-upgrade-open", message)
