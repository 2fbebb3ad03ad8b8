"""The CDISC pilot's transport files as datasets, with what the standard says of their variables."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyreadstat
import pytest

from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables, keys

PILOT = ("dm", "ae", "lbch", "vs", "qsda", "ex", "suppae", "suppdm")
PARENTS = {"lbch": "LB", "qsda": "QS"}
FLAG = ("C66742",)


@pytest.fixture(scope="session")
def study() -> StudyDescription:
    return StudyDescription(
        study_name="CDISCPILOT01",
        description="Safety and efficacy of xanomeline in mild to moderate Alzheimer's disease",
        protocol_name="H2Q-MC-LZZT(c)",
        created=datetime(2026, 3, 27, 12, 0, 0),  # noqa: DTZ001 - CreationDateTime has no zone
        source_system_version="0.1.0",
        dictionaries={"MedDRA": "8.0"},
    )


@pytest.fixture(scope="session")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, ...]:
    folder = tmp_path_factory.mktemp("pilot")
    with zipfile.ZipFile(shared / "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip") as archive:
        for name in PILOT:
            (folder / f"{name}.xpt").write_bytes(archive.read(f"SDTM/{name}.xpt"))
    return tuple(pilot_dataset(folder / f"{name}.xpt") for name in PILOT)


@pytest.fixture(scope="session")
def pilot_define(study: StudyDescription, pilot: tuple[Dataset, ...]) -> Define:
    return build_define(study, pilot)


def pilot_dataset(path: Path) -> Dataset:
    """Return a transport file as a dataset; its variables as SDTMIG 3.4 describes them."""
    frame, meta = pyreadstat.read_xport(path, encoding="cp1252")
    domain = PARENTS.get(path.stem, path.stem.upper())
    facts = ig_datasets()["SUPPQUAL" if domain.startswith("SUPP") else domain]
    known = {item.name: item for item in ig_variables(domain)}
    variables = []
    for name in frame.columns:
        is_text = meta.readstat_variable_types[name] == "string"
        variable = Variable(name, meta.column_names_to_labels[name] or "", "Char" if is_text else "Num")
        variables.append(_described(variable, known.get(name)))
    arrays = [_array(frame[variable.name], variable) for variable in variables]
    return Dataset(
        name=path.stem.upper(),
        label=facts.label.replace("[domain name]", path.stem.upper()[4:]),
        variables=tuple(variables),
        table=pa.table(arrays, names=list(frame.columns)),
        observation_class=facts.observation_class,
        structure=facts.structure,
        keys=tuple(name for name in keys(domain) if name in frame.columns),
    )


def _described(variable: Variable, facts: Any) -> Variable:
    derived = variable.name.endswith(("DY", "SEQ", "BLFL", "STRESN", "AGE"))
    variable = replace(
        variable,
        origin="Derived" if derived else "Collected",
        source="Sponsor" if derived else "Vendor",
        method="As the analysis plan says."
        if derived or variable.name in {"QVAL", "QSORRES", "QSSTRESC"}
        else "",
    )
    if facts is None:
        return variable
    codelists = facts.codelists or ((facts.described_domain,) if facts.described_domain == "MedDRA" else ())
    return replace(variable, role=facts.role, core=facts.core, codelists=codelists)


def _array(column: Any, variable: Variable) -> pa.Array:
    if variable.type == "Num":
        return pa.array(column, pa.float64(), from_pandas=True)
    return pa.array([value or None for value in column], pa.string())


@pytest.fixture
def small() -> Callable[..., Dataset]:
    return small_dataset


def small_dataset(name: str = "LB", **columns: list[Any]) -> Dataset:
    """Return a small dataset; a column of text is Char, any other Num."""
    variables = tuple(
        Variable(
            key,
            f"Label of {key}",
            "Char" if any(isinstance(value, str) for value in values) else "Num",
            core="Req",
            origin="Assigned",
            source="Sponsor",
        )
        for key, values in columns.items()
    )
    arrays = [
        pa.array(values, pa.string() if variable.type == "Char" else pa.float64())
        for variable, values in zip(variables, columns.values(), strict=True)
    ]
    return Dataset(
        name=name,
        label=f"Label of {name}",
        variables=variables,
        table=pa.table(arrays, names=list(columns)),
        observation_class="FINDINGS",
        structure="One record per test",
        keys=(next(iter(columns)),),
    )
