"""Exceptions, for callers: fields first, text in ``__str__``. What concerns data is a `Finding` instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TrialbridgeError(Exception):
    """The one base of every exception that this package raises."""

    def __post_init__(self) -> None:
        """Fill ``args`` so that the exception can be pickled between processes."""
        super().__init__(*(getattr(self, name) for name in self.__dataclass_fields__))


@dataclass
class MappingDefinitionError(TrialbridgeError, ValueError):
    """A mapping file is wrong. Raised when the mapping is imported, never on data."""

    domain: str
    variable: str
    problem: str

    def __str__(self) -> str:
        return f"{self.domain}.{self.variable}: {self.problem}"


@dataclass
class ReadError(TrialbridgeError, ValueError):
    """A file is not what it should be: not FHIR, not XPT, not Define-XML."""

    source: str
    problem: str
    offset: int | None = None

    def __str__(self) -> str:
        place = "" if self.offset is None else f", byte {self.offset}"
        return f"{self.source}{place}: {self.problem}"


@dataclass
class TermError(TrialbridgeError, LookupError):
    """A codelist or a term is not in this version of the controlled terminology."""

    codelist: str
    code: str
    version: str

    def __str__(self) -> str:
        return f"{self.code!r} is not in codelist {self.codelist} of {self.version}"


@dataclass
class ReleaseError(TermError):
    """There is no such release of controlled terminology; `known` are those that there are."""

    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"there is no terminology {self.version}; there is {', '.join(self.known) or 'none'}"


@dataclass
class WriteError(TrialbridgeError, ValueError):
    """A dataset cannot be written without changing it: nothing is cut or replaced in silence.

    ``row`` counts from 1, as a SAS user counts observations; ``None`` where the fault is not in a row.
    """

    dataset: str
    variable: str
    problem: str
    row: int | None = None

    def __str__(self) -> str:
        place = "" if self.row is None else f", row {self.row}"
        name = f"{self.dataset}.{self.variable}" if self.variable else self.dataset
        return f"{name}{place}: {self.problem}"


@dataclass
class ConfigurationError(TrialbridgeError, ValueError):
    """A study configuration, or the command's own arguments, cannot be used."""

    source: str
    problem: str

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


class ConversionErrors(ExceptionGroup[TrialbridgeError]):
    """All faults of one run, raised once."""
