"""The shared core: FHIR and SDTM, both ways, from one declaration."""
