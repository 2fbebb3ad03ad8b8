"""The command ``trialbridge``: what it is called by, and how it ends.

Exit codes: 0 clean, 1 findings, 2 unmapped content, 3 bad input or usage, 70 a fault of the program itself.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from traceback import print_exception
from types import TracebackType
from typing import Annotated

import typer

from trialbridge.commands.convert import convert, demo
from trialbridge.commands.define import define_app
from trialbridge.commands.diff import diff
from trialbridge.commands.fetch import fetch
from trialbridge.commands.outcome import BAD_INPUT, INTERNAL, INTERRUPTED, Done
from trialbridge.commands.package import package, verify
from trialbridge.commands.qualify import qualify
from trialbridge.commands.registry import registry
from trialbridge.commands.roundtrip import roundtrip
from trialbridge.commands.terminology import terminology_app
from trialbridge.commands.validate import validate
from trialbridge.commands.version import version
from trialbridge.commands.why import why
from trialbridge.errors import ConversionErrors, TrialbridgeError

app = typer.Typer(
    name="trialbridge",
    help="Carry clinical trial data between HL7 FHIR and CDISC SDTM, every value traceable to its source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    convert,
    validate,
    roundtrip,
    registry,
    diff,
    fetch,
    package,
    verify,
    demo,
    why,
    version,
    qualify,
):
    app.command()(command)
app.add_typer(define_app, name="define")
app.add_typer(terminology_app, name="terminology")


class _NoOrdinaryCode:
    """Keeps a fault of the program from ending with exit code 1, which means findings."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print the traceback of an unforeseen exception, and end with exit code 70."""
        if kind is not None and issubclass(kind, Exception):
            print_exception(kind, error, trace)
            sys.stderr.write("This is a fault of trialbridge, not of your data.\n")
            raise SystemExit(INTERNAL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command that `arguments` are, after running it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with _NoOrdinaryCode():
        code = _run(given, debug=debug)
    if arguments is None:
        gc.freeze()  # the process ends: looking for cycles once more takes a tenth of a second of four
    return code


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        app([word for word in arguments if word != "--debug"], prog_name="trialbridge")
    except Done as done:
        return done.code
    except SystemExit as stop:  # typer ends so: 0 after --help, 2 after wrong usage
        return BAD_INPUT if stop.code == 2 else int(stop.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (TrialbridgeError, ConversionErrors, OSError) as error:
        if debug:
            print_exception(error)
        for line in _lines(error):
            sys.stderr.write(f"error: {line}\n")
        return BAD_INPUT
    return 0


def _lines(error: Exception) -> Iterator[str]:
    if isinstance(error, ConversionErrors):
        yield error.message
        yield from map(str, error.exceptions)
    else:
        yield str(error)


@app.callback()
def _everything(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: FBT002 -- an option
) -> None:
    del debug  # `main` looks for it, wherever it stands
