"""The packages of the samples: what our rules and CDISC's find is explained, by the file of dispositions."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from trialbridge.cli import main
from trialbridge.commands.under_rules import published_rules, under_rules, with_define
from trialbridge.converters.guide import TO_WRITE
from trialbridge.converters.validate import Wanted, read_package
from trialbridge.converters.validation_summary import ValidationSummary, summarise_validation
from trialbridge.dispositions import read_dispositions
from trialbridge.samples import generate

FIRST, *OTHERS = generate.TRIALS
SAMPLES = Path(__file__).parents[1] / "samples"
RULES = "standards/core_rules_2026-08.json.gz"


def packaged(run: Path, target: Path, said: Path, published: Path, *options: str) -> ValidationSummary:
    """Return what the rules find in the package of a run, with what is said of it."""
    assert main(["package", str(run), "--out", str(target), "--dispositions", str(said), *options]) == 0
    folder = next(target.rglob("define.xml")).parent
    package = with_define(read_package([folder], Wanted()), "")
    validation = under_rules(package, "", published_rules(published))
    return summarise_validation(package, validation, [folder], dispositions=read_dispositions(said))


def unexplained(found: ValidationSummary) -> list[str]:
    """Return the errors and warnings of which nobody has said why they stay."""
    return [
        f"{one.rule.id} {one.dataset} {dict(one.cause)} {one.count}"
        for one in found.clusters
        if found.weighs(one)
    ]


def text_of(target: Path) -> str:
    """Return the text of a reviewer's guide between the sections on conformance and on traceability."""
    docx = pytest.importorskip("docx")
    (path,) = target.rglob("csdrg.docx")
    assert zipfile.is_zipfile(path)
    document = docx.Document(io.BytesIO(path.read_bytes()))
    tables = [table for table in document.tables if table.rows[0].cells[-1].text == "Explanation"]
    assert len(tables) == 2
    return "\n".join(cell.text for table in tables for row in table.rows for cell in row.cells)


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_every_finding_in_the_first_sample_is_explained(release: str, tmp_path: Path, shared: Path) -> None:
    said = SAMPLES / FIRST.lower() / "dispositions.toml"
    if release == "R4":
        assert main(["demo", "--trial", FIRST, "--out", str(tmp_path)]) == 0
        assert (tmp_path / "output" / said.name).read_bytes() == said.read_bytes()
    else:
        generate.write_sample(tmp_path / "input", generate.TRIALS[FIRST], "R5")
        inputs = [str(tmp_path / "input" / name) for name in (generate.PACKAGE, generate.BAD_RECORDS)]
        settings = ["--config", str(tmp_path / "input" / generate.SETTINGS)]
        main(["convert", *inputs, *settings, "--out", str(tmp_path / "output")])
    under = ("--core-rules", str(shared / RULES)) if release == "R4" else ()
    found = packaged(tmp_path / "output", tmp_path / "package", said, shared / RULES, *under)
    assert not unexplained(found)
    assert TO_WRITE not in text_of(tmp_path / "package")
    assert sum(found.statuses().values()) > 1000


@pytest.mark.parametrize("trial", OTHERS)
def test_every_finding_in_the_other_samples_is_explained(trial: str, tmp_path: Path, shared: Path) -> None:
    assert main(["demo", "--trial", trial, "--out", str(tmp_path)]) == 0
    said = SAMPLES / trial.lower() / "dispositions.toml"
    assert not unexplained(packaged(tmp_path / "output", tmp_path / "p", said, shared / RULES))
