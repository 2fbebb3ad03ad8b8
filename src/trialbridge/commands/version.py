"""``trialbridge version``."""

from __future__ import annotations

from trialbridge.commands.outcome import Json, console, installed_version, print_json


def version(json: Json = False) -> None:
    """Print the version, and those of the standards."""
    from trialbridge.converters.report import to_json
    from trialbridge.standards import IG_VERSIONS, releases

    facts = {
        "trialbridge": installed_version(),
        "SDTMIG": ", ".join(IG_VERSIONS),
        "SDTM CT": ", ".join(one.name for one in releases() if one.standard == "SDTM"),
        "Define-XML": "2.1",
    }
    if json:
        print_json(to_json(facts))
    else:
        for name, value in facts.items():
            console().print(f"{name} {value}", highlight=False)
