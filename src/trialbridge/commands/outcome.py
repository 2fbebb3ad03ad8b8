"""How a command ends and prints: exit codes, tables or JSON, progress on a terminal only.

Exit codes: 0 clean, 1 findings, 2 unmapped content, 3 bad input or usage, 70 a fault of the program itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

BAD_INPUT = 3
INTERRUPTED = 130
INTERNAL = 70

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine instead of tables.")]


class Done(Exception):  # noqa: N818 -- no error: the end of a command, with its exit code
    """A command has done its work."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def installed_version() -> str:
    """Return the version of trialbridge that is installed."""
    from importlib.metadata import version

    return version("trialbridge")


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None] | None]:
    """Give what shows how far a run is; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield tell


def console() -> Console:
    """Return the console; where nobody looks at it, lines are as long as in summary.txt."""
    from rich.console import Console

    from trialbridge.converters.printable import TEXT_WIDTH

    return Console(width=None if sys.stdout.isatty() else TEXT_WIDTH)


def print_json(data: bytes) -> None:
    """Print a document for a machine."""
    sys.stdout.write(data.decode())
