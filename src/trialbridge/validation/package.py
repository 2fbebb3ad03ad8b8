"""What is validated: the datasets of a folder by domain, its define.xml, the versions of standards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from trialbridge.findings import Finding
from trialbridge.validation.frame import SPLIT_NAME, Frame, Mask, Part, Rows, SourceFile

_WITHOUT_PREFIX = ("RELREC", "RELSUB", "RELSPEC", "APRELSUB", "OI", "POOLDEF")


@dataclass(frozen=True, slots=True)
class Standards:
    """Which versions of the standards hold, and who said so.

    Attributes:
        ig: Version of SDTMIG, such as ``3.4``; of another guide with its name, such as ``SENDIG 3.1``; empty
            where nothing says.
        ct: Release of controlled terminology, by its date; empty where nothing says.
        said_by: Where the versions stand, for the report.
        named: Something names the version of SDTMIG; else the newest is taken.
    """

    ig: str = ""
    ct: str = ""
    said_by: str = ""
    named: bool = True

    @property
    def other_guide(self) -> str:
        """The implementation guide that holds, where it is none of SDTM; else empty."""
        return self.ig if " " in self.ig else ""


@dataclass(frozen=True, slots=True, eq=False)
class DefineFile:
    """A define.xml: its tree, as it was written, with line numbers.

    Attributes:
        path: Where it lies.
        version: ``1.0``, ``2.0`` or ``2.1``; empty where it cannot be told.
        root: The tree; none where the file is no XML.
    """

    path: Path
    version: str
    root: etree._Element | None


@dataclass(eq=False)
class Package:
    """Everything that a rule may look at.

    Attributes:
        frames: Domain -> its rows.
        files: All files that were given.
        findings: What reading them has found, what the check of define.xml has found.
        define: The define.xml, where there is one.
        standards: The versions that hold.
        complete: A folder was given: what is not there is missing. Single files speak for themselves alone.
        without: Short name of what was not looked at -> why.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> package = package_of({"DM": [{"SEX": "F"}]})
        >>> package.frames["DM"].rows, package.frame("AE") is None
        (1, True)
    """

    frames: Mapping[str, Frame]
    files: Sequence[SourceFile] = ()
    findings: Sequence[Finding] = ()
    define: DefineFile | None = None
    standards: Standards = field(default_factory=Standards)
    complete: bool = True
    without: Mapping[str, str] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], Rows] = field(default_factory=dict, repr=False)

    def frame(self, name: str) -> Frame | None:
        """Return the rows of a domain; none where it is not there."""
        return self.frames.get(name)

    def parts(self) -> list[Part]:
        """Return every dataset of every file, in the order of domains."""
        return [part for frame in self.frames.values() for part in frame.parts]

    def rows_in(self, frame: Frame, other: Frame) -> Rows:
        """Return, for each row of `frame`, the first row of the same subject in `other`; -1 where none is."""
        key = frame.name, other.name
        if key not in self._subjects:
            found = pc.index_in(frame.text("USUBJID"), value_set=other.text("USUBJID"))
            rows = pc.fill_null(found, -1).cast(pa.int64()).to_numpy(zero_copy_only=False)
            self._subjects[key] = np.where(frame.filled("USUBJID"), rows, -1)
        return self._subjects[key]

    def subjects_with(self, frame: Frame, other: Frame, chosen: Mask) -> Mask:
        """Return the rows of `frame` whose subject has one of the `chosen` rows of `other`."""
        wanted = pc.unique(other.text("USUBJID").filter(pa.array(chosen)))
        found = pc.is_in(frame.text("USUBJID"), value_set=wanted.drop_null())
        return cast("Mask", found.to_numpy(zero_copy_only=False))


def frames_of(parts: Iterable[Part]) -> dict[str, Frame]:
    """Return the domains that datasets make up: LBCH and LBHE are LB, SUPPLBCH is part of SUPPLB."""
    found: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda one: one.dataset.name):
        found.setdefault(domain_of(part.dataset.name, part.dataset.table), []).append(part)
    return {name: Frame(name, of) for name, of in found.items()}


def domain_of(name: str, table: pa.Table) -> str:
    """Return the domain that a dataset is, or is a part of.

    Example:
        >>> domain_of("LBCH", pa.table({"DOMAIN": ["LB", "LB"]}))
        'LB'
        >>> domain_of("SUPPLBCH", pa.table({"RDOMAIN": ["LB"]}))
        'SUPPLB'
    """
    if name in _WITHOUT_PREFIX or len(name) <= SPLIT_NAME:
        return name
    supplemental = name.startswith(("SUPP", "SQ"))
    said = _only_value(table, "RDOMAIN" if supplemental else "DOMAIN")
    if supplemental:
        return f"SUPP{said}" if said and name[4:].startswith(said) else name
    return said if said and name.startswith(said) else name


def _only_value(table: pa.Table, name: str) -> str:
    if name not in table.column_names or not pa.types.is_string(table.schema.field(name).type):
        return ""
    values = pc.unique(table[name]).drop_null().to_pylist()
    return str(values[0]) if len(values) == 1 else ""
