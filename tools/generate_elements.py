"""Write ``src/trialbridge/standards/_fhir_elements.tsv``: what FHIR R4, R4B and R5 say of each element.

The facts are read from the models of fhir.resources 8 (R5, and its sub-package R4B). That package has no R4
models any more; R4 is R4B less what R4B added (`R4B_ADDED`).

    python tools/generate_elements.py
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).resolve().parents[1] / "src" / "trialbridge" / "standards" / "_fhir_elements.tsv"

RESOURCES = """
    ActivityDefinition AdverseEvent AllergyIntolerance Appointment Basic Bundle CarePlan Condition Consent
    DetectedIssue Device DiagnosticReport Encounter EpisodeOfCare EvidenceVariable Group Immunization Library
    List Location Medication MedicationAdministration MedicationDispense MedicationRequest MedicationStatement
    Observation ObservationDefinition OperationOutcome Organization Parameters Patient PlanDefinition
    Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson
    ResearchStudy ResearchSubject ServiceRequest Specimen Substance
"""

PACKAGES = {"R4B": "fhir.resources.R4B", "R5": "fhir.resources"}

COLUMNS = ("versions", "type", "element", "fhir_type", "min", "max", "choice", "order", "codes")


class Row(NamedTuple):
    """What one version says of one element; `order` stands apart, for versions agree on all but that."""

    type: str
    element: str
    fhir_type: str
    min: str
    max: str
    choice: str
    codes: str


# What came with R4B, so that R4 has it not: types, and one choice of PlanDefinition and ActivityDefinition.
# EvidenceVariable was made anew in R4B; R4's own is not in the table.
R4B_ADDED = re.compile(r"(CodeableReference|RatioRange|EvidenceVariable.*|subjectCanonical)")

# What R4 has and R4B has not.
R4_ONLY = Row("Extension", "valueMeta", "Meta", "0", "1", "value[x]", "")

# Required value sets that fhir.resources cuts short with a "+" or leaves out, and one that is not required.
OBSERVED = "registered preliminary final amended corrected cancelled entered-in-error unknown"
WHOLE_IN_BOTH = {
    "Observation.status": OBSERVED,
    "ServiceRequest.intent": (
        "proposal plan directive order original-order reflex-order filler-order instance-order option"
    ),
    "Expression.language": "",
}
QUANTITIES = ("Age", "Count", "Distance", "Duration", "Quantity")
WHOLE = {
    "R4B": WHOLE_IN_BOTH
    | {"DetectedIssue.status": OBSERVED}
    | {f"{name}.comparator": "< <= >= >" for name in QUANTITIES}
    | dict.fromkeys(
        ("Encounter.status", "Encounter.statusHistory.status"),
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    )
    | {
        "Device.udiCarrier.entryType": "barcode rfid manual card self-reported unknown",
        "DiagnosticReport.status": (
            "registered partial preliminary final amended corrected appended cancelled "
            "entered-in-error unknown"
        ),
        "Questionnaire.item.type": (
            "group display question boolean decimal integer date dateTime time string text url choice "
            "open-choice attachment reference quantity"
        ),
    },
    "R5": WHOLE_IN_BOTH
    | {f"{name}.comparator": "< <= >= > ad" for name in QUANTITIES}
    | {
        "Bundle.entry.search.mode": "match include outcome",
        "DiagnosticReport.status": (
            "registered partial preliminary modified final amended corrected appended cancelled "
            "entered-in-error unknown"
        ),
        "Questionnaire.item.type": (
            "group display question boolean decimal integer date dateTime time string text url coding "
            "attachment reference quantity"
        ),
    },
}

# As fhir.resources writes it; a boolean is Python's own.
TYPE = re.compile(r"fhirtypes\.(\w+)Type\b|\b(bool)\b")


def annotation(model: type, field: str) -> str:
    """Return the text of a field's annotation, from the class that declares it."""
    for base in model.__mro__:
        found = inspect.get_annotations(base).get(field)
        if found is not None:
            return str(found)
    raise LookupError(model.__name__, field)


def is_primitive(name: str) -> bool:
    """Return whether fhir.resources has this type as a primitive: those live in its core package."""
    return getattr(importlib.import_module("fhir_core.types"), f"{name}Type", None) is not None


class Models:
    """The models of one version, by FHIR's names: ``Observation.component``, not ObservationComponent."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.types = importlib.import_module(f"{PACKAGES[version]}.fhirtypes")
        self.names: dict[type, str] = {}

    def model(self, name: str) -> Any:
        """Return the class of a type that is called `name` in fhir.resources."""
        return getattr(self.types, f"{name}Type").get_model_klass()

    def name_nested(self, model: Any, path: str) -> None:
        """Name `model` and the backbone elements below it by their path."""
        self.names[model] = path
        for alias, type_name in self.fields(model):
            nested = f"{path}.{alias}"
            spelled = "".join(part[0].upper() + part[1:] for part in nested.split("."))
            # A type met under another name is a reference to content that is defined elsewhere.
            if spelled == type_name and not is_primitive(type_name):
                self.name_nested(self.model(type_name), nested)

    @staticmethod
    def fields(model: Any) -> Iterator[tuple[str, str]]:
        """Yield JSON name and fhir.resources type name of each element."""
        for field, info in model.model_fields.items():
            if (info.json_schema_extra or {}).get("element_property"):
                found = TYPE.search(annotation(model, field))
                if found is None:
                    raise LookupError(model.__name__, field)
                yield info.alias, found[1] or "Boolean"

    def fhir_type(self, name: str) -> str:
        """Return FHIR's own name of a type: ``dateTime``, ``Quantity``, ``Observation.component``."""
        if is_primitive(name):
            return name[0].lower() + name[1:]
        return self.names.get(self.model(name), name)

    def reachable(self) -> Iterator[tuple[str, Any]]:
        """Yield every type that can be reached from `RESOURCES`, each once."""
        waiting = [self.model(name) for name in reversed(RESOURCES.split())]
        seen: set[type] = set()
        while waiting:
            model = waiting.pop()
            if model in seen:
                continue
            seen.add(model)
            if model not in self.names:
                self.name_nested(model, model.__name__)
            yield self.names[model], model
            waiting += [self.model(name) for _, name in self.fields(model) if not is_primitive(name)]

    def rows(self) -> Iterator[tuple[Row, int]]:
        """Yield every element of every reachable type, with its place in FHIR's order."""
        for type_name, model in self.reachable():
            types = dict(self.fields(model))
            infos = {info.alias: info for info in model.model_fields.values()}
            for order, element in enumerate(model.elements_sequence()):
                yield self.row(type_name, element, types[element], infos[element], model), order

    def row(self, type_name: str, element: str, type_: str, info: Any, model: Any) -> Row:
        """Return what is known of one element."""
        extra = info.json_schema_extra
        field = next(name for name, other in model.model_fields.items() if other is info)
        required = info.is_required() or extra.get("element_required") or extra.get("one_of_many_required")
        choice = f"{extra['one_of_many']}[x]" if "one_of_many" in extra else ""
        many = "typing.List" in annotation(model, field)
        fhir_type = self.fhir_type(type_)
        codes = self.codes(f"{type_name}.{element}", extra) if fhir_type == "code" else ""
        return Row(type_name, element, fhir_type, "01"[bool(required)], "1*"[many], choice, codes)

    def codes(self, path: str, extra: dict[str, Any]) -> str:
        """Return the codes of a required binding, never a part of them."""
        codes = WHOLE[self.version].get(path, " ".join(extra.get("enum_values", ())))
        if codes.endswith(("+", "etc.")):
            raise LookupError("codes cut short", path)
        return codes


def in_r4(row: Row) -> bool:
    """Return whether an element of R4B is one of R4 too."""
    return not any(R4B_ADDED.fullmatch(name) for name in (row.type, row.element, row.fhir_type))


def gather() -> dict[Row, dict[str, int]]:
    """Return every row with the versions it holds for, and its order in each."""
    gathered: dict[Row, dict[str, int]] = {}
    for row, order in Models("R4B").rows():
        gathered[row] = {"R4": order, "R4B": order} if in_r4(row) else {"R4B": order}
    gathered[R4_ONLY] = {"R4": sum(row.type == R4_ONLY.type for row in gathered)}
    for row, order in Models("R5").rows():
        gathered.setdefault(row, {})["R5"] = order
    return gathered


def place(item: tuple[Row, dict[str, int]]) -> tuple[str, int, Row, tuple[str, ...]]:
    """Return what the table is sorted by: type, then FHIR's order."""
    row, orders = item
    return row.type, min(orders.values()), row, tuple(orders)


def lines() -> Iterator[str]:
    """Yield the lines of the table, sorted: a second run gives the same bytes."""
    yield (
        f"# Generated by tools/generate_elements.py from fhir.resources {version('fhir.resources')}: "
        "FHIR R4B 4.3.0 of 2022-05-28 (R4: the same less what R4B added) and R5 5.0.0 of 2023-03-26"
    )
    yield "\t".join(COLUMNS)
    for row, orders in sorted(gather().items(), key=place):
        places = [str(place) for place in orders.values()]
        order = places[0] if len(set(places)) == 1 else " ".join(places)
        yield "\t".join((" ".join(orders), *row[:6], order, row.codes))


def main() -> None:
    """Write the table."""
    text = "".join(f"{line}\n" for line in lines())
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"{TARGET.name}: {text.count(chr(10)) - 2} rows, {len(text)} bytes\n")


if __name__ == "__main__":
    main()
