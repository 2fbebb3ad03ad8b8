"""A sponsor's export, read and put under the rules: files of a folder, or single files, as one `Package`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.compute as pc
from lxml import etree

from trialbridge.converters.read_sdtm import READERS, dataset_files
from trialbridge.converters.read_xpt import read_xpt_members
from trialbridge.converters.study_tagging import WITHOUT_STF, check_stf, read_stf
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset
from trialbridge.standards import DEFAULT_CT, IG_VERSIONS
from trialbridge.validation.frame import Frame, Part, SourceFile
from trialbridge.validation.package import DefineFile, Package, Standards, frames_of

_FORMATS = {
    ".json": "Dataset-JSON",
    ".ndjson": "Dataset-JSON (NDJSON)",
    ".dsjc": "Dataset-JSON (compressed)",
    ".sas7bdat": "SAS7BDAT",
    ".csv": "CSV",
    ".xpt": "SAS XPORT version 5",
}
_REFUSED = {"version 8": "xport-8", "PROC CPORT": "cport"}
"""What a reader says of a file -> the name of the finding; any other reason is ``dataset-unreadable``."""

_GATE = ("ts", "dm")
"""The datasets that the technical rejection criteria look at."""

_DEFINE_VERSIONS = {
    "http://www.cdisc.org/ns/def/v2.1": "2.1",
    "http://www.cdisc.org/ns/def/v2.0": "2.0",
    "http://www.cdisc.org/ns/def/v1.0": "1.0",
}
_GIVEN, _TS, _DEFINE = "the command", "TS", "define.xml"
_ASSUMED = "nothing; the newest is taken"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for.

    Attributes:
        only: One of ``xpt``, ``define``, ``trc``, ``content``; empty for all.
        ig: Version of SDTMIG, where the package's own word is not to count.
        ct: Release of controlled terminology, likewise.
        stf: The eCTD's study tagging file.
        define: The define.xml, where it does not lie beside the datasets.
    """

    only: str = ""
    ig: str = ""
    ct: str = ""
    stf: Path | None = None
    define: Path | None = None


@dataclass(slots=True)
class _Read:
    """What reading the files has given."""

    parts: list[Part] = field(default_factory=list)
    files: list[SourceFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_package(sources: Sequence[Path], wanted: Wanted = Wanted()) -> Package:
    r"""Return what lies in files and folders as one package.

    Raises:
        ReadError: A source does not exist, or there is neither a dataset nor a define.xml.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "ae.csv").write_text("STUDYID,DOMAIN,USUBJID,AESEQ\nS,AE,S-1,1\n")
        ...     package = read_package([Path(folder)])
        >>> package.frames["AE"].rows, package.complete
        (1, True)
    """
    define = _define_of(sources, wanted)
    read = _Read()
    for path in _files_of(sources, wanted):
        _read_file(path, read)
    if define is not None:
        read.files.append(
            SourceFile(define.path, f"Define-XML {define.version}".strip(), define.path.stat().st_size)
        )
    if not read.files:
        raise ReadError(
            ", ".join(map(str, sources)), f"no {', '.join(READERS)} file and no define.xml is there"
        )
    frames = frames_of(_once_each(read))
    without = WITHOUT_STF
    if wanted.stf is not None:
        studies = _studies(frames.get("TS") or frames.get("DM"))
        found, without = check_stf(read_stf(wanted.stf), studies, _submitted(sources, define))
        read.findings += found
    return Package(
        frames,
        read.files,
        read.findings,
        define,
        _standards(define or _define_beside(sources), frames.get("TS"), wanted),
        complete=any(source.is_dir() for source in sources),
        without=without,
    )


def _studies(frame: Frame | None) -> frozenset[str]:
    if frame is None or not frame.has("STUDYID"):
        return frozenset()
    return frozenset(pc.unique(frame.text("STUDYID")).drop_null().to_pylist())


def _submitted(sources: Sequence[Path], define: DefineFile | None) -> list[str]:
    """Return the names of the files that are to stand in a study tagging file."""
    names = [path.name for path in dataset_files(sources) if path.suffix.lower() == ".xpt"]
    return [*names, *([define.path.name] if define else [])]


def _files_of(sources: Sequence[Path], wanted: Wanted) -> list[Path]:
    files = [path for path in dataset_files(sources) if path.name.lower() != "define.json"]
    if wanted.only == "define":
        return []
    return [path for path in files if wanted.only != "trc" or path.stem.lower() in _GATE]


def _read_file(path: Path, read: _Read) -> None:
    """Read one file into `read`; one that is no dataset is a finding."""
    kind = path.suffix.lower()
    size = path.stat().st_size
    try:
        found = list(_datasets(path, kind))
    except (ReadError, UnicodeDecodeError, OSError) as error:
        problem = str(error)
        rule = next((rule for words, rule in _REFUSED.items() if words in problem), "dataset-unreadable")
        read.findings.append(Finding(Severity.ERROR, rule, problem, source=path.name))
        read.files.append(SourceFile(path, "not readable", size))
        return
    encoding = found[0][1] if found else ""
    file = SourceFile(path, _FORMATS[kind], size, encoding)
    read.files.append(file)
    for dataset, _, findings in found:
        read.parts.append(Part(dataset, file))
        read.findings += [replace(one, source=path.name) for one in findings]


def _datasets(path: Path, kind: str) -> Iterator[tuple[Dataset, str, Sequence[Finding]]]:
    """Yield the datasets of a file, each with the encoding of its text and what is odd about it."""
    if kind == ".xpt":
        for header, dataset in read_xpt_members(path):
            yield dataset, header.encoding, header.findings
        return
    for dataset in READERS[kind](path, {}):
        yield dataset, "", ()


def _once_each(read: _Read) -> Iterator[Part]:
    """Yield each dataset once; one that a second file holds, too, is a finding."""
    known: dict[str, Part] = {}
    order = [*READERS]
    for part in sorted(read.parts, key=lambda one: order.index(one.file.path.suffix.lower())):
        first = known.setdefault(part.dataset.name, part)
        if first is part:
            yield part
            continue
        said = (
            f"{part.file.path.name} holds {part.dataset.name}, as does {first.file.path.name}, which is taken"
        )
        read.findings.append(
            Finding(Severity.WARNING, "dataset-twice", said, part.dataset.name, source=part.file.path.name)
        )


def _define_of(sources: Sequence[Path], wanted: Wanted) -> DefineFile | None:
    """Return the define.xml that is named, given, or lies in a given folder."""
    folders = [source for source in sources if source.is_dir()]
    places = [
        *([wanted.define] if wanted.define else []),
        *(source for source in sources if source.suffix.lower() == ".xml" and source.is_file()),
        *(
            path
            for folder in folders
            for path in sorted(folder.iterdir())
            if path.name.lower() == "define.xml"
        ),
    ]
    return read_define_file(places[0]) if places else None


def _define_beside(sources: Sequence[Path]) -> DefineFile | None:
    """Return the define.xml beside a single file: by its word the same versions hold as for the folder."""
    beside = (source.parent / "define.xml" for source in sources if source.is_file())
    found = next((path for path in beside if path.is_file()), None)
    return read_define_file(found) if found else None


def read_define_file(path: Path) -> DefineFile:
    """Return a define.xml as a tree with its version; entities and the network are never followed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "define.xml")
        ...     _ = path.write_text("<ODM xmlns:def='http://www.cdisc.org/ns/def/v2.1'/>")
        ...     read_define_file(path).version
        '2.1'
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return DefineFile(path, "", None)
    spaces = {space for element in root.iter("{*}*") for space in element.nsmap.values()}
    return DefineFile(path, next((name for uri, name in _DEFINE_VERSIONS.items() if uri in spaces), ""), root)


def _standards(define: DefineFile | None, ts: Frame | None, wanted: Wanted) -> Standards:
    """Return the versions that hold: the user's word, then define.xml's, then that of TS."""
    of_define = _of_define(define)
    of_ts = _of_ts(ts)
    ig, ig_by = _first((wanted.ig, _GIVEN), (of_define[0], _DEFINE), (of_ts[0], _TS))
    ct, ct_by = _first((wanted.ct, _GIVEN), (of_define[1], _DEFINE), (of_ts[1], _TS))
    if not ct and (not ig or ig in IG_VERSIONS):
        ct, ct_by = DEFAULT_CT, _ASSUMED
    if not ig and not of_define[0]:
        ig, ig_by = IG_VERSIONS[-1], _ASSUMED
    guide = ("", ig) if " " in ig else ("SDTMIG ", ig)
    said = f"{_said(''.join(guide), ig_by)}, {_said(f'terminology {ct}'.strip(), ct_by)}"
    return Standards(ig, ct, said, named=ig_by != _ASSUMED)


def _said(what: str, by: str) -> str:
    return f"{what} (by {by})" if by else f"{what.strip()} named by nothing"


def _first(*said: tuple[str, str]) -> tuple[str, str]:
    return next((one for one in said if one[0]), ("", ""))


def _of_define(define: DefineFile | None) -> tuple[str, str]:
    """Return the version of SDTMIG and the release of terminology that a define.xml names."""
    if define is None or define.root is None:
        return "", ""
    ig, ct = "", ""
    for one in define.root.iterfind(".//{*}MetaDataVersion"):
        names = {etree.QName(name).localname: str(value) for name, value in one.attrib.items()}
        if "StandardVersion" in names:
            ig = _guide(names.get("StandardName", "SDTM"), names["StandardVersion"])
    for one in define.root.iterfind(".//{*}Standard"):
        if one.get("Type") == "IG" and not ig:
            ig = _guide(one.get("Name", ""), one.get("Version", ""))
        elif one.get("Type") == "CT" and one.get("PublishingSet") == "SDTM":
            ct = max(ct, one.get("Version", ""))
    return ig, ct


def _of_ts(ts: Frame | None) -> tuple[str, str]:
    """Return the version of SDTMIG and the release of terminology that TS names."""
    if ts is None or not (ts.has("TSPARMCD") and ts.has("TSVAL")):
        return "", ""
    codes = ts.text("TSPARMCD").to_pylist()
    values = dict(zip(codes, ts.text("TSVAL").to_pylist(), strict=True))
    releases: list[str] = []
    if ts.has("TSVCDREF") and ts.has("TSVCDVER"):
        mask = pc.equal(ts.text("TSVCDREF"), "CDISC")
        releases = pc.unique(ts.text("TSVCDVER").filter(mask)).drop_null().to_pylist()
    send = _LAST_WORD.search(str(values.get("SNDIGVER") or ""))
    guide = str(values.get("SDTIGVER") or "") or (f"SENDIG {send[0]}" if send else "")
    return guide, max(releases, default="")


_LAST_WORD = re.compile(r"\S+$")
"""SEND gives its version in words: SEND Implementation Guide Version 3.1."""


def _guide(name: str, version: str) -> str:
    """Return an implementation guide: of SDTM by its version alone, any other with its name."""
    return version if "SDTM" in name else f"{name} {version}".strip()


def with_findings(package: Package, findings: Sequence[Finding], without: Mapping[str, str]) -> Package:
    """Return the package with what other checks have found, and why some were not made."""
    return replace(package, findings=[*package.findings, *findings], without={**package.without, **without})
