"""Feed `trialbridge validate` with damaged files: none may crash it, hang it, or take more than a gigabyte.

Run it as ``python tools/fuzz_validation.py SOUND [--inputs 10000] [--seed 0]``, where SOUND is a folder of
sound files: transport files, Dataset-JSON, CSV, define.xml, a study tagging file (stf.xml). One of them at
a time is damaged by a seeded random generator (bits, bytes, ranges, numbers, attributes, elements, nesting,
entities) and validated beside others. What fails is printed with its number, by which it comes again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from trialbridge.converters.repair import repair_package
from trialbridge.converters.validate import Wanted, read_package, with_findings
from trialbridge.converters.validation_summary import summarise_validation, to_json
from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.check_package import compare_package
from trialbridge.errors import TrialbridgeError
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

SECONDS = 10
MEGABYTES = 1_000
_SLICE = 100
_BESIDE = 3
_NUMBERS = (b"0", b"-1", b"1e999", b"99999999999999999999", b"NaN", b"null", b'""', b"[]", b"{}", b"true")
_BYTES = (b"\0", b"\xff", b"\x80", b"\xc3", b"\r\n", b" ", b"<", b'"', b"&", b"\xef\xbf\xbf", b"\xed\xa0\x80")
_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "IT.NOWHERE",
    "9" * 40,
    "x" * 5_000,
    "\u2019",
    "2020-02-30",
    "NaN",
    "[",
    "(?P<",
    "%s",
)
BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9)
)
OUTSIDE = b'<!DOCTYPE b [<!ENTITY j SYSTEM "file:///etc/passwd">'
Damage = Callable[[random.Random, bytes], bytes]


def _flip(chance: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 4, 64))):
        if made:
            made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def _range(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 4, 8, 80, 140, 2_000)))


def _put_bytes(chance: random.Random, data: bytes) -> bytes:
    start, stop = _range(chance, data)
    stop = start if chance.random() < 0.5 else stop
    return data[:start] + chance.choice(_BYTES) * chance.choice((1, 1, 8, 300)) + data[stop:]


def _cut(chance: random.Random, data: bytes) -> bytes:
    start, stop = _range(chance, data)
    return data[:start] if chance.random() < 0.5 else data[:start] + data[stop:]


def _double(chance: random.Random, data: bytes) -> bytes:
    start, stop = _range(chance, data)
    return data[:stop] + data[start:stop] * chance.choice((1, 3)) + data[stop:]


def _header(chance: random.Random, data: bytes) -> bytes:
    """Damage the first two kilobytes, where a transport file says what it is."""
    return _flip(chance, data[:2_000]) + data[2_000:]


def _number(chance: random.Random, data: bytes) -> bytes:
    return _replaced(chance, data, rb"-?\d+(\.\d+)?", chance.choice(_NUMBERS))


def _value(chance: random.Random, data: bytes) -> bytes:
    return _replaced(chance, data, rb'(?<==")[^"]*(?=")|(?<=[:,\[])"[^"]*"', chance.choice(_TEXTS).encode())


def _attribute(chance: random.Random, data: bytes) -> bytes:
    return _replaced(chance, data, rb'\s[\w:]+="[^"]*"', b"")


def _element(chance: random.Random, data: bytes) -> bytes:
    return _replaced(chance, data, rb"<(\w[\w:]*)[^<>]*(/>|>[^<]*</\1>)", b"")


def _replaced(chance: random.Random, data: bytes, pattern: bytes, new: bytes) -> bytes:
    found = list(re.finditer(pattern, data))
    if not found:
        return _flip(chance, data)
    one = chance.choice(found)
    return data[: one.start()] + new + data[one.end() :]


def _nested(chance: random.Random, data: bytes) -> bytes:
    start, _ = _range(chance, data)
    opening = chance.choice((b"[", b'{"a":', b"<a>", b"("))
    return data[:start] + opening * chance.choice((100, 20_000)) + data[start:]


def _entities(chance: random.Random, data: bytes) -> bytes:
    body = data.split(b"?>", 1)[-1]
    place = body.find(b'="') + 2
    used = body[:place] + b"&j;" + body[place:]
    if chance.random() < 0.5:  # in text, where an entity from outside may stand, too
        used = re.sub(rb"(<TranslatedText[^>]*>|<study-id>)", rb"\1&j;", body, count=1)
    return chance.choice((BOMB, OUTSIDE)) + b"]>" + used


_ANY: Sequence[Damage] = (_flip, _flip, _put_bytes, _cut, _double, _nested)
DAMAGES: dict[str, Sequence[Damage]] = {
    ".xpt": (*_ANY, _header, _header, _header),
    ".json": (*_ANY, _number, _number, _value, _value),
    ".ndjson": (*_ANY, _number, _number, _value, _value),
    ".csv": (*_ANY, _number),
    ".xml": (*_ANY, _number, _value, _value, _value, _attribute, _attribute, _element, _element, _entities),
}
"""Ending of a file -> how it is damaged."""


@dataclass(frozen=True)
class Failure:
    """An input that validation could not deal with.

    Attributes:
        number: By which it is made again.
        name: The file that was damaged.
        problem: What happened.
    """

    number: int
    name: str
    problem: str


def damaged(number: int, seed: int, sound: Sequence[Path]) -> tuple[Path, bytes]:
    """Return one of the sound files, and its content with some damage, the same for the same numbers."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 -- to be made again, not to be secret
    path = chance.choice(sound)
    data = path.read_bytes()
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        data = chance.choice(DAMAGES[path.suffix])(chance, data)
    return path, data


def sound_files(folder: Path) -> list[Path]:
    """Return the files of a folder that can be damaged."""
    return sorted(path for path in folder.iterdir() if path.suffix in DAMAGES)


def validate(folder: Path) -> bytes:
    """Validate and repair a folder as the command does, and return its report as JSON."""
    stf = folder / "stf.xml"
    package = read_package([folder], Wanted(stf=stf if stf.is_file() else None))
    if package.define is not None and package.define.version != "1.0":
        found, without = compare_package(package.define.path, package.parts(), complete=True)
        package = with_findings(package, [*check_define(package.define.path), *found], without)
    repair_package(package, [folder], folder / "repaired")
    return to_json(summarise_validation(package, run_rules(package, rules()), [folder]), findings=True)


def try_one(number: int, seed: int, sound: Sequence[Path]) -> Failure | None:
    """Return how validation fails on one damaged file; none where it says what is wrong."""
    path, data = damaged(number, seed, sound)
    with tempfile.TemporaryDirectory() as folder:
        for one in _beside(number, seed, sound, path):
            (Path(folder) / one.name).symlink_to(one.resolve())
        (Path(folder) / path.name).unlink(missing_ok=True)
        (Path(folder) / path.name).write_bytes(data)
        problem = problem_of(Path(folder))
    return Failure(number, path.name, problem) if problem else None


def _beside(number: int, seed: int, sound: Sequence[Path], path: Path) -> list[Path]:
    """Return what lies beside a damaged file: some datasets, and what is XML beside XML."""
    chance = random.Random(f"beside {seed}/{number}")  # noqa: S311 -- the same
    datasets = [one for one in sound if one.suffix != ".xml"]
    some = chance.sample(datasets, min(_BESIDE, len(datasets)))
    return [*some, *(one for one in sound if one.suffix == path.suffix == ".xml")]


def problem_of(folder: Path) -> str:
    """Return what happened to the validation of a folder that should not; empty where nothing did."""
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    try:
        report = validate(folder)
    except TrialbridgeError:
        return ""
    except Exception:  # noqa: BLE001 -- to find them is what this is for
        return traceback.format_exc(limit=-4)
    finally:
        signal.alarm(0)
    if b"root:x:0" in report:
        return "a file from outside was read"
    peak = peak_megabytes()
    return f"{peak} MB were taken" if peak > MEGABYTES else ""


def peak_megabytes() -> int:
    """Return the most megabytes that this process has taken.

    Linux counts in ``ru_maxrss`` what a process was before it became this one; the status file does not.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) // 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _late(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")


def try_slice(numbers: range, seed: int, sound: Sequence[Path]) -> tuple[list[Failure], int]:
    """Return how validation fails on some damaged files, and the most megabytes that this process took."""
    found = [one for number in numbers if (one := try_one(number, seed, sound))]
    return found, peak_megabytes()


def main() -> int:
    """Return 1 where an input failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sound", type=Path)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sound = sound_files(given.sound)
    if not sound:
        parser.error(f"{given.sound} holds no file to damage")
    began = time.monotonic()
    slices = [range(at, min(at + _SLICE, given.inputs)) for at in range(0, given.inputs, _SLICE)]
    failures: list[Failure] = []
    peak = 0
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        jobs = [pool.apply_async(try_slice, (numbers, given.seed, sound)) for numbers in slices]
        for job in jobs:
            found, megabytes = job.get(timeout=_SLICE * SECONDS)
            failures += found
            peak = max(peak, megabytes)
            for one in found:
                print(f"input {one.number} ({one.name}): {one.problem}", flush=True)
    kinds = Counter(one.problem.strip().splitlines()[-1] for one in failures)
    took = time.monotonic() - began
    print(f"{given.inputs:,} inputs of {len(sound)} files in {took:,.0f} s, at most {peak} MB")
    print(
        f"{len(failures)} failures", *(f"{count} x {kind}" for kind, count in kinds.most_common()), sep="\n  "
    )
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
