"""Damaged files: none may crash the validation, hang it, or have it read a file from outside."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from datetime import datetime
from multiprocessing.pool import Pool
from pathlib import Path

import fuzz_validation
import pytest

from trialbridge.converters.dataset_json_format import DatasetJsonMetadata
from trialbridge.converters.write_dataset_json import write_dataset_json
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.write import write_define

sys.path.insert(0, str(Path(__file__).parent))
from clean_package import dataset, tables

CREATED = datetime(2020, 1, 1)  # noqa: DTZ001 -- a header has no zone
INPUTS = 200
SEED = 2026
STF = """<?xml version="1.0"?><ectd:study xmlns:ectd="http://www.ich.org/ectd"
 xmlns:xlink="http://www.w3c.org/1999/xlink"><study-identifier><title>A</title><study-id>LK-1</study-id>
</study-identifier><study-document><doc-content xlink:href="index.xml#dm"><file-tag
 name="data-tabulation-dataset-sdtm"/></doc-content></study-document></ectd:study>"""
INDEX = """<?xml version="1.0"?><ectd:ectd xmlns:ectd="http://www.ich.org/ectd"
 xmlns:xlink="http://www.w3c.org/1999/xlink"><leaf ID="dm" xlink:href="m5/dm.xpt"/></ectd:ectd>"""


@pytest.fixture(scope="module")
def alone() -> Iterator[Pool]:
    """Return a process of its own: its memory is what the validation takes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small file of each kind."""
    folder = tmp_path_factory.mktemp("sound")
    made = tables()
    datasets = [dataset(name, made[name]) for name in ("DM", "AE", "TS", "SUPPAE", "CM", "LB")]
    for one in datasets[:4]:
        write_xpt(one, folder / f"{one.name.lower()}.xpt", created=CREATED)
    write_dataset_json(datasets[4], folder / "cm.json", metadata=DatasetJsonMetadata(CREATED))
    write_dataset_json(datasets[5], folder / "lb.ndjson", metadata=DatasetJsonMetadata(CREATED))
    write_define(build_define(StudyDescription("LK-1", "A", "P1", CREATED), datasets), folder / "define.xml")
    (folder / "stf.xml").write_text(STF)
    (folder / "index.xml").write_text(INDEX)
    (folder / "ex.csv").write_text("STUDYID,DOMAIN,USUBJID,EXSEQ,EXTRT\nLK-1,EX,LK-1-001,1,Drug\n")
    return folder


def test_no_damaged_file_stops_the_validation(alone: Pool, sound: Path) -> None:
    files = fuzz_validation.sound_files(sound)
    assert {path.suffix for path in files} == set(fuzz_validation.DAMAGES)
    failures, _ = alone.apply(fuzz_validation.try_slice, (range(INPUTS), SEED, files))
    assert failures == []


def test_the_same_number_is_the_same_damage(sound: Path) -> None:
    files = fuzz_validation.sound_files(sound)
    made = [fuzz_validation.damaged(number, SEED, files) for number in range(20)]
    assert made == [fuzz_validation.damaged(number, SEED, files) for number in range(20)]
    assert sum(data != path.read_bytes() for path, data in made) > 15


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("define.xml", b'<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3"><Study OID="&j;">&j;</Study></ODM>'),
        ("stf.xml", b"<study><study-id>&j;</study-id></study>"),
    ],
)
@pytest.mark.parametrize("entities", ["BOMB", "OUTSIDE"])
def test_an_entity_is_neither_expanded_nor_fetched(
    alone: Pool, sound: Path, tmp_path: Path, name: str, content: bytes, entities: str
) -> None:
    for path in fuzz_validation.sound_files(sound):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes(getattr(fuzz_validation, entities) + b"]>" + content)
    assert alone.apply(fuzz_validation.problem_of, (tmp_path,)) == ""
