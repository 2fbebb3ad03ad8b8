"""An eCTD study tagging file (STF) against the datasets: the study it names, the tags of standard data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

TAGS = ("data-tabulation-dataset-sdtm", "data-tabulation-data-definition")
"""The file tags under which SDTM datasets and their define.xml stand."""

WITHOUT_STF: Mapping[str, str] = {
    "stf-study": "needs --stf FILE",
    "stf-tag": "needs --stf FILE",
    "stf-absent": "needs the index.xml of the submission",
}
"""What cannot be said without the file: short name -> why."""


def check_stf(path: Path, studies: frozenset[str]) -> list[Finding]:
    """Return what is wrong with a study tagging file.

    Args:
        path: The file.
        studies: The STUDYID of the datasets.

    Raises:
        ReadError: It is no XML, or names no study.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise ReadError(str(path), f"not XML: {error}") from error
    study = (root.findtext(".//{*}study-id") or "").strip()
    if not study:
        raise ReadError(str(path), "is no study tagging file: it has no study-id")
    return list(_faults(root, study, studies, path.name))


def _faults(root: etree._Element, study: str, studies: frozenset[str], name: str) -> Iterator[Finding]:
    if studies and study not in studies:
        message = f"it is of study {study}, the datasets are of {', '.join(sorted(studies))}"
        yield Finding(Severity.ERROR, "stf-study", message, value=study, source=name)
    there = {element.get("name") for element in root.iter("{*}file-tag")}
    for tag in TAGS:
        if tag not in there:
            yield Finding(Severity.ERROR, "stf-tag", f"no file has the tag {tag}", value=tag, source=name)
