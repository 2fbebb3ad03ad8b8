"""What a new release of terminology changes for a study: exactly the terms that it uses, no others."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path

import pyarrow as pa
import pyreadstat
import pytest
from lxml import etree

from trialbridge.cli import main
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.model import Dataset, Variable

HBI, PREFERRED = "HBI01-Complication: ", "HBI - Complication: "
OLD, NEW = "2025-03-28", "2026-03-27"
Key = tuple[str, str]


def terms(shared: Path, date: str) -> dict[Key, dict[str, str]]:
    with gzip.open(shared / "standards" / f"sdtm_ct_{date}.csv.gz", "rt", encoding="utf-8-sig") as file:
        return {(row["codelist_code"], row["term_code"]): row for row in csv.DictReader(file)}


def governed(shared: Path) -> dict[str, set[str]]:
    """Return variable -> codelists, as SDTMIG was published."""
    with (shared / "standards" / "sdtmig34_variables.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {row["Variable Name"]: set(row["CDISC CT Codelist Code(s)"].split("; ")) for row in rows}


def used(shared: Path, folder: Path) -> Iterator[Key]:
    """Yield codelist and value of everything that lies in the files or stands in the define."""
    codelists = governed(shared)
    for path in folder.glob("*.xpt"):
        frame, _ = pyreadstat.read_xport(path)
        for name in frame.columns:
            for value in frame[name].dropna().unique():
                yield from ((code, value) for code in codelists.get(name, ()))
    for one in etree.parse(folder / "define.xml").iterfind(".//{*}CodeList"):
        for alias in one.iterfind("{*}Alias"):
            for item in one.iterfind("*[@CodedValue]"):
                yield alias.get("Name", ""), item.get("CodedValue", "")


def expected(shared: Path, values: set[Key]) -> set[Key]:
    """Return the terms that differ between the published tables and of which either value is used."""
    old, new = terms(shared, OLD), terms(shared, NEW)
    columns = ("submission_value", "synonyms", "preferred_term")
    differ = {
        key
        for key in old.keys() | new.keys()
        if key not in old or key not in new or any(old[key][one] != new[key][one] for one in columns)
    }
    assert len(differ) > 1000
    sides = {key: {side[key]["submission_value"] for side in (old, new) if key in side} for key in differ}
    return {key for key, names in sides.items() if any((key[0], name) in values for name in names)}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    capsys.readouterr()
    code = main(["terminology", "diff", *arguments, "--json"])
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    assert code == (1 if found else 0)
    return found


@pytest.fixture(scope="module", params=[OLD, NEW])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of the shipped sample under one of the releases."""
    out = tmp_path_factory.mktemp("run") / request.param
    with as_file(files("trialbridge.samples") / "nct06737380") as sample:
        settings = ["--config", str(sample / "study.toml"), "--ct", request.param, "--out", str(out)]
        main(["convert", str(sample / "resources.zip"), *settings])
    assert (out / "sdtm" / "define.xml").is_file()
    return out


def test_the_sample_is_told_exactly_the_terms_that_changed(
    run: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = set(used(shared, run / "sdtm"))
    assert len(values) > 200
    found = printed(capsys, OLD, NEW, "--run", str(run))
    assert {(change["codelist"], change["code"]) for change in found} == expected(shared, values)
    assert printed(capsys, OLD, NEW, "--run", str(run / "sdtm")) == found


def study_with(folder: Path, **columns: list[str]) -> None:
    """Write one dataset for each domain of the columns."""
    for domain in {name[:2] for name in columns}:
        own = {name: values for name, values in columns.items() if name[:2] == domain}
        variables = tuple(Variable(name, name) for name in own)
        dataset = Dataset(domain, domain, variables, pa.table(own))
        write_xpt(dataset, folder / f"{domain.lower()}.xpt", created=datetime(2026, 1, 1))  # noqa: DTZ001 -- a header


def test_a_study_with_changed_terms_is_told_each_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study_with(
        tmp_path,
        LBTESTCD=["MYPCERPC", "PEPSNGA", "TNFSR2", "GLUC"],
        LBTEST=["Myeloid/Erythroid Ratio", "Pepsinogen A", "Soluble TNF Receptor Type II", "Glucose"],
        RSTEST=["HBI01-Complication: Anal Fistula"],
        EXROUTE=["TRANSFORAMINAL"],
        EXDOSFRQ=["QAM"],
    )
    found = {
        (change["kind"], change["codelist_value"], change["old"], change["new"]): change["successors"]
        for change in printed(capsys, OLD, NEW, "--run", str(tmp_path))
    }
    moved = "MITSCD: MYPCERPC; MITS: Myeloid/Erythroid Ratio"
    assert found == {
        ("term removed", "LBTESTCD", "MYPCERPC", ""): moved,
        ("term removed", "LBTEST", "Myeloid/Erythroid Ratio", ""): moved,
        ("term removed", "LBTESTCD", "PEPSNGA", ""): "",
        ("term removed", "LBTEST", "Pepsinogen A", ""): "",
        ("term renamed", "LBTESTCD", "TNFSR2", "TNFR1BS"): "",
        ("term renamed", "LBTEST", "Soluble TNF Receptor Type II", "Soluble TNF Receptor 1B"): "",
        (
            "term renamed",
            "HBI01TN",
            "HBI01-Complication: Anal Fistula",
            "HBI01-Complication: Anal Fissures",
        ): "",
        ("preferred term changed", "HBI01TN", f"{PREFERRED}Anal Fistula", f"{PREFERRED}Anal Fissures"): "",
        ("term added", "ROUTE", "", "TRANSFORAMINAL"): "",
        ("preferred term changed", "FREQ", "Every Morning", "QAM"): "",
    }


def test_without_a_study_every_change_is_told(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, OLD, NEW)
    everything = terms(shared, OLD).keys() | terms(shared, NEW).keys()
    values = {
        (code, row["submission_value"])
        for date in (OLD, NEW)
        for (code, _), row in terms(shared, date).items()
    }
    wanted = expected(shared, values)
    told = {(change["codelist"], change["code"]) for change in found if change["code"]}
    recoded = {(change["codelist"], change["new"]) for change in found if change["kind"] == "term recoded"}
    assert told | recoded == wanted <= everything


def test_nothing_changes_from_a_release_to_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, NEW, NEW) == []
    assert main(["terminology", "diff", OLD, NEW, "--run", str(tmp_path)]) == 3
    assert "holds no dataset" in capsys.readouterr().err
    assert main(["terminology", "diff", OLD, "2030-01-01"]) == 3
