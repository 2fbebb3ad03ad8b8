# ruff: noqa: E501, FBT003 - one record a line reads as a table
"""NCT06737380: one subcutaneous dose of UC-MSC beside standard of care, ten participants at one site."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from trialbridge.samples.adverse_events import (
    DEATH,
    DISABILITY,
    HOSPITAL_STAY,
    IMPORTANT,
    LIFE,
    UNCHANGED,
    UNKNOWN_ACTION,
)
from trialbridge.samples.trial import (
    Arm,
    Criterion,
    Element,
    Event,
    Feed,
    Participant,
    Product,
    Regimen,
    Site,
    Trial,
    Visit,
)

# fmt: off
PEOPLE = (
    Participant("S-001", "101-001", "female", "1988-04-17", ("2106-3",), "2186-5", True, 165.1, 68.4, date(2025, 2, 10), date(2025, 2, 24), 0.62, 0.20),
    Participant("S-002", "101-002", "female", "1979-11-02", ("2054-5",), "2186-5", True, 160.0, 74.9, date(2025, 2, 24), date(2025, 3, 10), 0.70, 0.18),
    Participant("S-003", "101-003", "female", "1993-07-29", ("2028-9",), "2186-5", True, 157.5, 52.3, date(2025, 3, 11), date(2025, 3, 25), 0.58, 0.25, flare=72, unscheduled=(72,)),
    Participant("S-004", "", "female", "1982-01-15", ("2106-3",), "2186-5", True, 168.0, 80.2, date(2025, 3, 20), None, 0.55, 0.55),
    Participant("S-005", "101-004", "female", "1985-09-08", ("2106-3",), "2135-2", True, 162.6, 61.0, date(2025, 3, 31), date(2025, 4, 14), 0.66, 0.50, leaves=40),
    Participant("S-006", "101-005", "male", "1971-05-23", ("2054-5",), "2186-5", False, 181.0, 92.6, date(2025, 4, 14), date(2025, 4, 28), 0.60, 0.30, missed=("V7",)),
    Participant("S-007", "101-006", "female", "1990-06", ("2106-3", "2054-5"), "2135-2", True, 170.2, 77.1, date(2025, 4, 28), date(2025, 5, 12), 0.64, 0.15),
    Participant("S-008", "101-007", "male", "1958-12-03", ("2106-3",), "2186-5", False, 176.5, 84.0, date(2025, 5, 12), date(2025, 5, 27), 0.80, 0.72, dies=98),
    Participant("S-009", "", "male", "1969-03-30", ("2054-5",), "2186-5", False, 179.0, 101.7, date(2025, 5, 28), None, 0.95, 0.95),
    Participant("S-010", "101-008", "female", "1966", ("2054-5",), "2186-5", False, 158.8, 70.5, date(2025, 6, 9), date(2025, 6, 26), 0.57, 0.22),
    Participant("S-011", "101-009", "female", "1997-10-11", ("1002-5",), "2135-2", True, 163.0, 58.8, date(2025, 6, 23), date(2025, 7, 7), 0.72, 0.60, flare=132, missed=("V9",), unscheduled=(130,)),
    Participant("S-012", "101-010", "female", "2001-02-19", ("2076-8",), "ASKU", True, 171.5, 66.2, date(2025, 7, 7), date(2025, 7, 21), 0.61, 0.12),
)

FAILED = {"S-004": "EX10", "S-009": "IN04"}
PREDNISONE = {"101-001": 15.0, "101-002": 20.0, "101-004": 7.5, "101-007": 20.0, "101-009": 30.0, "101-010": 5.0}
KIDNEYS = {"101-002", "101-007", "101-009", "S-009"}
PARTICIPANTS = tuple(
    replace(
        person,
        arm="UCMSC" if person.dose else "",
        failed=FAILED.get(person.screening, ""),
        prednisone=PREDNISONE.get(person.subject, 10.0),
        nephritis=person.key in KIDNEYS,
    )
    for person in PEOPLE
)

EVENTS = (
    Event("101-001", "Injection site erythema", 0, 2, "mild", "resolved", "Probably-Likely"),
    Event("101-001", "Headache", 1, 1, "mild", "resolved", "Possible", grade="1"),
    Event("101-001", "Headache", 1, 1, "mild", "resolved", "Possible", mistake=True),
    Event("101-002", "Injection site pain", 0, 1, "mild", "resolved", "Certain", action=UNCHANGED),
    Event("101-002", "Urinary tract infection", 60, 70, "moderate", "resolved", "Unlikely", other=("mycophenolate", "Possible"), grade="2"),
    Event("101-003", "Flare of cutaneous lupus", 68, 95, "moderate", "resolved", "Unlikely", "Serious", (IMPORTANT,)),
    Event("101-003", "Arthralgia of both hands", 70, None, "mild", "ongoing", "Unlikely"),
    Event("101-004", "Deep vein thrombosis, left leg", 36, None, "severe", "recovering", "Possible", "SeriousResultsInHospitalization", left=True),
    Event("101-005", "Hypertension", 20, None, "moderate", "ongoing", "Unlikely", other=("prednisone", "Probably-Likely")),
    Event("101-005", "Retinal vein occlusion, right eye", 110, 150, "severe", "resolvedWithSequelae", "Possible", "SeriousResultsInDisability", (DISABILITY, IMPORTANT), grade="3"),
    Event("101-005", "Cardiac septal defect in newborn child of participant", 133, None, "moderate", "ongoing", "Unlikely", "SeriousIsBirthDefect"),
    Event("101-006", "Common cold", "2025-07", None, "mild", "resolved", "Unlikely"),
    Event("101-007", "Pneumonia", 88, None, "severe", "ongoing", "Unlikely", "SeriousIsLifeThreatening", (LIFE, HOSPITAL_STAY), ("mycophenolate", "Probably-Likely"), grade="4"),
    Event("101-007", "Septic shock", 96, 98, "severe", "fatal", "Unlikely", "SeriousResultsInDeath", (DEATH, HOSPITAL_STAY), ("mycophenolate", "Possible"), grade="5"),
    Event("101-008", "Fever", -4, -1, "mild", "resolved", "Unassessable-Unclassifiable"),
    Event("101-008", "Injection site abscess", 9, 21, "moderate", "resolved", "Probably-Likely", "SeriousRequiresPreventImpairment", grade="3"),
    Event("101-009", "Flare of lupus nephritis", 128, None, "severe", "ongoing", "Unlikely", "SeriousResultsInHospitalization", (HOSPITAL_STAY, IMPORTANT), grade="3"),
    Event("101-009", "Low white blood cells", "2025-08", None, "mild", "unknown", "Conditional-Classified", other=("mycophenolate", "Probably-Likely")),
    Event("101-010", "Insomnia", 5, None, "mild", "ongoing", "Unlikely", other=("prednisone", "Certain"), action=UNKNOWN_ACTION),
    Event("101-010", "Dizziness", 0, 0, "mild", "resolved", "Possible", action=UNCHANGED),
    Event("101-010", "Syringe with the wrong label, found before the dose", 0, 0, "mild", "resolved", "Unlikely", actuality="potential"),
)

ROUTINE = ("CHEM", "CBC", "UA", "COMPLEMENT", "PE", "CLINICIAN")
FULL = (*ROUTINE, "INFLAMMATION", "AUTOIMMUNE", "URINE24H", "CYTOKINES", "SUBSETS", "PRO", "DAMAGE")
LATE = (-3, 3)

VISITS = (
    Visit("SCR", "0", "Screening", None, (*ROUTINE, "DIFFERENTIAL", "SEROLOGY", "ECG", "IMAGING"), window=(-14, 13)),
    Visit("V1", "1", "Visit 1 (Baseline, Day 0)", 0, FULL, window=(0, 0)),
    Visit("V2", "2", "Visit 2 (Day 1)", 1, clinic=False, window=(0, 0)),
    Visit("V3", "3", "Visit 3 (Day 3)", 3, clinic=False, window=(-1, 1)),
    Visit("V4", "4", "Visit 4 (Day 7)", 7, ("CHEM", "CBC", "COMPLEMENT"), window=(-2, 2)),
    Visit("V5", "5", "Visit 5 (Day 14)", 14, (*ROUTINE, "PRO", "RESPONSE"), window=LATE),
    Visit("V6", "6", "Visit 6 (Day 28)", 28, (*ROUTINE, "CYTOKINES", "SUBSETS", "PRO", "RESPONSE"), window=LATE),
    Visit("V7", "7", "Visit 7 (Day 56)", 56, (*ROUTINE, "CYTOKINES", "RESPONSE"), window=LATE),
    Visit("V8", "8", "Visit 8 (Day 84)", 84, clinic=False, window=LATE),
    Visit("V9", "9", "Visit 9 (Day 112)", 112, clinic=False, window=LATE),
    Visit("V10", "10", "Visit 10 (Day 140)", 140, (*ROUTINE, "CYTOKINES", "RESPONSE"), window=LATE),
    Visit("V11", "11", "Visit 11 (Day 168)", 168, (*FULL, "RESPONSE"), window=LATE),
)
EARLY_TERMINATION = Visit("ET", "90", "Early Termination", None, (*FULL, "RESPONSE"))

CRITERIA = (
    Criterion("IN01", "Age 18 to 75 years at screening"),
    Criterion("IN02", "SLE by at least 4 of 11 ACR criteria, or 4 of 17 SLICC criteria with one clinical and one immunologic"),
    Criterion("IN03", "Positive ANA (at least 1:160) or anti-dsDNA within 6 months of screening"),
    Criterion("IN04", "eGFR of at least 30 mL/min/1.73 m2 in the screening period"),
    Criterion("IN05", "At least one non-biologic background medicine of SLE, corticosteroids aside, for 12 weeks or more before screening"),
    Criterion("IN06", "SLEDAI-2K of at least 6 at screening"),
    Criterion("IN07", "Able and willing to give written informed consent"),
    Criterion("IN08", "Able and willing to keep to the visits and the other requirements of the protocol"),
    Criterion("EX01", "Another disease treated with oral or parenteral corticosteroids for more than 2 weeks in the 12 weeks before screening"),
    Criterion("EX02", "Dialysis within 12 months before screening, or renal replacement expected within 6 months of enrolment"),
    Criterion("EX03", "Prednisone above 0.5 mg/kg/day or equivalent in the 4 weeks before screening"),
    Criterion("EX04", "Immunosuppressant or antimalarial changed or added in the 12 weeks before screening"),
    Criterion("EX05", "Interventional agent within 90 days or 5 half-lives before baseline, whichever is longer"),
    Criterion("EX06", "Commercially available biologic within the same washout before baseline"),
    Criterion("EX07", "Mesenchymal stem cells within 52 weeks before baseline"),
    Criterion("EX08", "Any earlier cellular therapy other than mesenchymal stem cells"),
    Criterion("EX09", "Major surgery within 90 days before baseline, or planned during the study"),
    Criterion("EX10", "Confirmed active hepatitis B, hepatitis C, HIV or tuberculosis"),
    Criterion("EX11", "Active infection that is not adequately treated or resolved before baseline"),
    Criterion("EX12", "Cancer, apart from treated squamous or basal cell carcinoma of the skin or cervical carcinoma in situ"),
    Criterion("EX13", "Pregnant or breast-feeding, or intending to be during the trial"),
    Criterion("EX14", "Does not agree to medically acceptable contraception during the trial"),
    Criterion("EX15", "Comorbidity that makes the participant unfit in the investigator's judgement"),
    Criterion("EX16", "Medical condition that may affect the quality or interpretation of the data, in the investigator's opinion"),
)
CELLS = Product("uc-msc", "UC-MSC", "Umbilical cord mesenchymal stem cells", ("INJECTION, SUSPENSION", "C42995"), ("UCM-2501-A", "UCM-2504-B"))
SINGLE = Regimen(
    CELLS,
    100,
    ("10^6 cells", "10*6{cells}"),
    ("SUBCUTANEOUS", "34206005", "C38299"),
    "{amount} million cells in 4 mL, subcutaneous, abdomen",
    site=("ABDOMEN", "818983003"),
)
FEED = Feed(
    numbers={"S-009-scr-crea": ("2.94", "H"), "S-009-scr-egfr": ("24", "L")},
    words={
        "S-004-scr-hcvab": "REACTIVE",
        "101-005-scr-hbcab": "REACTIVE",
        "101-002-scr-ana": "1:640",
        "101-005-scr-ana": "1:1280",
    },
    revised={
        "101-002-v5-k": ("final", "6.8", "corrected", "First value came from a haemolysed tube."),
        "101-006-v6-crea": ("final", "", "amended", "Method comment added; value unchanged."),
        "101-001-v6-c3": ("preliminary", "", "final", ""),
        "101-010-v10-upcr": ("final", "1310", "corrected", "Transcription error in the first report."),
        "101-003-v5-glu": ("final", "", "entered-in-error", "Sample of another person."),
    },
    absent={
        "101-009-v11-up24": ("not-performed", "Collection was incomplete."),
        "101-004-et-hcgu": ("asked-declined", ""),
        "101-001-v4-temp": ("not-performed", ""),
        "101-006-v7-bm-et1-u": ("error", "Assay run failed."),
        "101-008-v6-ldh": ("error", "Haemolysed."),
    },
    clumped="101-005-v4-plt",
    haemolysed="101-008-v6-serum",
    reflex={"101-005-scr-hbcab": ("HBVDNA", 1.0), "S-004-scr-hcvab": ("HCVRNA", 184000.0)},
    history={"101-001-scr": ("2024-11", "1:320"), "101-003-scr": ("2025-01-14", "1:1280"), "101-007-scr": ("2025", "")},
)
# fmt: on
BAD = {
    "bad-local-code": "101-001-v5-k",
    "bad-no-code": "101-001-v5-alb",
    "bad-wrong-specimen": "101-001-v5-glu",
    "bad-impossible-date": "101-002-v5-na",
    "bad-time-without-zone": "101-002-v6-ca",
    "bad-unit": "101-002-v6-alp",
    "bad-unit-of-another-kind": "101-002-v6-ldh",
    "bad-retired-code": "101-003-v6-upcr",
    "bad-unknown-code": "101-003-v6-mg",
    "bad-no-such-patient": "101-003-v6-tp",
    "bad-no-subject": "101-003-v6-c3",
    "bad-no-status": "101-005-v6-c4",
    "bad-no-result": "101-005-v6-hgb",
    "bad-two-results": "101-005-v6-wbc",
    "bad-after-death": "101-007-v6-bun",
    "bad-number-as-text": "101-006-v6-crea",
    "twin": "101-010-v5-k",
    "clash": "101-010-v5-na",
    "person": "S-004",
    "dose": "101-001-dose",
    "event": "101-001-ae-02",
}
TRIAL = Trial(
    registry="NCT06737380",
    protocol="LKB-SLE-101",
    title="UC-MSC Cell Therapy Study for Systemic Lupus Erythematosus (SLE) Patients",
    sponsor="LIVEKIDNEY.BIO",
    phase="phase-1",
    design=("NA", "NONE", "SINGLE GROUP"),
    period=("2025-02-10", "2026-01-09"),
    planned=10,
    ages=(18, 75),
    population=("55464009", "Systemic lupus erythematosus"),
    sites={"101": Site("101", "Charleston", "SC", "Medical University of South Carolina")},
    arms={
        "UCMSC": Arm(
            "UC-MSC single dose",
            "UCMSC",
            "Experimental",
            "One subcutaneous dose of UC-MSC in addition to standard of care",
            SINGLE,
            0.8,
        )
    },
    visits=VISITS,
    termination=EARLY_TERMINATION,
    elements=(
        Element("SCRN", "Screening", "SCREENING", ("informed consent",), duration="P2W"),
        Element("UCMSC", "UC-MSC", "TREATMENT", ("first dose",), ("last dose + P1D",), duration="P1D"),
        Element("FUP", "Follow-up", "FOLLOW-UP", ("last dose + P1D",), duration="P24W"),
    ),
    criteria=CRITERIA,
    outcomes=(
        ("primary", "Incidence of treatment-emergent adverse events from Day 1 to Day 168"),
        ("secondary", "Change of SLEDAI-2K from baseline to Day 168"),
        ("secondary", "Change of PROMIS scores from baseline to Day 168"),
        ("secondary", "Change of BILAG-2004 from baseline to Day 168"),
        ("secondary", "SRI-4 response at Day 168"),
        ("secondary", "Change of the prednisone-equivalent dose from baseline to Day 168"),
    ),
    participants=PARTICIPANTS,
    events=EVENTS,
    background={"hydroxychloroquine": 0.9, "mycophenolate": 0.6, "azathioprine": 0.3, "lisinopril": 0.4},
    feed=FEED,
    bad=BAD,
    instruments=(
        "sf36-v2-standard",
        "promis-fatigue-7a",
        "promis-depression",
        "promis-pain",
        "lupuspro",
        "lit",
        "participant-diary",
    ),
    responses=("SRI-4", "BICLA"),
)
