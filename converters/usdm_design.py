"""A study definition in USDM as TS, TI, TA, TE and TV: what it says, and nothing that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trialbridge.converters.design_forms import Record as Row
from trialbridge.converters.design_places import CODELISTS
from trialbridge.converters.usdm_plan import arms_of, visits_of
from trialbridge.converters.usdm_study import Part, StudyDefinition
from trialbridge.converters.usdm_text import plain_text
from trialbridge.standards import codelist

Records = dict[str, list[Row]]

OFFICIAL, BRIEF = "C207616", "C207615"
SPONSOR, REGISTRY = "C70793", "C93453"
REGISTRIES: Mapping[str, str] = {"NCT": "ClinicalTrials.gov"}
"""What a number begins with -> the registry that gives such numbers."""

CODED: Mapping[str, tuple[str, str]] = {
    "STYPE": ("studyType", "STYPE"),
    "TPHASE": ("studyPhase", "TPHASE"),
    "TTYPE": ("subTypes", "TTYPE"),
    "TINDTP": ("intentTypes", "TINDTP"),
    "TBLIND": ("blindingSchema", "TBLIND"),
    "OBSTIMP": ("timePerspective", "C127261"),
    "OBSTSMM": ("samplingMethod", "C127260"),
}
"""Parameter -> the element of the design, and the codelist of its values."""

MODELS: Mapping[str, tuple[str, str]] = {
    "InterventionalStudyDesign": ("INTMODEL", "INTMODEL"),
    "ObservationalStudyDesign": ("OBSMODEL", "C127259"),
}
"""Class of a design -> the parameter of its model, and its codelist."""

CHARACTERISTICS: Mapping[str, str] = {"C46079": "RANDOM", "C98704": "ADAPT", "C207613": "EXTTIND"}
"""A characteristic of the design -> the parameter that it answers with Y."""

ROLES: Mapping[str, str] = {"C41161": "TRT", "C68609": "COMPTRT", "C165822": "CURTRT"}
"""Role of a treatment -> the parameter; a placebo is a control."""

PLACEBO = "C753"
LEVELS: Mapping[str, str] = {
    "C85826": "OBJPRIM",
    "C85827": "OBJSEC",
    "C163559": "OBJEXP",
    "C94496": "OUTMSPRI",
    "C139173": "OUTMSSEC",
    "C170559": "OUTMSEXP",
}
"""Level of an objective or endpoint -> the parameter."""

CATEGORIES: Mapping[str, str] = {"C25532": "INCLUSION", "C25370": "EXCLUSION"}
UNITS: Mapping[str, str] = {
    "C29848": "P{}Y",
    "C29846": "P{}M",
    "C29844": "P{}W",
    "C25301": "P{}D",
    "C25529": "PT{}H",
}
"""Unit of time -> ISO 8601."""

SHORT = 8


def usdm_design(study: StudyDefinition) -> Records:
    """Return the records of TS, TA, TE, TV and TI that a study definition says."""
    rows: list[Row] = []
    for one in _parameters(study):
        if one not in ({name: row[name] for name in row if name != "TSSEQ"} for row in rows):
            number = sum(known["TSPARMCD"] == one["TSPARMCD"] for known in rows) + 1
            rows.append({**one, "TSSEQ": str(number)})
    cells, elements = arms_of(study.design)
    found = {
        "TS": rows,
        "TA": cells,
        "TE": elements,
        "TV": visits_of(study.design),
        "TI": list(_criteria(study.design)),
    }
    return {name: some for name, some in found.items() if some}


def _value(code: str, text: str, **more: str) -> Iterator[Row]:
    if text:
        yield {"TSPARMCD": code, "TSVAL": text, **more}


def _parameters(study: StudyDefinition) -> Iterator[Row]:
    design = study.design
    yield from _names(study)
    for code, (element, name) in CODED.items():
        yield from _terms(design, element, code, name)
    kind = design.text("instanceType", "which parameter the model is")
    yield from _terms(design, "model", *MODELS.get(kind, MODELS["InterventionalStudyDesign"]))
    yield from _characteristics(design)
    yield from _indications(design)
    yield from _population(design.part("population"))
    yield from _goals(design)
    for number, one in enumerate(_treatments(study), 1):
        yield from _treatment(one, f"TRT{number}")
    for timeline in design.parts("scheduleTimelines"):
        if timeline.data.get("mainTimeline"):
            yield from _value("LENGTH", _quantity(timeline.part("plannedDuration.quantity"), "TS LENGTH"))


def _names(study: StudyDefinition) -> Iterator[Row]:
    titles = {one.part("type").code(): one for one in reversed(study.version.parts("titles"))}
    title = titles.get(OFFICIAL) or titles.get(BRIEF) or next(iter(titles.values()), None)
    yield from _value("TITLE", title.text("text", "TS TITLE") if title else "")
    sponsors = _sponsors(study)
    for one in sponsors:
        yield from _value("SPONSOR", one.first(("label", "name"), "TS SPONSOR"))
    for one in study.version.parts("studyIdentifiers"):
        whose = study.named(str(one.data.get("scopeId")))
        if whose in sponsors:
            yield from _value("SPREFID", one.text("text", "TS SPREFID"))
        elif whose and whose.part("type").code() == REGISTRY:
            number = one.text("text", "TS REGID")
            where = REGISTRIES.get(number[:3].upper()) or whose.first(("label", "name"), "TS TSVCDREF")
            yield from _value("REGID", number, TSVALCD=number, TSVCDREF=where)
    for one in study.version.parts("organizations"):
        for site in one.parts("managedSites"):
            yield from _value("FCNTRY", site.text("country.code", "TS FCNTRY"))


def _sponsors(study: StudyDefinition) -> list[Part]:
    """Return the organisations whose role is that of the sponsor, else those of such a type."""
    roles = [one for one in study.version.parts("roles") if one.part("code").code() == SPONSOR]
    named = [some for one in roles for some in one.targets("organizationIds", "TS SPONSOR")]
    every = study.version.parts("organizations")
    return named or [one for one in every if one.part("type").code() == SPONSOR]


def _terms(design: Part, element: str, code: str, name: str) -> Iterator[Row]:
    for one in design.parts(element):
        yield from _term(one, code, name)


def _term(part: Part, code: str, name: str, **more: str) -> Iterator[Row]:
    """Yield the term of a concept; the concept's own words where its code is none of the codelist."""
    concept = part.coded(f"TS {code}")
    term = codelist(name).by_code(concept.code)
    yield from _value(code, term.submission_value if term else concept.words, **more)


def _characteristics(design: Part) -> Iterator[Row]:
    for one in design.parts("characteristics"):
        if code := CHARACTERISTICS.get(one.code()):
            one.coded(f"TS {code}")
            yield from _value(code, "Y")


def _indications(design: Part) -> Iterator[Row]:
    for one in design.parts("indications"):
        codes = [part.coded("TS INDIC") for part in one.parts("codes")]
        known = next((some for some in codes if some.system.upper().startswith("SNOMED")), None)
        more = {"TSVALCD": known.code, "TSVCDREF": "SNOMED"} if known else {}
        text = known.words if known else one.first(("label", "description", "name"), "TS INDIC")
        yield from _value("INDIC", text, **more)
        rare = {"true": "Y", "false": "N"}.get(one.text("isRareDisease", "TS RDIND"), "")
        yield from _value("RDIND", rare)
    for one in design.parts("therapeuticAreas"):
        yield from _value("THERAREA", one.coded("TS THERAREA").words)


def _population(population: Part) -> Iterator[Row]:
    healthy = population.text("includesHealthySubjects", "TS HLTSUBJI")
    yield from _value("HLTSUBJI", {"true": "Y", "false": "N"}.get(healthy, ""))
    count = population.part("plannedEnrollmentNumber")
    if count and "value" in count.data:
        yield from _value("PLANSUB", _whole(count.text("value", "TS PLANSUB")))
    elif count:
        population.study.refused[count.path] = "a range: PLANSUB is one number"
    for code, bound in (("AGEMIN", "minValue"), ("AGEMAX", "maxValue")):
        yield from _value(code, _quantity(population.part(f"plannedAge.{bound}"), f"TS {code}"))
    sexes = list(dict.fromkeys(one.coded("TS SEXPOP").code for one in population.parts("plannedSex")))
    terms = [term.submission_value for one in sexes if (term := codelist("SEXPOP").by_code(one))]
    yield from _value("SEXPOP", "BOTH" if len(terms) > 1 else "".join(terms))


def _whole(number: str) -> str:
    """Return a number without an empty fraction.

    Example:
        >>> _whole("300.0"), _whole("0.5")
        ('300', '0.5')
    """
    return number.removesuffix(".0")


def _quantity(part: Part, where: str) -> str:
    """Return a quantity of time in ISO 8601; empty where it is none."""
    if not part:
        return ""
    form = UNITS.get(part.part("unit").code(), "")
    if not form:
        return ""
    part.part("unit").coded(where)
    return form.format(_whole(part.text("value", where)))


def _goals(design: Part) -> Iterator[Row]:
    for objective in design.parts("objectives"):
        for one in (objective, *objective.parts("endpoints")):
            code = LEVELS.get(one.part("level").code(), "")
            if code:
                one.part("level").coded(f"TS {code}")
                yield from _value(code, plain_text(one, "text", f"TS {code}"))


def _treatments(study: StudyDefinition) -> list[Part]:
    """Return the treatments of the design; all of the study where the design names none."""
    named = study.design.targets("studyInterventionIds", "which treatments TS names")
    return named or study.version.parts("studyInterventions")


def _treatment(treatment: Part, group: str) -> Iterator[Row]:
    """Yield a treatment with its doses; those of one treatment stand together by TSGRPID."""
    role = treatment.part("role").code()
    if role == PLACEBO:
        treatment.part("role").coded("TS TCNTRL")
        yield from _value("TCNTRL", "PLACEBO")
        return
    if not (code := ROLES.get(role)):
        return
    treatment.part("role").coded(f"TS {code}")
    more = {"TSGRPID": group} if treatment.parts("administrations") else {}
    yield from _value(code, treatment.first(("label", "description", "name"), f"TS {code}"), **more)
    if code != "TRT":
        return
    yield from _term(treatment.part("type"), "INTTYPE", CODELISTS["INTTYPE"])
    for one in treatment.parts("administrations"):
        yield from _dose(one, **more)


def _dose(administration: Part, **more: str) -> Iterator[Row]:
    lasting = administration.part("duration.quantity")
    yield from _value("PTRTDUR", _quantity(lasting, "TS PTRTDUR"), **more)
    dose = administration.part("dose")
    yield from _value("DOSE", _whole(dose.text("value", "TS DOSE")), **more)
    product = administration.target("administrableProductId", "TS DOSFRM, PCLAS")
    places = (
        (dose.part("unit"), "DOSU", "UNIT"),
        (administration.part("frequency"), "DOSFRQ", "FREQ"),
        (administration.part("route"), "ROUTE", "ROUTE"),
        (product.part("administrableDoseForm"), "DOSFRM", "FRM"),
    )
    for part, code, name in places:
        if part:
            yield from _term(part, code, name, **more)
    if group := product.part("pharmacologicClass"):
        yield from _value("PCLAS", group.coded("TS PCLAS").words)


def _criteria(design: Part) -> Iterator[Row]:
    """Yield TI: the criteria of the design, in the order of their chain."""
    counts: dict[str, int] = {}
    for one in design.in_order("eligibilityCriteria"):
        category = CATEGORIES.get(one.part("category").coded("TI IECAT").code, "")
        item = one.target("criterionItemId", "TI IETEST")
        text = plain_text(item, "text", "TI IETEST")
        if category and text:
            counts[category] = counts.get(category, 0) + 1
            number = one.text("identifier", "TI IETESTCD")
            short = f"{category[:4]}{int(number):02d}" if number.isdigit() else ""
            short = short if short and len(short) <= SHORT else f"{category[:4]}{counts[category]:02d}"
            yield {"IETESTCD": short, "IETEST": text, "IECAT": category}


__all__ = ["Records", "usdm_design"]
