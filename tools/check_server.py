"""Give a FHIR server what a package of SDTM becomes, fetch it again, and compare every cell that comes back.

Run ``python tools/check_server.py http://127.0.0.1:8080/fhir PACKAGE... [--subjects N] [--twice]``. A package
is a folder of SDTM, or the name of a shipped sample. A second time has to update, and double nothing. Exit
code 1 where the server refuses a resource, gives back fewer, or a cell differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.compare_datasets import Difference, compare
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.fetch import Fetched, fetch
from trialbridge.converters.fetch_client import Server
from trialbridge.converters.fetch_folder import Asked
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_fhir import STUDY, FhirFolder
from trialbridge.elements import Version
from trialbridge.model import Dataset
from trialbridge.study import read_study


def sample(name: str) -> list[Dataset]:
    """Return the datasets of a shipped sample."""
    with as_file(files("trialbridge.samples") / name) as folder:
        found = to_sdtm([folder / "resources.zip"], read_study(folder / "study.toml"))
    return list(found.datasets)


def of_subjects(datasets: Sequence[Dataset], count: int) -> list[Dataset]:
    """Return the records of the first subjects, and those that are of nobody."""
    dm = next(one for one in datasets if one.name == "DM")
    names = pa.array(dm.table["USUBJID"].to_pylist()[:count])
    return [_cut(one, names) for one in datasets]


def _cut(dataset: Dataset, names: pa.Array) -> Dataset:
    if "USUBJID" not in dataset.table.column_names:
        return dataset
    whose = dataset.table["USUBJID"].combine_chunks()
    kept = pc.or_(whose.is_null(), pc.is_in(whose, names))
    missing = {name: column.filter(kept) for name, column in dataset.missing.items()}
    return replace(dataset, table=dataset.table.filter(kept), missing=missing)


def bundles(datasets: Sequence[Dataset], folder: Path, release: Version = "R4") -> list[Path]:
    """Return the files of the transactions, that of the study first."""
    folder.mkdir(parents=True)
    with FhirFolder(folder, "bundle") as target:
        for lines in DatasetsToFhir(datasets, release):
            target.write(lines)
    return sorted(folder.glob("*.json"), key=lambda path: (path.stem != STUDY, path.name))


def resources(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield the resources of transactions."""
    for path in paths:
        for entry in json.loads(path.read_bytes())["entry"]:
            yield entry["resource"]


def post(base: str, paths: Sequence[Path]) -> list[str]:
    """Give transactions to a server, and return what it says of the resources that it refuses."""
    refused = []
    for path in paths:
        headers = {"Content-Type": "application/fhir+json"}
        request = urllib.request.Request(base, path.read_bytes(), headers)  # noqa: S310 -- it is http
        with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310 -- it is http
            answers = [entry["response"] for entry in json.load(response)["entry"]]
        refused += [json.dumps(one) for one in answers if one["status"][:3] not in {"200", "201"}]
    return refused


def read_back(base: str, paths: Sequence[Path], out: Path, page: int = 200) -> Fetched:
    """Search for the types of what was given, page by page, and keep of it what was given."""
    kinds = tuple(sorted({one["resourceType"] for one in resources(paths)}))
    server = Server(base)
    try:
        found = fetch(Asked(base, types=kinds, count=page), out, server)
    finally:
        server.close()
    ours = {(one["resourceType"], one["id"]) for one in resources(paths)}
    for path in out.glob("*.ndjson"):  # the server may hold more
        texts = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(one for one in texts if (path.stem, json.loads(one)["id"]) in ours))
    return found


def differences(datasets: Sequence[Dataset], folder: Path) -> list[Difference]:
    """Return what differs in the datasets that come of what was fetched."""
    return compare(datasets, to_sdtm([folder], release="R4").datasets)


class Outcome(NamedTuple):
    """What became of a package on a server.

    Attributes:
        counts: What there was -> how many.
        faults: What the server refused, did not give back, or gave back otherwise.
    """

    counts: dict[str, int]
    faults: list[str]


def check(base: str, datasets: Sequence[Dataset], folder: Path, page: int, times: int) -> Outcome:
    """Return what became of some datasets on a server."""
    began = time.monotonic()
    paths = bundles(datasets, folder / "given")
    refused = [one for _ in range(times) for one in post(base, paths)]
    posted = time.monotonic()
    read_back(base, paths, folder / "back", page)
    fetched = time.monotonic()
    given = {f"{one['resourceType']}/{one['id']}" for one in resources(paths)}
    back = {
        f"{path.stem}/{json.loads(line)['id']}"
        for path in (folder / "back").glob("*.ndjson")
        for line in path.read_bytes().splitlines()
    }
    found = differences(datasets, folder / "back")
    counts = {
        "transactions": len(paths),
        "resources": len(given),
        "refused": len(refused),
        "not given back": len(given - back),
        "datasets": len(datasets),
        "records": sum(one.table.num_rows for one in datasets),
        "differences": len(found),
        "seconds to post": round(posted - began),
        "seconds to fetch": round(fetched - posted),
    }
    return Outcome(counts, [*refused, *sorted(given - back), *map(str, found)])


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--subjects", type=int, help="how many of each package; all where it is left out")
    parser.add_argument("--page", type=int, default=200, help="resources on a page of a search")
    parser.add_argument("--twice", action="store_true", help="give everything a second time")
    options = parser.parse_args()
    faults = 0
    for name in options.packages:
        datasets = list(read_sdtm([Path(name)])[0]) if Path(name).exists() else sample(name)
        some = of_subjects(datasets, options.subjects) if options.subjects else datasets
        with TemporaryDirectory() as folder:
            found = check(options.base, some, Path(folder), options.page, 1 + options.twice)
        print(f"{Path(name).name}: {', '.join(f'{count:,} {what}' for what, count in found.counts.items())}")
        print(*found.faults[:5], sep="\n", flush=True)
        faults += len(found.faults)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
