# ruff: noqa: E501 - one record a line reads as a table
"""NCT05631717: UC-MSC against interleukin 2 in low doses in lupus nephritis, 40 participants at one site in Nanjing."""

from __future__ import annotations

from datetime import date

from trialbridge.samples.participants import Recruitment, recruit
from trialbridge.samples.resources import CHINA
from trialbridge.samples.trial import (
    Arm,
    Criterion,
    Element,
    Feed,
    Product,
    Regimen,
    Site,
    Trial,
    Visit,
)

# fmt: off
SITES = (Site("301", "Nanjing", "Jiangsu", "Nanjing Drum Tower Hospital", "CN", CHINA),)
CELLS = Product("huc-msc", "UC-MSC", "Human umbilical cord mesenchymal stem cells", ("SUSPENSION", "C42994"), ("NJ-M-01", "NJ-M-02"))
IL2 = Product("il-2", "INTERLEUKIN-2", "Recombinant human interleukin 2", ("INJECTION, SOLUTION", "C42945"), ("NJ-I-01", "NJ-I-02"))
INFUSED = Regimen(CELLS, 2, ("10^6 cells", "10*6{cells}"), ("INTRAVENOUS", "47625008", "C38276"), "{amount} million cells per kg at {weight} kg in 30 mL saline, intravenous", per_kg=True, minutes=30)
INJECTED = Regimen(IL2, 1000000, ("IU", "[iU]"), ("SUBCUTANEOUS", "34206005", "C38299"), "1 million IU, subcutaneous, every other day", site=("ABDOMEN", "818983003"), days=(0, 2, 4, 6, 8, 10, 12), minutes=1)
ARMS = (
    Arm("UC-MSC", "MSC", "Experimental", "One infusion of 2 million cells per kg", INFUSED, 0.65),
    Arm("Interleukin-2", "IL2", "Active Comparator", "Seven injections of 1 million IU, one every other day for 2 weeks", INJECTED, 0.5),
)
ROUTINE = ("CHEM", "CBC", "UA", "COMPLEMENT", "CLINICIAN")
LATE = (-3, 3)
VISITS = (
    Visit("SCR", "1", "Screening", None, (*ROUTINE, "SEROLOGY", "ECG", "PE", "IMAGING"), window=(-14, 13)),
    Visit("BL", "2", "Baseline (Day 0)", 0, (*ROUTINE, "INFLAMMATION", "AUTOIMMUNE", "URINE24H", "CYTOKINES", "SUBSETS", "PRO", "DAMAGE", "PE"), window=(0, 0)),
    Visit("W2", "3", "Week 2 (end of injections)", 14, ("CHEM", "CBC"), window=(-2, 2)),
    Visit("W4", "4", "Week 4", 28, (*ROUTINE, "SUBSETS", "RESPONSE"), window=LATE),
    Visit("W8", "5", "Week 8", 56, (*ROUTINE, "RESPONSE"), window=LATE),
    Visit("W16", "6", "Week 16", 112, (*ROUTINE, "RESPONSE"), window=LATE),
    Visit("W20", "7", "Week 20", 140, (*ROUTINE, "RESPONSE"), window=LATE),
    Visit("W24", "8", "Week 24", 168, (*ROUTINE, "INFLAMMATION", "AUTOIMMUNE", "URINE24H", "CYTOKINES", "SUBSETS", "PRO", "DAMAGE", "PE", "RESPONSE"), window=LATE),
)
WASHOUT = (
    "Rituximab or another B cell depletion within 24 weeks before screening; unstable doses of mycophenolate, cyclophosphamide or "
    "other immunosuppressants (including ciclosporin, tacrolimus, Tripterygium wilfordii, leflunomide, azathioprine, iguratimod) "
    "within 12 weeks before screening; biological or targeted medicines for immune diseases within 4 weeks before screening"
)
CRITERIA = (
    Criterion("IN01", "At least 4 of the 11 ACR criteria of 1997, on record before random assignment"),
    Criterion("IN02", "Age above 18 and at most 65 years at informed consent"),
    Criterion("IN03", "SLEDAI-2K of at least 6"),
    Criterion("IN04", "Urine protein/creatinine ratio above 1.0, or protein above 1.0 g in 24 hours"),
    Criterion("IN05", "Agrees to effective contraception where fertile"),
    Criterion("IN06", "Negative pregnancy tests in urine and serum where of childbearing age"),
    Criterion("IN07", "Voluntary written informed consent, and compliance with the protocol"),
    Criterion("EX01", WASHOUT),
    Criterion("EX02", "Plasmapheresis or immunosorbent therapy within 12 weeks before screening"),
    Criterion("EX03", "Severe uncontrolled disease of heart, nerves, lungs, liver, glands or gut"),
    Criterion("EX04", "Severe active or recurrent infection within 4 weeks before random allocation"),
    Criterion("EX05", "Major surgery within 12 weeks before screening, or needed during the study"),
    Criterion("EX06", "Live vaccine within 12 weeks before random allocation, or needed during the study, apart from herpes zoster"),
    Criterion("EX07", "Malignant tumour in the past, apart from cured basal cell carcinoma of the skin"),
    Criterion("EX08", "Pregnant or lactating"),
)
# fmt: on
PARTICIPANTS = recruit(
    Recruitment(
        seed=5631717,
        enrolled=40,
        failures={5: "IN04", 14: "EX04", 27: "IN03", 38: "EX01"},
        sites=SITES,
        arms=ARMS,
        first=date(2023, 3, 6),
        apart=8,
        ages=(18, 65),
        start=(0.7, 0.95),
        leaving={9: 41, 23: 85, 34: 120},
        dying={17: 96},
        flares={6: 90, 19: 120, 30: 60},
        missing={1: "W16", 12: "W8", 27: "W20"},
        abroad=True,
        nephritis=1.1,
    )
)
# fmt: off
FEED = Feed(
    numbers={"S-006-scr-upcr": ("610", "H")},
    words={"S-015-scr-hbsag": "REACTIVE", "S-015-scr-hbcab": "REACTIVE", "301-001-scr-ana": "1:640", "301-005-scr-ana": "1:1280"},
    revised={
        "301-001-w8-upcr": ("final", "1310", "corrected", "Transcription error in the first report."),
        "301-003-w8-crea": ("final", "", "amended", "Method comment added; value unchanged."),
        "301-005-bl-c3": ("preliminary", "", "final", ""),
        "301-002-w4-glu": ("final", "", "entered-in-error", "Sample of another person."),
        "301-006-w4-k": ("final", "6.8", "corrected", "First value came from a haemolysed tube."),
    },
    absent={
        "301-002-w24-up24": ("not-performed", "Collection was incomplete."),
        "301-003-w16-hcgu": ("asked-declined", ""),
        "301-004-w20-temp": ("not-performed", ""),
        "301-005-w24-bm-et1-u": ("error", "Assay run failed."),
        "301-008-w4-ldh": ("error", "Haemolysed."),
    },
    clumped="301-004-w2-plt",
    haemolysed="301-008-w4-serum",
    reflex={"S-015-scr-hbcab": ("HBVDNA", 84000.0)},
    history={"301-002-scr": ("2022-11", "1:320"), "301-003-scr": ("2023-01-14", "1:1280"), "301-006-scr": ("2023", "")},
)
# fmt: on
BAD = {
    "bad-local-code": "301-001-w4-k",
    "bad-no-code": "301-001-w4-alb",
    "bad-wrong-specimen": "301-001-w4-glu",
    "bad-impossible-date": "301-002-w8-na",
    "bad-time-without-zone": "301-002-w8-ca",
    "bad-unit": "301-002-w8-alp",
    "bad-unit-of-another-kind": "301-002-w8-ldh",
    "bad-retired-code": "301-003-w8-upcr",
    "bad-unknown-code": "301-003-w8-mg",
    "bad-no-such-patient": "301-003-w8-tp",
    "bad-no-subject": "301-003-w8-c3",
    "bad-no-status": "301-005-w8-c4",
    "bad-no-result": "301-005-w8-hgb",
    "bad-two-results": "301-005-w8-wbc",
    "bad-after-death": "301-018-w8-bun",
    "bad-number-as-text": "301-006-w8-crea",
    "twin": "301-010-w4-k",
    "clash": "301-010-w4-na",
    "person": "S-006",
    "dose": "301-002-dose",
    "event": "301-001-ae-01",
}
TRIAL = Trial(
    registry="NCT05631717",
    protocol="NJ-LN-301",
    title="Human UC-MSCs and Low-dose IL-2 in the Treatment of Lupus Nephritis",
    sponsor="Nanjing Drum Tower Hospital",
    phase="phase-3",
    design=("RANDOMIZED", "NONE", "PARALLEL"),
    period=("2023-03-06", "2024-12-20"),
    planned=40,
    ages=(18, 65),
    population=("68815009", "Lupus nephritis"),
    sites={site.number: site for site in SITES},
    arms={arm.code: arm for arm in ARMS},
    visits=VISITS,
    termination=Visit("ET", "90", "Early Termination", None, (*ROUTINE, "URINE24H", "RESPONSE")),
    elements=(
        Element("SCRN", "Screening", "SCREENING", ("informed consent",), duration="P2W"),
        Element("MSC", "UC-MSC", "TREATMENT", ("first dose",), ("last dose + P1D",), ("MSC",), "P1D"),
        Element("IL2", "Interleukin-2", "TREATMENT", ("first dose",), ("last dose + P1D",), ("IL2",), "P2W"),
        Element("FUP", "Follow-up", "FOLLOW-UP", ("last dose + P1D",), duration="P24W"),
    ),
    criteria=CRITERIA,
    outcomes=(
        ("primary", "Complete and partial renal response at Week 24"),
        ("secondary", "Treatment-emergent adverse events to Week 24"),
        ("secondary", "Time to partial and complete response"),
        ("secondary", "SRI response at Week 24"),
        ("secondary", "Change of SLEDAI-2K to Weeks 4, 8, 16, 20 and 24"),
        ("secondary", "Change of BILAG-2004 to Weeks 4, 8, 16, 20 and 24"),
        ("secondary", "Change of the dose of corticosteroids to Weeks 4, 8, 16, 20 and 24"),
        ("secondary", "Serious adverse events to Week 24"),
    ),
    participants=PARTICIPANTS,
    events=(),
    background={"hydroxychloroquine": 0.9, "mycophenolate": 0.7, "lisinopril": 0.5},
    feed=FEED,
    bad=BAD,
    instruments=(
        "sf36-v2-standard",
        "promis-fatigue-7a",
        "promis-depression",
        "promis-pain",
        "lupuspro",
        "lit",
        "patient-global",
    ),
    responses=("SRI-4", "BICLA", "RENAL RESPONSE"),
    centres={"UPCR": 1.2, "UP24": 1.3},
    si=True,
)
