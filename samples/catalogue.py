# ruff: noqa: E501 - one test a line reads as a table
"""The tests that the sample trials' laboratories do: codes, units, ranges, and how lupus moves them.

LOINC codes are from LOINC (https://loinc.org), copyright Regenstrief Institute, Inc. and the LOINC Committee, free of
charge under the licence at https://loinc.org/license.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Measured:
    """A test with a number: its value is ``centre * (1 + effect * activity)``, spread log-normally."""

    panel: str
    loinc: str
    local: str
    name: str
    unit: str
    ucum: str
    low: str
    high: str
    places: int
    specimen: str
    centre: float = 1.0
    spread: float = 0.0
    effect: float = 0.0
    floor: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """A test with a word: its place on `scale` is ``centre + effect * activity``, give or take."""

    panel: str
    loinc: str
    local: str
    name: str
    specimen: str
    scale: tuple[str, ...]
    centre: float = 0.0
    effect: float = 0.0
    coded: bool = False
    expected: str = ""


STRIP = ("NEGATIVE", "TRACE", "1+", "2+", "3+")
REACTIVE = ("NON-REACTIVE", "REACTIVE")
PRESENT = ("NEGATIVE", "POSITIVE")
TITRES = ("<1:40", "1:40", "1:80", "1:160", "1:320", "1:640", "1:1280", "1:2560")
FIELD = ("0-2", "3-5", "5-10", "10-20", "20-50", ">50")

# fmt: off
CHEMISTRY = (
    Measured("CHEM", "1751-7", "ALB", "Albumin", "g/dL", "g/dL", "3.5", "5.2", 1, "SERUM", 4.4, 0.05, -0.25),
    Measured("CHEM", "3094-0", "BUN", "Blood urea nitrogen", "mg/dL", "mg/dL", "7", "20", 0, "SERUM", 13, 0.18, 0.7),
    Measured("CHEM", "2160-0", "CREA", "Creatinine", "mg/dL", "mg/dL", "0.50", "1.10", 2, "SERUM", 0.72, 0.10, 0.65),
    Measured("CHEM", "2345-7", "GLU", "Glucose", "mg/dL", "mg/dL", "70", "99", 0, "SERUM", 90, 0.09, 0.08),
    Measured("CHEM", "3084-1", "URIC", "Uric acid", "mg/dL", "mg/dL", "2.6", "6.0", 1, "SERUM", 4.6, 0.14, 0.35),
    Measured("CHEM", "17861-6", "CA", "Calcium", "mg/dL", "mg/dL", "8.6", "10.3", 1, "SERUM", 9.5, 0.03, -0.04),
    Measured("CHEM", "2777-1", "PHOS", "Phosphorus", "mg/dL", "mg/dL", "2.5", "4.5", 1, "SERUM", 3.4, 0.10, 0.15),
    Measured("CHEM", "2823-3", "K", "Potassium", "mmol/L", "mmol/L", "3.5", "5.1", 1, "SERUM", 4.2, 0.06, 0.06),
    Measured("CHEM", "2951-2", "NA", "Sodium", "mmol/L", "mmol/L", "136", "145", 0, "SERUM", 140, 0.012, -0.01),
    Measured("CHEM", "14804-9", "LDH", "Lactate dehydrogenase", "U/L", "U/L", "125", "220", 0, "SERUM", 165, 0.12, 0.4),
    Measured("CHEM", "2885-2", "TP", "Total protein", "g/dL", "g/dL", "6.0", "8.3", 1, "SERUM", 7.2, 0.04, -0.08),
    Measured("CHEM", "19123-9", "MG", "Magnesium", "mg/dL", "mg/dL", "1.6", "2.6", 2, "SERUM", 2.02, 0.06, 0.0),
    Measured("CHEM", "6768-6", "ALP", "Alkaline phosphatase", "U/L", "U/L", "35", "104", 0, "SERUM", 68, 0.20, 0.1),
    Measured("CHEM", "1742-6", "ALT", "Alanine aminotransferase", "U/L", "U/L", "", "35", 0, "SERUM", 20, 0.30, 0.2, "5"),
    Measured("CHEM", "1920-8", "AST", "Aspartate aminotransferase", "U/L", "U/L", "", "35", 0, "SERUM", 21, 0.24, 0.25),
    Measured("CHEM", "1975-2", "TBIL", "Total bilirubin", "mg/dL", "mg/dL", "", "1.2", 1, "SERUM", 0.45, 0.35, 0.1, "0.2"),
)
INFLAMMATION = (
    Measured("INFLAMMATION", "30522-7", "HSCRP", "C-reactive protein, high sensitivity", "mg/L", "mg/L", "", "3.0", 2, "SERUM", 1.6, 0.8, 2.5, "0.15"),
    Measured("INFLAMMATION", "4537-7", "ESR", "Erythrocyte sedimentation rate", "mm/h", "mm/h", "0", "20", 0, "BLOOD", 14, 0.35, 2.2),
)
COUNT = (
    Measured("CBC", "718-7", "HGB", "Haemoglobin", "g/dL", "g/dL", "12.0", "16.0", 1, "BLOOD", 13.6, 0.05, -0.18),
    Measured("CBC", "4544-3", "HCT", "Haematocrit", "%", "%", "36.0", "46.0", 1, "BLOOD", 41.0, 0.05, -0.18),
    Measured("CBC", "6690-2", "WBC", "Leukocytes", "10*3/uL", "10*3/uL", "4.00", "11.00", 2, "BLOOD", 6.8, 0.18, -0.35),
    Measured("CBC", "751-8", "NEUT", "Neutrophils", "10*3/uL", "10*3/uL", "1.80", "7.70", 2, "BLOOD", 4.2, 0.20, -0.30),
    Measured("CBC", "731-0", "LYM", "Lymphocytes", "10*3/uL", "10*3/uL", "1.00", "4.80", 2, "BLOOD", 1.8, 0.20, -0.55),
    Measured("CBC", "742-7", "MONO", "Monocytes", "10*3/uL", "10*3/uL", "0.10", "0.90", 2, "BLOOD", 0.48, 0.22, -0.10),
    Measured("CBC", "711-2", "EOS", "Eosinophils", "10*3/uL", "10*3/uL", "", "0.50", 2, "BLOOD", 0.14, 0.40, -0.20, "0.02"),
    Measured("CBC", "704-7", "BASO", "Basophils", "10*3/uL", "10*3/uL", "", "0.20", 2, "BLOOD", 0.04, 0.35, -0.10, "0.02"),
    Measured("CBC", "789-8", "RBC", "Erythrocytes", "10*6/uL", "10*6/uL", "4.00", "5.20", 2, "BLOOD", 4.62, 0.05, -0.16),
    Measured("CBC", "777-3", "PLT", "Platelets", "10*3/uL", "10*3/uL", "150", "400", 0, "BLOOD", 262, 0.16, -0.30),
)
DIFFERENTIAL = (
    Measured("DIFFERENTIAL", "770-8", "NEUTP", "Neutrophils/100 leukocytes", "%", "%", "40.0", "74.0", 1, "BLOOD", 62.0, 0.08, 0.05),
    Measured("DIFFERENTIAL", "736-9", "LYMP", "Lymphocytes/100 leukocytes", "%", "%", "19.0", "48.0", 1, "BLOOD", 26.5, 0.12, -0.20),
    Measured("DIFFERENTIAL", "5905-5", "MONOP", "Monocytes/100 leukocytes", "%", "%", "3.0", "11.0", 1, "BLOOD", 7.2, 0.15, 0.0),
    Measured("DIFFERENTIAL", "713-8", "EOSP", "Eosinophils/100 leukocytes", "%", "%", "", "7.0", 1, "BLOOD", 2.2, 0.40, 0.0),
    Measured("DIFFERENTIAL", "706-2", "BASOP", "Basophils/100 leukocytes", "%", "%", "", "1.5", 1, "BLOOD", 0.6, 0.30, 0.0),
)
URINALYSIS = (
    Measured("UA", "5803-2", "UPH", "Urine pH", "[pH]", "[pH]", "5.0", "8.0", 1, "URINE", 6.1, 0.06, 0.0),
    Measured("UA", "5811-5", "USG", "Urine specific gravity", "", "", "1.005", "1.030", 3, "URINE", 1.017, 0.004, 0.0),
    Reported("UA", "20454-5", "UPROT", "Urine protein", "URINE", STRIP, -0.4, 4.0, expected="NEGATIVE"),
    Reported("UA", "25428-4", "UGLU", "Urine glucose", "URINE", STRIP, -0.6, 0.3, coded=True, expected="NEGATIVE"),
    Reported("UA", "2514-8", "UKET", "Urine ketones", "URINE", STRIP, -0.3, 0.2, coded=True, expected="NEGATIVE"),
    Reported("UA", "5770-3", "UBIL", "Urine bilirubin", "URINE", STRIP, -1.2, 0.2, coded=True, expected="NEGATIVE"),
    Measured("UA", "20405-7", "UURO", "Urine urobilinogen", "mg/dL", "mg/dL", "0.2", "1.0", 1, "URINE", 0.4, 0.45, 0.0, "0.2"),
    Reported("UA", "5799-2", "ULEU", "Urine leukocyte esterase", "URINE", STRIP, -0.6, 1.6, coded=True, expected="NEGATIVE"),
    Reported("UA", "5821-4", "UWBC", "Urine leukocytes, sediment", "URINE", FIELD, -0.2, 2.0, expected="0-5 /HPF"),
    Reported("UA", "13945-1", "URBC", "Urine erythrocytes, sediment", "URINE", FIELD, -0.3, 3.4, expected="0-2 /HPF"),
    Reported("UA", "24124-0", "UCAST", "Urine casts", "URINE", PRESENT, -0.5, 1.4, coded=True, expected="NEGATIVE"),
    Measured("UA", "2890-2", "UPCR", "Urine protein/creatinine", "mg/g", "mg/g", "", "200", 0, "URINE", 130, 0.40, 11.0, "50"),
)
COMPLEMENT = (
    Measured("COMPLEMENT", "4485-9", "C3", "Complement C3", "mg/dL", "mg/dL", "90", "180", 0, "SERUM", 122, 0.12, -0.50),
    Measured("COMPLEMENT", "4498-2", "C4", "Complement C4", "mg/dL", "mg/dL", "10", "40", 1, "SERUM", 22.0, 0.22, -0.75, "3.0"),
    Measured("COMPLEMENT", "5130-0", "DSDNA", "Anti-dsDNA antibody", "[IU]/mL", "[IU]/mL", "", "10", 0, "SERUM", 14, 0.55, 9.0, "5"),
)
AUTOIMMUNE = (
    Measured("AUTOIMMUNE", "2465-3", "IGG", "Total IgG", "mg/dL", "mg/dL", "700", "1600", 0, "SERUM", 1180, 0.16, 0.35),
    Reported("AUTOIMMUNE", "5048-4", "ANA", "Antinuclear antibody titre", "SERUM", TITRES, 4.0, 2.0, expected="<1:40"),
    Reported("AUTOIMMUNE", "", "ENASCR", "Extractable nuclear antigen antibody, screen", "SERUM", PRESENT, 0.5, 0.3, coded=True, expected="NEGATIVE"),
    Measured("AUTOIMMUNE", "18323-6", "SMAB", "Anti-Smith IgG antibody", "U/mL", "U/mL", "", "20", 0, "SERUM", 11, 0.8, 1.5, "3"),
    Reported("AUTOIMMUNE", "89506-0", "NUCLEO", "Anti-nucleosome antibody", "SERUM", PRESENT, 0.2, 0.8, coded=True, expected="NEGATIVE"),
)
ANA_SCREENING = (
    Reported("ANASCREENING", "5048-4", "ANA", "Antinuclear antibody titre", "SERUM", TITRES, 4.0, 2.0, expected="<1:40"),
)
URINE_24H = (
    Measured("URINE24H", "2889-4", "UP24", "Urine protein, 24 hours", "mg/(24.h)", "mg/(24.h)", "", "150", 0, "URINE24H", 120, 0.40, 11.0),
)
SEROLOGY = (
    Reported("SEROLOGY", "56888-1", "HIVCOMBO", "HIV antigen and antibody", "SERUM", REACTIVE, -1.5, coded=True, expected="NON-REACTIVE"),
    Reported("SEROLOGY", "5196-1", "HBSAG", "Hepatitis B surface antigen", "SERUM", REACTIVE, -1.5, coded=True, expected="NON-REACTIVE"),
    Reported("SEROLOGY", "13952-7", "HBCAB", "Hepatitis B core antibody", "SERUM", REACTIVE, -1.5, coded=True, expected="NON-REACTIVE"),
    Reported("SEROLOGY", "13955-0", "HCVAB", "Hepatitis C antibody", "SERUM", REACTIVE, -1.5, coded=True, expected="NON-REACTIVE"),
    Reported("SEROLOGY", "71773-6", "TBIGRA", "Tuberculosis interferon gamma release", "BLOOD", PRESENT, -1.5, coded=True, expected="NEGATIVE"),
    Reported("SEROLOGY", "13949-3", "CMVG", "Cytomegalovirus IgG antibody", "SERUM", PRESENT, 0.5, coded=True),
    Reported("SEROLOGY", "24119-0", "CMVM", "Cytomegalovirus IgM antibody", "SERUM", PRESENT, -1.5, coded=True, expected="NEGATIVE"),
)
CYTOKINES = (
    Measured("CYTOKINES", "27415-9", "BM-IFNG-S", "Interferon gamma, serum", "pg/mL", "pg/mL", "", "4.2", 2, "SERUM", 1.6, 0.5, 3.0, "0.80"),
    Measured("CYTOKINES", "26881-3", "BM-IL6-S", "Interleukin 6, serum", "pg/mL", "pg/mL", "", "7.0", 2, "SERUM", 1.9, 0.5, 4.0, "0.70"),
    Measured("CYTOKINES", "26848-2", "BM-IL10-S", "Interleukin 10, serum", "pg/mL", "pg/mL", "", "9.1", 2, "SERUM", 2.1, 0.45, 2.4, "1.20"),
    Measured("CYTOKINES", "", "BM-IL18-S", "Interleukin 18, serum", "pg/mL", "pg/mL", "", "477", 0, "SERUM", 210, 0.35, 1.6),
    Measured("CYTOKINES", "3074-2", "BM-TNFA-S", "Tumour necrosis factor alpha, serum", "pg/mL", "pg/mL", "", "8.1", 2, "SERUM", 4.4, 0.30, 1.5),
    Measured("CYTOKINES", "49853-5", "BM-TGFB1-P", "Transforming growth factor beta 1, plasma", "pg/mL", "pg/mL", "1654", "19951", 0, "PLASMA", 6200, 0.35, -0.3),
    Measured("CYTOKINES", "", "BM-CXCL10-S", "CXCL10, serum", "pg/mL", "pg/mL", "", "190", 0, "SERUM", 95, 0.35, 4.5),
    Measured("CYTOKINES", "", "BM-CCL2-S", "CCL2, serum", "pg/mL", "pg/mL", "", "420", 0, "SERUM", 230, 0.30, 1.3),
    Measured("CYTOKINES", "", "BM-CXCL10-U", "CXCL10, urine", "pg/mL", "pg/mL", "", "", 1, "URINE", 22, 0.5, 5.0, "8.0"),
    Measured("CYTOKINES", "", "BM-CCL2-U", "CCL2, urine", "pg/mL", "pg/mL", "", "", 0, "URINE", 160, 0.45, 4.0),
    Measured("CYTOKINES", "74099-3", "BM-NGAL-U", "Neutrophil gelatinase-associated lipocalin, urine", "ng/mL", "ng/mL", "", "149", 1, "URINE", 14, 0.5, 3.5),
    Measured("CYTOKINES", "", "BM-ET1-U", "Endothelin 1, urine", "pg/mL", "pg/mL", "", "", 2, "URINE", 1.4, 0.4, 2.2, "0.50"),
    Measured("CYTOKINES", "", "BM-KIM1-U", "Kidney injury molecule 1, urine", "ng/mL", "ng/mL", "", "", 2, "URINE", 0.62, 0.5, 2.6, "0.10"),
)
SUBSETS = (
    Measured("SUBSETS", "8122-4", "FC-CD3", "CD3+ T lymphocytes", "cells/uL", "/uL", "690", "2540", 0, "BLOOD", 1310, 0.22, -0.45),
    Measured("SUBSETS", "24467-3", "FC-CD4", "CD3+CD4+ T lymphocytes", "cells/uL", "/uL", "410", "1590", 0, "BLOOD", 770, 0.24, -0.50),
    Measured("SUBSETS", "14135-8", "FC-CD8", "CD3+CD8+ T lymphocytes", "cells/uL", "/uL", "190", "1140", 0, "BLOOD", 470, 0.26, -0.35),
    Measured("SUBSETS", "8116-6", "FC-CD19", "CD19+ B lymphocytes", "cells/uL", "/uL", "90", "660", 0, "BLOOD", 210, 0.35, -0.40),
    Measured("SUBSETS", "20402-4", "FC-NK", "CD16+CD56+ natural killer cells", "cells/uL", "/uL", "90", "590", 0, "BLOOD", 190, 0.35, -0.45),
    Measured("SUBSETS", "", "FC-CMONO", "Classical monocytes/monocytes", "%", "%", "", "", 1, "BLOOD", 82.0, 0.05, -0.08),
    Measured("SUBSETS", "", "FC-PDC", "Plasmacytoid dendritic cells/leukocytes", "%", "%", "", "", 2, "BLOOD", 0.24, 0.35, -0.50, "0.02"),
)
PREGNANCY_SERUM = (
    Measured("PREGNANCYSERUM", "21198-7", "HCGS", "Beta-hCG, serum", "m[IU]/mL", "m[IU]/mL", "", "5", 0, "SERUM", 1.2, 0.2, 0.0, "5"),
)
PREGNANCY_URINE = (
    Reported("PREGNANCYURINE", "2106-3", "HCGU", "Pregnancy test, urine", "URINE", PRESENT, -2.0, coded=True, expected="NEGATIVE"),
)
# fmt: on

PANELS: dict[str, tuple[Measured | Reported, ...]] = {
    "CHEM": CHEMISTRY,
    "CBC": COUNT,
    "DIFFERENTIAL": DIFFERENTIAL,
    "UA": URINALYSIS,
    "COMPLEMENT": COMPLEMENT,
    "INFLAMMATION": INFLAMMATION,
    "AUTOIMMUNE": AUTOIMMUNE,
    "ANASCREENING": ANA_SCREENING,
    "URINE24H": URINE_24H,
    "SEROLOGY": SEROLOGY,
    "CYTOKINES": CYTOKINES,
    "SUBSETS": SUBSETS,
    "PREGNANCYSERUM": PREGNANCY_SERUM,
    "PREGNANCYURINE": PREGNANCY_URINE,
}
PANEL_CODES = {
    "CHEM": ("24323-8", "Comprehensive metabolic panel"),
    "CBC": ("57021-8", "Complete blood count with differential"),
    "UA": ("24356-8", "Urinalysis, complete"),
}
RESEARCH_PANELS = frozenset({"CYTOKINES", "SUBSETS"})

SI = {
    "ALB": ("1751-7", "g/L", 10.0, 0),
    "BUN": ("14937-7", "mmol/L", 0.357, 1),
    "CREA": ("14682-9", "umol/L", 88.4, 0),
    "GLU": ("14749-6", "mmol/L", 0.0555, 1),
    "URIC": ("14933-6", "umol/L", 59.48, 0),
    "CA": ("2000-8", "mmol/L", 0.2495, 2),
    "PHOS": ("14879-1", "mmol/L", 0.3229, 2),
    "TP": ("2885-2", "g/L", 10.0, 0),
    "TBIL": ("14631-6", "umol/L", 17.1, 1),
    "HGB": ("718-7", "g/L", 10.0, 0),
    "C3": ("4485-9", "g/L", 0.01, 2),
    "C4": ("4498-2", "g/L", 0.01, 2),
    "IGG": ("2465-3", "g/L", 0.01, 1),
}
"""Local code -> LOINC code, UCUM unit and decimal places in SI, and the factor to them."""


def in_si(test: Measured | Reported) -> Measured | Reported:
    """Return a test as a laboratory does it that reports in SI units.

    Example:
        >>> creatinine = next(test for test in CHEMISTRY if test.local == "CREA")
        >>> in_si(creatinine).unit, in_si(creatinine).high
        ('umol/L', '97')
    """
    if test.local not in SI or isinstance(test, Reported):
        return test
    loinc, unit, factor, places = SI[test.local]

    def told(limit: str) -> str:
        return f"{float(limit) * factor:.{places}f}" if limit else ""

    return replace(
        test,
        loinc=loinc,
        unit=unit,
        ucum=unit,
        low=told(test.low),
        high=told(test.high),
        floor=told(test.floor),
        places=places,
        centre=test.centre * factor,
    )


REFLEX = {
    "HBVDNA": Measured(
        "SEROLOGY",
        "42595-9",
        "HBVDNA",
        "Hepatitis B virus DNA",
        "[IU]/mL",
        "[IU]/mL",
        "",
        "",
        0,
        "SERUM",
        floor="10",
    ),
    "HCVRNA": Measured(
        "SEROLOGY",
        "11011-4",
        "HCVRNA",
        "Hepatitis C virus RNA",
        "[IU]/mL",
        "[IU]/mL",
        "",
        "",
        0,
        "SERUM",
        floor="15",
    ),
}
"""The nucleic acid tests that a reactive screening test sets off."""
