"""An eCTD study tagging file (STF) against the datasets: its study, the tag of each file, what is in no STF.

An STF names leaves of the submission's index.xml, and each leaf names a file. Where the index lies at the
place that the STF gives, each file is looked at by its own tag; without it, only which tags there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

DATASET_TAG, DEFINE_TAG = "data-tabulation-dataset-sdtm", "data-tabulation-data-definition"
"""The file tags under which SDTM datasets and their define.xml stand."""

NO_INDEX = "needs the index.xml that the study tagging file points to"
WITHOUT_STF: Mapping[str, str] = {
    "stf-study": "needs --stf FILE",
    "stf-tag": "needs --stf FILE",
    "stf-absent": "needs --stf FILE",
}
"""What cannot be said without the file: short name -> why."""

_HREF = "{http://www.w3.org/1999/xlink}href"
_INDEX_HREF = "{http://www.w3c.org/1999/xlink}href"
"""The namespace as the DTD of the eCTD backbone spells it."""


@dataclass(frozen=True)
class StudyTagging:
    """What a study tagging file says.

    Attributes:
        source: The file.
        study: Its study-id.
        tags: Name of a file, in lower case -> its tags, by way of the index; empty without one.
        named: All tags that there are.
        has_index: The index.xml that it points to is there.
    """

    source: Path
    study: str
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    has_index: bool = False


def read_stf(path: Path) -> StudyTagging:
    """Return what a study tagging file says, with the files that its index.xml gives it.

    Raises:
        ReadError: It is no XML, or names no study.
    """
    root = _tree(path)
    study = (root.findtext(".//{*}study-id") or "").strip()
    if not study:
        raise ReadError(str(path), "is no study tagging file: it has no study-id")
    tags: dict[str, frozenset[str]] = {}
    named: set[str] = set()
    indexes: dict[Path, Mapping[str, str]] = {}
    for document in root.iter("{*}doc-content"):
        own = frozenset(one.get("name", "") for one in document.iter("{*}file-tag"))
        named |= own
        index, _, leaf = _href(document).partition("#")
        place = path.parent / unquote(index)
        if index and place not in indexes:
            indexes[place] = _files_of(place)
        name = indexes.get(place, {}).get(leaf)
        if name:
            tags[name] = tags.get(name, frozenset()) | own
    return StudyTagging(path, study, tags, frozenset(named), has_index=any(indexes.values()))


def _tree(path: Path) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        return etree.fromstring(path.read_bytes(), parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise ReadError(str(path), f"cannot be read as XML: {error}") from error


def _href(element: etree._Element) -> str:
    return element.get(_HREF) or element.get(_INDEX_HREF) or ""


def _files_of(index: Path) -> Mapping[str, str]:
    """Return id of a leaf -> the name of its file, in lower case; nothing where there is no index."""
    try:
        if not index.is_file():
            return {}
    except (OSError, ValueError):  # a name that no file can have
        return {}
    leaves = _tree(index).iter("{*}leaf")
    return {leaf.get("ID", ""): unquote(_href(leaf)).rpartition("/")[2].lower() for leaf in leaves}


def check_stf(
    stf: StudyTagging, studies: Collection[str], files: Collection[str]
) -> tuple[list[Finding], Mapping[str, str]]:
    """Return what is wrong with a study tagging file, and what could not be looked at, and why.

    Args:
        stf: The file.
        studies: The STUDYID of the datasets.
        files: The names of the datasets' files, and of their define.xml.
    """
    found = list(_of_study(stf, studies))
    if stf.has_index:
        return [*found, *_of_files(stf, files)], {}
    return [*found, *_of_tags(stf, files)], {"stf-absent": NO_INDEX}


def _of_study(stf: StudyTagging, studies: Collection[str]) -> Iterator[Finding]:
    if studies and stf.study not in studies:
        message = f"it is of study {stf.study}, the datasets are of {', '.join(sorted(studies))}"
        yield Finding(Severity.ERROR, "stf-study", message, value=stf.study, source=stf.source.name)


def _wanted(name: str) -> str:
    return DEFINE_TAG if name.lower().endswith(".xml") else DATASET_TAG


def _of_tags(stf: StudyTagging, files: Collection[str]) -> Iterator[Finding]:
    """Yield the tags that the datasets ask for, and that no file has."""
    for tag in sorted({_wanted(name) for name in files} - stf.named):
        message = f"no file has the tag {tag}"
        yield Finding(Severity.ERROR, "stf-tag", message, value=tag, source=stf.source.name)


def _of_files(stf: StudyTagging, files: Collection[str]) -> Iterator[Finding]:
    """Yield the files that are in no STF, and those that have another tag than they ought to have."""
    for name in sorted(files):
        tags = stf.tags.get(name.lower())
        if tags is None:
            message = f"{name} is not in {stf.source.name}"
            yield Finding(Severity.ERROR, "stf-absent", message, value=name, source=name)
        elif _wanted(name) not in tags:
            said = ", ".join(sorted(tags)) or "no tag"
            message = f"{name} has {said}, not {_wanted(name)}"
            yield Finding(Severity.ERROR, "stf-tag", message, value=name, source=name)
