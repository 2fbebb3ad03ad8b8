"""A record of ClinicalTrials.gov (API v2, whole or with chosen fields), and the account of its leaves."""

from __future__ import annotations

from collections.abc import Mapping

from trialbridge.converters.leaf_account import Json, LeafAccount

REASONS: Mapping[str, str] = {
    "derivedSection": "derived by the registry from what the record says",
    "resultsSection": "results are no part of the design",
    "documentSection": "documents are no part of the design",
    "annotationSection": "annotations of the registry are no part of the design",
    "hasResults": "results are no part of the design",
    "protocolSection.identificationModule.organization": "the sponsor's module names who is responsible",
    "protocolSection.identificationModule.nctIdAliases": "an earlier number in the registry",
    "protocolSection.statusModule": "administration of the registry",
    "protocolSection.sponsorCollaboratorsModule.responsibleParty": "who is responsible for the record",
    "protocolSection.sponsorCollaboratorsModule": "what kind of organisation it is",
    "protocolSection.contactsLocationsModule": "names and numbers of people stay in the registry",
    "protocolSection.ipdSharingStatementModule": "how data is shared is no part of the design",
    "protocolSection.referencesModule": "no literature of the study",
    "protocolSection.oversightModule": "no parameter of the trial summary asks for it",
    "protocolSection.eligibilityModule.stdAges": "follows from the ages",
}
"""Where a path begins -> why such leaves are not used, unless they are."""


class Record(LeafAccount):
    """One study as the registry has it; what is taken from it is remembered.

    Example:
        >>> record = Record({"protocolSection": {"identificationModule": {"nctId": "NCT1", "acronym": "A"}}})
        >>> record.text("identificationModule.nctId", "TS REGID")
        'NCT1'
        >>> [(one.path, one.used) for one in record.ledger()][1]
        ('protocolSection.identificationModule.acronym', False)
    """

    def __init__(self, data: Json) -> None:
        super().__init__(data)
        self.refused.update(REASONS)

    @property
    def number(self) -> str:
        """The number of the study in the registry; empty where the record does not say it."""
        return str(self.at("protocolSection.identificationModule.nctId") or "")

    def text(self, path: str, where: str) -> str:
        """Return the text at a path, and remember where it goes; empty where there is none.

        Args:
            path: Such as ``designModule.phases[0]``, within the protocol.
            where: Where it goes.
        """
        return self.take(f"protocolSection.{path}", where)

    def texts(self, path: str, where: str) -> list[str]:
        """Return the texts of a list, and remember where they go."""
        return [self.text(f"{path}[{number}]", where) for number in range(self.count(path))]

    def count(self, path: str) -> int:
        """Return how many entries a list has; 0 where there is none."""
        found = self.at(f"protocolSection.{path}")
        return len(found) if isinstance(found, list) else 0

    def has(self, path: str) -> bool:
        """Return whether the record says anything at a path."""
        return self.at(f"protocolSection.{path}") is not None

    def refuse(self, path: str, why: str) -> None:
        """Remember why a leaf, or all below a path, is not used, though others like it are."""
        self.refused[f"protocolSection.{path}"] = why
