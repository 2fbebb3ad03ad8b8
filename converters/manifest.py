"""The manifest of a run: what went in and what came out, with hashes, versions and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from trialbridge.conversion import Conversion
from trialbridge.design import Design, design_of, rows_of
from trialbridge.errors import ReadError
from trialbridge.standards import package_of
from trialbridge.study import Study

FORMAT = "trialbridge run"
FORMAT_VERSION = 1
MANIFEST = "run/manifest.json"
INPUTS = "run/inputs.json"
"""Where the inputs lay; the one file that depends on the place of a run and not on its content."""

SOFTWARE = (
    "trialbridge", "defineutils", "jinja2", "lxml", "msgspec", "numpy", "openpyxl", "pyarrow", "pyreadstat",
    "xlsxwriter",
)  # fmt: skip
_BLOCK = 2**20


@dataclass(frozen=True)
class File:
    """One file that was read or written."""

    name: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True)
class TestUse:
    """One test of a run.

    Attributes:
        domain: Its domain.
        testcd: --TESTCD.
        basis: By whose word: ``study``, ``decision``, ``cdisc-file``, ``crosswalk`` or ``nci``.
        loinc: The LOINC code that it was read from; empty for none.
        records: How many records.
    """

    domain: str
    testcd: str
    basis: str
    loinc: str
    records: int


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` holds.

    Attributes:
        format: `FORMAT`, by which a run folder is known.
        format_version: Grows when a reader of old folders would go wrong.
        created: The moment in the headers of all files.
        study: STUDYID.
        title: Title of the study.
        settings: Every setting of the study, as `Study` has them.
        overrides: The settings that change what the data would give by itself.
        standards: Standard -> version.
        software: Package -> version.
        ledger: Status -> number of resources.
        records: Dataset -> number of records.
        inputs: The files that were read.
        outputs: The files that were written, without this one and `INPUTS`.
        terminology: The imported package of terminology and the ConceptMaps that the run used; none where it
            used what is shipped.
        tests: The tests that the run used, and by whose word each is that test.
        earlier: SHA-256 of the manifest of the earlier cut whose --SEQ was kept; empty for none.
    """

    format: str
    format_version: int
    created: str
    study: str
    title: str
    settings: Mapping[str, Any]
    overrides: tuple[tuple[str, str], ...]
    standards: Mapping[str, str]
    software: Mapping[str, str]
    ledger: Mapping[str, int]
    records: Mapping[str, int]
    inputs: tuple[File, ...]
    outputs: tuple[File, ...]
    terminology: tuple[File, ...] = ()
    tests: tuple[TestUse, ...] = ()
    earlier: str = ""


def manifest(
    conversion: Conversion, folder: Path, names: Iterable[str], created: datetime, ledger: Mapping[str, int]
) -> Manifest:
    """Return the manifest of a run.

    Args:
        conversion: The run.
        folder: Where its files are.
        names: Their names in it.
        created: The moment in their headers.
        ledger: Status -> number of resources.
    """
    study = conversion.study
    return Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        created=created.isoformat(),
        study=study.id,
        title=study.title,
        settings=settings_of(study),
        overrides=tuple(study.overrides()),
        standards={
            "SDTMIG": study.sdtmig,
            "SDTM CT": str(study.ct),
            "Define-XML": "2.1",
            "SAS XPT": "5",
            "Dataset-JSON": "1.1",
        },
        software=software_versions(),
        ledger=dict(ledger),
        records={dataset.name: dataset.table.num_rows for dataset in conversion.datasets},
        inputs=tuple(File(name, sha256) for name, sha256 in sorted(conversion.inputs.items())),
        outputs=tuple(_file(folder, name) for name in sorted(names)),
        terminology=_packages(study),
        tests=tuple(TestUse(*used, count) for used, count in sorted(conversion.tests.items())),
        earlier=conversion.earlier,
    )


def software_versions() -> dict[str, str]:
    """Return the version of this package, and of what it builds on."""
    return {name: version(name) for name in SOFTWARE}


def settings_of(study: Study) -> dict[str, Any]:
    """Return the settings of a study as plain values, in a fixed order; of its file only the name.

    Example:
        >>> settings_of(Study(id="S1", products=frozenset({"b", "a"})))["products"]
        ['a', 'b']
    """
    placeless = replace(
        study,
        ct=str(study.ct),
        loinc=study.loinc.without_place(),
        dictionaries=study.dictionaries.without_place(),
    )
    plain: dict[str, Any] = msgspec.to_builtins(placeless, enc_hook=lambda table: table.to_pylist())
    return plain | {
        "design": rows_of(study.design),
        "products": sorted(study.products),
        "found_products": sorted(study.found_products),
        "source": PurePosixPath(study.source.replace("\\", "/")).name,
        "terminology": PurePosixPath(study.terminology.replace("\\", "/")).name,
    }


def study_of(found: Manifest) -> Study:
    """Return the study of a manifest, with its settings.

    Example:
        >>> from dataclasses import replace
        >>> study = Study(id="S1", units="conventional")
        >>> found = Manifest(FORMAT, 1, "", "S1", "", settings_of(study), (), {}, {}, {}, {}, (), ())
        >>> study_of(found) == study
        True
    """
    settings = dict(found.settings)
    design = design_of(settings.pop("design", rows_of(Design())))
    return replace(msgspec.convert(settings, Study), design=design)


def manifest_of(folder: Path) -> Manifest | None:
    """Return the manifest of a run folder; none where the folder is no run."""
    try:
        return read_manifest(folder)
    except ReadError:
        return None


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a run folder.

    Raises:
        ReadError: The folder has none, or none that this version understands.
    """
    source = folder / MANIFEST
    try:
        found = msgspec.json.decode(source.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise ReadError(str(folder), f"is no run folder: it has no {MANIFEST}") from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(str(source), f"cannot be read as the manifest of a run: {error}") from error
    if found.format != FORMAT or found.format_version > FORMAT_VERSION:
        raise ReadError(
            str(source),
            f"is {found.format} {found.format_version}; this version reads {FORMAT} {FORMAT_VERSION}",
        )
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a").write_bytes(b"")
        ...     print(sha256_of(Path(folder, "a"))[:8])
        e3b0c442
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _packages(study: Study) -> tuple[File, ...]:
    package = package_of(study.ct)
    maps = tuple(File(name, sha256) for name, sha256 in study.concept_maps.files)
    return maps if package is None else (_file(package.parent, package.name), *maps)


def _file(folder: Path, name: str) -> File:
    path = folder / name
    return File(name, sha256_of(path), path.stat().st_size)
