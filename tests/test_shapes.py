"""Shapes: every path has a place of its own, in every release."""

from __future__ import annotations

import pytest

from trialbridge.elements import Version, resource_types
from trialbridge.errors import MappingDefinitionError
from trialbridge.paths import parse
from trialbridge.readers import columns_of, reader
from trialbridge.registry import all_declarations, paths_by_type
from trialbridge.shapes import shape_of

PATHS = paths_by_type(all_declarations())
OCCURRENCE = "extension[url=http://hl7.org/fhir/5.0/StructureDefinition/extension-AdverseEvent.occurrence]"


@pytest.mark.parametrize("version", ["R4", "R4B", "R5"])
@pytest.mark.parametrize("kind", PATHS)
def test_every_declared_path_is_read_in_every_release(kind: str, version: Version) -> None:
    if kind in resource_types(version):
        made = reader(kind, version, PATHS[kind])
        assert set(made.wires) == set(PATHS[kind])


def test_two_paths_that_mean_one_place_are_refused() -> None:
    twice = dict.fromkeys(("occurrencePeriod.start", f"{OCCURRENCE}.valuePeriod.start"))
    with pytest.raises(MappingDefinitionError, match=r"what occurrencePeriod\.start means too"):
        shape_of("AdverseEvent", "R5", columns_of("AdverseEvent", "R5", twice))


def test_the_first_and_every_repetition_are_two_places() -> None:
    names = ("identifier[].value", "identifier[*].value", "identifier[use=usual].value")
    assert shape_of("Patient", "R4", {name: parse(name) for name in names}).firsts
