"""The submission package: datasets, their description and the guide, where a regulator looks for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from trialbridge.converters.contents import Contents, contents
from trialbridge.converters.feeds import Shapes, coded_variables, feeds, read_shapes
from trialbridge.converters.guide import Facts, Grid, Section, guide, read_findings, read_rules
from trialbridge.converters.manifest import manifest_of, sha256_of
from trialbridge.converters.mapping_document import mapping_document
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.split_xpt import split_xpt
from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.converters.write_guide import write_docx
from trialbridge.converters.write_mapping import write_mapping_html, write_mapping_xlsx
from trialbridge.converters.write_pdf import write_pdf
from trialbridge.converters.write_run import moment
from trialbridge.dispositions import NO_DISPOSITIONS, Dispositions, dispositions_beside, read_dispositions
from trialbridge.errors import ConfigurationError, ReadError
from trialbridge.model import Dataset

HASHES = "manifest-sha256.txt"
"""Every file of the package with its digest, in the form that ``sha256sum --check`` reads."""

LIMIT = 5 * 10**9
"""Bytes of a transport file from which it is split, too."""

DESCRIPTIONS = ("define.xml", "define2-1.xsl", "define.html")
DESIGN = ("TA", "TV")
"""The datasets of the trial's design that the guide shows."""

CRF = {"acrf.pdf": "Annotated Case Report Form"}
GUIDE = {"csdrg.pdf": "Reviewer's Guide"}
MAPPING = {"mapping.html": "Annotated mapping", "mapping.xlsx": "Annotated mapping, as a workbook"}
"""The documents of a package: file -> title."""

Describe = Callable[[Path, Mapping[str, str], Mapping[str, str]], object]
"""Names documents in the define.xml of a folder: the annotated CRF, and what supplements the define.xml."""

Judge = Callable[[Path, Dispositions], ValidationSummary]
"""Returns what the rules of conformance find in a folder, with what people have said of findings."""


@dataclass(frozen=True)
class Packaging:
    """How a package is made.

    Attributes:
        source: A run folder, or a folder of datasets with their define.xml.
        target: The folder that will hold ``m5``.
        study: Name of the study's folder; STUDYID without it.
        limit: Bytes of a transport file from which it is split, too.
        dispositions: A file of dispositions, instead of that beside the datasets or in the run's folder.
        dataset_json: Whether the Dataset-JSON of the run goes along.
    """

    source: Path
    target: Path
    study: str = ""
    limit: int = LIMIT
    dispositions: Path | None = None
    dataset_json: bool = False

    @property
    def inside(self) -> Path:
        """The folder of the transport files."""
        return self.source / "sdtm" if (self.source / "sdtm").is_dir() else self.source

    def transport_files(self) -> list[Path]:
        """Return the transport files, in the order of the datasets."""
        found = (path for path in self.inside.iterdir() if path.suffix.lower() == ".xpt")
        return sorted(found, key=lambda path: path.stem.upper())


def package(order: Packaging, describe: Describe | None = None, judge: Judge | None = None) -> list[Path]:
    """Write a package, and return its files; no dataset is ever in memory as a whole.

    Args:
        order: How.
        describe: Names the documents of the package in its define.xml. It is not asked where no run made the
            define.xml: what a sponsor wrote is not touched.
        judge: Says what the rules of conformance find in the package, for the guide to explain.

    Raises:
        ConfigurationError: The target holds files already, or the dispositions cannot be read.
        ReadError: There are no datasets, or there is no define.xml.
    """
    _check(order)
    dispositions = _dispositions(order)
    rules, shapes = read_rules(order.source), read_shapes(order.source)
    found = _counted(order, coded_variables(rules), shapes)
    run = manifest_of(order.source)
    study = order.study or min((one for some in found for one in some.studies), default="study")
    created = datetime.fromisoformat(run.created) if run else moment((), max(one.latest for one in found))
    folder = order.target / "m5" / "datasets" / study.lower() / "tabulations" / "sdtm"
    split = _copied(order, folder, created)
    ways = feeds(found, order.source, rules)
    facts = Facts(
        study, run.title if run else "", found, _design(order), split, run, read_findings(order.source),
        dispositions, None, ways,
    )  # fmt: skip
    if run:
        document = mapping_document(run, order.source, found, ways, shapes)
        write_mapping_html(document, folder / "mapping.html")
        write_mapping_xlsx(document, folder / "mapping.xlsx", created=created)
    if run and describe:
        describe(folder, CRF, {**GUIDE, **MAPPING})
    _write_guide(replace(facts, validated=judge(folder, dispositions) if judge else None), folder, created)
    return _hashed(order.target)


def _check(order: Packaging) -> None:
    if not (order.inside / "define.xml").is_file():
        raise ReadError(str(order.inside), "there is no define.xml: a package is not made without one")
    if not order.transport_files():
        raise ReadError(str(order.inside), "there is no transport file (.xpt)")
    if order.dataset_json and not (order.source / "json").is_dir():
        raise ConfigurationError("--dataset-json", "the run has none: convert with --format xpt,dataset-json")
    if order.target.exists() and any(order.target.iterdir()):
        raise ConfigurationError(str(order.target), "is there already and holds files")


def _dispositions(order: Packaging) -> Dispositions:
    found = order.dispositions or dispositions_beside([order.inside])
    return read_dispositions(found) if found else NO_DISPOSITIONS


def _counted(
    order: Packaging, coded: Mapping[str, Sequence[tuple[str, ...]]], shapes: Shapes
) -> list[Contents]:
    """Return what is in each dataset; of a run, by where its records came from."""
    return [
        contents(path, shapes.numbers.get(name), coded.get(name, ()), qualifiers=bool(shapes.numbers))
        for path in order.transport_files()
        for name in (path.stem.upper(),)
    ]


def _copied(order: Packaging, folder: Path, created: datetime) -> dict[str, list[str]]:
    """Copy what goes into the package as it is, and return the parts of the datasets that are too large."""
    folder.mkdir(parents=True)
    split = {}
    for path in order.transport_files():
        shutil.copyfile(path, folder / path.name.lower())
        if path.stat().st_size > order.limit:
            (folder / "split").mkdir(exist_ok=True)
            split[path.stem.upper()] = split_xpt(path, folder / "split", order.limit, created)
    for name in DESCRIPTIONS:
        if (order.inside / name).is_file():
            shutil.copyfile(order.inside / name, folder / name)
    if order.dataset_json:
        shutil.copytree(order.source / "json", folder.parent / "json")
    return split


def _design(order: Packaging) -> list[Dataset]:
    return [read_xpt(path) for path in order.transport_files() if path.stem.upper() in DESIGN]


def _write_guide(facts: Facts, folder: Path, created: datetime) -> None:
    title = f"Clinical Study Data Reviewer's Guide: {facts.study} (draft)"
    sections = guide(facts)
    write_docx(title, sections, folder / "csdrg.docx", created=created)
    write_pdf(title, sections, folder / "csdrg.pdf")
    write_pdf(f"Annotated CRF: {facts.study}", tuple(_crf(facts)), folder / "acrf.pdf")


STATEMENT = (
    "The data of this study were received as FHIR resources from electronic health records, laboratories "
    "and questionnaires that subjects or investigators answered. There is no case report form with a page "
    "for each variable. The define.xml gives the origin of each, and the annotated mapping the element that "
    "feeds it."
)


def _crf(facts: Facts) -> Iterator[Section]:
    yield Section(1, "Statement", (STATEMENT,))
    rows = sorted(
        (dataset.name, *row, f"{count:,}")
        for dataset in facts.datasets
        for group, counts in dataset.combinations.items()
        if group == tuple(f"{dataset.name}{one}" for one in ("CAT", "TESTCD", "TEST"))
        and dataset.name in INSTRUMENTS
        for row, count in counts.items()
    )
    if rows:
        head = ("Dataset", "Instrument", "Item", "Name of the item", "Records")
        yield Section(1, "Questionnaires and instruments", (Grid(head, tuple(rows)),))


INSTRUMENTS = frozenset({"QS", "RS", "FT"})
"""The datasets whose records are answers to the items of an instrument."""


def _hashed(target: Path) -> list[Path]:
    files = sorted(path for path in target.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(target).as_posix()}\n" for path in files]
    (target / HASHES).write_text("".join(lines), encoding="utf-8", newline="\n")
    return [*files, target / HASHES]
