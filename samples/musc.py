# ruff: noqa: E501 - one record a line reads as a table
"""NCT02633163: one infusion of UC-MSC in two doses against placebo, 81 participants at nine sites."""

from __future__ import annotations

from datetime import date

from trialbridge.samples.participants import Recruitment, recruit
from trialbridge.samples.resources import CENTRAL, PACIFIC
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
SITES = (
    Site("201", "Charleston", "SC", "Medical University of South Carolina"),
    Site("202", "Los Angeles", "CA", "Cedars-Sinai Medical Center", zone=PACIFIC),
    Site("203", "San Diego", "CA", "University of California San Diego", zone=PACIFIC),
    Site("204", "Atlanta", "GA", "Emory University"),
    Site("205", "Chicago", "IL", "Northwestern University", zone=CENTRAL),
    Site("206", "Manhasset", "NY", "Feinstein Institute for Medical Research"),
    Site("207", "Rochester", "NY", "University of Rochester Medical Center"),
    Site("208", "Chapel Hill", "NC", "University of North Carolina at Chapel Hill"),
    Site("209", "Oklahoma City", "OK", "Oklahoma Medical Research Foundation", zone=CENTRAL),
)
INFUSION = ("SUSPENSION", "C42994")
CELLS = Product("uc-msc", "UC-MSC", "Umbilical cord mesenchymal stem cells", INFUSION, ("MUSC-01", "MUSC-02", "MUSC-03"))
PLACEBO = Product("plasma-lyte", "PLACEBO", "Plasma-Lyte A without cells", ("SOLUTION", "C42986"), ("PLA-01",))
VEIN = ("INTRAVENOUS", "47625008", "C38276")
UNIT = ("10^6 cells", "10*6{cells}")
CELLS_TEXT = "{amount} million cells per kg at {weight} kg in 300 mL Plasma-Lyte A, intravenous"

ARMS = (
    Arm("Low dose UC-MSC", "LOW", "Experimental", "One infusion of 1 million cells per kg beside standard of care", Regimen(CELLS, 1, UNIT, VEIN, CELLS_TEXT, per_kg=True, minutes=45), 0.55),
    Arm("High dose UC-MSC", "HIGH", "Experimental", "One infusion of 5 million cells per kg beside standard of care", Regimen(CELLS, 5, UNIT, VEIN, CELLS_TEXT, per_kg=True, minutes=45), 0.65),
    Arm("Placebo", "PLB", "Placebo Comparator", "One infusion of Plasma-Lyte A without cells beside standard of care", Regimen(PLACEBO, 0, UNIT, VEIN, "300 mL Plasma-Lyte A without cells, intravenous", minutes=45), 0.3),
)
EFFICACY = ("UA", "COMPLEMENT", "CLINICIAN")
MAIN = ("CHEM", "CBC", *EFFICACY, "PRO", "RESPONSE")
VISITS = (
    Visit("SCR", "1", "Screening", None, ("CHEM", "CBC", *EFFICACY, "SEROLOGY", "ECG", "PE", "IMAGING"), window=(-14, 13)),
    Visit("BL", "2", "Baseline (Day 0)", 0, ("CHEM", "CBC", *EFFICACY, "INFLAMMATION", "AUTOIMMUNE", "URINE24H", "CYTOKINES", "SUBSETS", "PRO", "DAMAGE"), window=(0, 0)),
    Visit("W1", "3", "Week 1 (telephone)", 7, clinic=False, window=(-2, 2)),
    Visit("W4", "4", "Week 4", 28, ("CBC",), window=(-3, 3)),
    Visit("W12", "5", "Week 12", 84, ("CBC", *EFFICACY, "PRO", "RESPONSE"), window=(-5, 5)),
    Visit("W20", "6", "Week 20", 140, ("COMPLEMENT", "CLINICIAN", "RESPONSE"), window=(-5, 5)),
    Visit("W24", "7", "Week 24", 168, (*MAIN, "CYTOKINES", "PE"), window=(-5, 5)),
    Visit("W52", "8", "Week 52", 364, (*MAIN, "INFLAMMATION", "AUTOIMMUNE", "DAMAGE"), window=(-7, 7)),
)
CRITERIA = (
    Criterion("IN01", "Age 18 to 65 years"),
    Criterion("IN02", "At least 4 of the 11 ACR criteria, historically"),
    Criterion("IN03", "Active lupus despite treatment, by a minimum SLEDAI score"),
    Criterion("IN04", "Antibodies of lupus in a test of the present or the past"),
    Criterion("IN05", "Standard therapy where lupus nephritis is present"),
    Criterion("IN06", "Written informed consent"),
    Criterion("EX01", "Lupus nephritis that needs dialysis"),
    Criterion("EX02", "Cancer in the last 5 years, apart from certain cancers of the skin and precancer of the cervix"),
    Criterion("EX03", "Active lupus of the central nervous system"),
    Criterion("EX04", "HIV, hepatitis B, hepatitis C, tuberculosis or another active infection"),
    Criterion("EX05", "Pregnant or breast-feeding, or no contraception"),
    Criterion("EX06", "Transplant of a major organ"),
    Criterion("EX07", "Unstable medical condition"),
    Criterion("EX08", "Prednisone above 0.5 mg/kg/day within 1 month of baseline"),
    Criterion("EX09", "Immunosuppressant changed or added within 3 months of baseline"),
    Criterion("EX10", "Belimumab within 2 months of baseline"),
    Criterion("EX11", "Rituximab within 6 months of baseline"),
)
# fmt: on
PARTICIPANTS = recruit(
    Recruitment(
        seed=2633163,
        enrolled=81,
        failures={
            3: "EX04",
            11: "EX08",
            24: "IN03",
            37: "EX09",
            49: "EX05",
            58: "IN04",
            70: "EX07",
            83: "EX11",
        },
        sites=SITES,
        arms=ARMS,
        first=date(2021, 9, 13),
        apart=7,
        ages=(18, 65),
        start=(0.45, 0.85),
        leaving={6: 95, 17: 40, 29: 181, 44: 121, 57: 251, 72: 61},
        dying={33: 201},
        flares={4: 100, 12: 60, 21: 190, 38: 130, 47: 75, 55: 220, 63: 150, 76: 110},
        missing={2: "W20", 9: "W4", 26: "W52", 41: "W20", 68: "W12"},
    )
)
# fmt: off
FEED = Feed(
    words={"S-004-scr-hcvab": "REACTIVE", "203-001-scr-ana": "1:640", "205-001-scr-ana": "1:1280", "208-002-scr-hbcab": "REACTIVE"},
    revised={
        "209-001-w24-upcr": ("final", "1310", "corrected", "Transcription error in the first report."),
        "205-002-w52-crea": ("final", "", "amended", "Method comment added; value unchanged."),
        "201-001-bl-c3": ("preliminary", "", "final", ""),
        "207-001-scr-glu": ("final", "", "entered-in-error", "Sample of another person."),
        "208-001-w24-k": ("final", "6.8", "corrected", "First value came from a haemolysed tube."),
    },
    absent={
        "203-001-bl-up24": ("not-performed", "Collection was incomplete."),
        "205-004-w24-hcgu": ("asked-declined", ""),
        "202-001-w20-temp": ("not-performed", ""),
        "209-002-w24-bm-et1-u": ("error", "Assay run failed."),
        "206-004-w52-ldh": ("error", "Haemolysed."),
    },
    clumped="209-003-w12-plt",
    haemolysed="206-004-w52-serum",
    reflex={"S-004-scr-hcvab": ("HCVRNA", 512000.0), "208-002-scr-hbcab": ("HBVDNA", 1.0)},
    history={"209-002-scr": ("2021-07", "1:320"), "205-002-scr": ("2021-08-30", "1:1280"), "207-001-scr": ("2021", "")},
)
# fmt: on
BAD = {
    "bad-local-code": "203-001-w24-k",
    "bad-no-code": "203-001-w24-alb",
    "bad-wrong-specimen": "203-001-w24-glu",
    "bad-impossible-date": "209-001-w24-na",
    "bad-time-without-zone": "209-001-w24-ca",
    "bad-unit": "209-001-w24-alp",
    "bad-unit-of-another-kind": "209-001-w24-ldh",
    "bad-retired-code": "205-001-w24-upcr",
    "bad-unknown-code": "205-001-w24-mg",
    "bad-no-such-patient": "205-001-w24-tp",
    "bad-no-subject": "205-001-w24-c3",
    "bad-no-status": "209-002-w24-c4",
    "bad-no-result": "209-002-w24-hgb",
    "bad-two-results": "209-002-w24-wbc",
    "bad-after-death": "202-004-w24-bun",
    "bad-number-as-text": "208-001-w24-crea",
    "twin": "201-001-w24-k",
    "clash": "201-001-w24-na",
    "person": "S-004",
    "dose": "209-001-dose",
    "event": "209-001-ae-01",
}
TRIAL = Trial(
    registry="NCT02633163",
    protocol="MSC-SLE-201",
    title="Mesenchymal Stem Cells (MSCs) for the Treatment of Systemic Lupus Erythematosus",
    sponsor="Medical University of South Carolina",
    phase="phase-2",
    design=("RANDOMIZED", "DOUBLE", "PARALLEL"),
    period=("2021-09-13", "2024-08-02"),
    planned=81,
    ages=(18, 65),
    population=("55464009", "Systemic lupus erythematosus"),
    sites={site.number: site for site in SITES},
    arms={arm.code: arm for arm in ARMS},
    visits=VISITS,
    termination=Visit("ET", "90", "Early Termination", None, MAIN),
    elements=(
        Element("SCRN", "Screening", "SCREENING", ("informed consent",), duration="P3W"),
        *(
            Element(
                arm.code,
                arm.name,
                "TREATMENT",
                ("first dose",),
                ("last dose + P1D",),
                arms=(arm.code,),
                duration="P1D",
            )
            for arm in ARMS
        ),
        Element("FUP", "Follow-up", "FOLLOW-UP", ("last dose + P1D",), duration="P52W"),
    ),
    criteria=CRITERIA,
    outcomes=(
        ("primary", "SRI response at Week 24, with at most 10 mg of prednisone a day from Week 20"),
        ("secondary", "Change of SLEDAI to Weeks 12, 24 and 52"),
        ("secondary", "Renal and non-renal flares by BILAG at or before Weeks 12, 24 and 52"),
        ("secondary", "Change of the SLICC damage index to Week 52"),
        ("secondary", "Change of quality of life by SF-36 v2 to Weeks 12, 24 and 52"),
        ("secondary", "Change of fatigue, pain and depression by PROMIS short forms to Weeks 12, 24 and 52"),
        ("secondary", "Change of LupusPRO and LIT to Weeks 12, 24 and 52"),
        ("secondary", "Discontinuation of corticosteroids, and time to it, to Week 52"),
        ("secondary", "Cumulative systemic steroid dose at Week 52"),
        ("secondary", "Cytopenias, complement, anti-dsDNA and urine protein to Weeks 12, 24 and 52"),
    ),
    participants=PARTICIPANTS,
    events=(),
    background={"hydroxychloroquine": 0.85, "mycophenolate": 0.4, "azathioprine": 0.25, "lisinopril": 0.3},
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
    responses=("SRI-4", "BICLA", "SRI-4 WITHIN STEROID LIMIT"),
)
