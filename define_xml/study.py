"""What a define.xml says of the study, beyond what its datasets say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class StudyDescription:
    """The study, the versions of the standards, and the values its design permits.

    Attributes:
        study_name: Short name, such as the sponsor's study identifier.
        description: One or two sentences on the study.
        protocol_name: The protocol's identifier.
        created: When the define.xml was made; the only clock there is.
        originator: Who made it.
        source_system_version: Version of the software.
        sdtmig_version: Version of the implementation guide.
        ct_version: Version of the SDTM terminology.
        permitted: Values that the design permits, by dataset and variable; the variable may name one
            test as well (``QSORRES.SLE0101``). Shown in a codelist whether the data has them or not.
        dictionaries: Version of each external dictionary that a variable's codelists name.
        context: What the file is for.
    """

    study_name: str
    description: str
    protocol_name: str
    created: datetime
    originator: str = "trialbridge"
    source_system_version: str = ""
    sdtmig_version: str = "3.4"
    ct_version: str = "2026-03-27"
    permitted: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    dictionaries: Mapping[str, str] = field(default_factory=dict)
    context: Literal["Submission", "Other"] = "Submission"

    @property
    def ig_oid(self) -> str:
        """Return the OID of the implementation guide."""
        return f"STD.SDTMIG.{self.sdtmig_version}"

    @property
    def ct_oid(self) -> str:
        """Return the OID of the terminology."""
        return f"STD.CT.SDTM.{self.ct_version}"
