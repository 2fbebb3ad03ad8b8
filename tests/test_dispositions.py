"""The file of dispositions: what it may say, and of which findings it speaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.dispositions import (
    Cause,
    Disposition,
    Dispositions,
    dispositions_beside,
    read_dispositions,
    to_toml,
)
from trialbridge.errors import ConfigurationError

SAID = 'explanation = "so collected"\nwho = "J. Roe"\nwhen = "2026-11-22"\n'


def read(tmp_path: Path, text: str) -> Dispositions:
    path = tmp_path / "dispositions.toml"
    path.write_text(text, encoding="utf-8")
    return read_dispositions(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[finding]]\n", "there is no 'finding'"),
        ("[disposition]\nrule = 'r'\n", "[[disposition]]"),
        ("[[disposition]]\ndataset = 'AE'\n", "rule is missing"),
        ("[[disposition]]\nrule = 'r'\nexplanation = 'so'\n", "who is missing"),
        ("[[disposition]]\nrule = 'r'\nwhen = 'May'\n", "when is no day: May"),
        ("[[disposition]]\nrule = 'r'\ncount = 0\n", "count is not a number from 1"),
        ("[[disposition]]\nrule = 'r'\nvariables = 'AEOUT'\n", "variables is not a list"),
        ("[[disposition]]\nrule = 'r'\nvalues = 'AEOUT'\n", "values is not a table"),
        ("[[disposition]]\nrule = 'r'\nreason = 'so'\n", "has no field 'reason'"),
        ("[[disposition]]\nrule = 'r'\n[[disposition]]\nrule = 'r'\n", "two blocks speak of r"),
        ("rule =", "nvalid"),
    ],
)
def test_a_block_that_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"dispositions\.toml") as refused:
        read(tmp_path, text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("scope", "cause", "explains"),
    [
        ("", Cause("r", "AE", ("AEOUT",), {"AEOUT": "FATAL"}, 9), True),
        ("", Cause("other", "AE"), False),
        ("dataset = 'AE'", Cause("r", "AE"), True),
        ("dataset = 'AE'", Cause("r", "CM"), False),
        ("dataset = 'AE'", Cause("r"), False),
        ("variables = ['AEOUT', 'AESDTH']", Cause("r", "AE", ("AEOUT",)), True),
        ("variables = ['AEOUT']", Cause("r", "AE", ("AEOUT", "AESDTH")), False),
        ("values = {LBTESTCD = 'PH'}", Cause("r", "LB", values={"LBTESTCD": "PH"}), True),
        ("values = {LBTESTCD = 'PH'}", Cause("r", "LB", values={"LBTESTCD": "GLUC"}), False),
        ("count = 3", Cause("r", count=3), True),
        ("count = 3", Cause("r", count=4), False),
    ],
)
def test_a_block_explains_what_it_speaks_of(tmp_path: Path, scope: str, cause: Cause, explains: bool) -> None:
    found = read(tmp_path, f"[[disposition]]\nrule = 'r'\n{scope}\n{SAID}").explanation(cause)
    assert (found is not None) == explains


def test_the_closest_block_counts_even_where_it_is_blank(tmp_path: Path) -> None:
    text = f"[[disposition]]\nrule = 'r'\n{SAID}[[disposition]]\nrule = 'r'\ndataset = 'AE'\n"
    made = read(tmp_path, text)
    assert made.explanation(Cause("r", "CM")) is not None
    assert made.explanation(Cause("r", "AE")) is None


def test_the_file_is_found_beside_the_data(tmp_path: Path) -> None:
    (tmp_path / "sdtm").mkdir()
    (tmp_path / "sdtm" / "ae.xpt").touch()
    assert dispositions_beside([tmp_path / "sdtm"]) is None
    of_run = tmp_path / "dispositions.toml"
    of_run.touch()
    assert dispositions_beside([tmp_path / "sdtm"]) == dispositions_beside([tmp_path]) == of_run
    own = tmp_path / "sdtm" / "dispositions.toml"
    own.touch()
    assert dispositions_beside([tmp_path / "sdtm" / "ae.xpt"]) == own


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


blocks = st.builds(
    Disposition,
    text.filter(bool),
    text,
    st.lists(text, max_size=3).map(tuple),
    st.dictionaries(text, text, max_size=3),
    st.integers(0, 9),
)


@given(blocks, text)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, one: Disposition, said: str
) -> None:
    path = tmp_path_factory.mktemp("d") / "d.toml"
    path.write_text(to_toml([(one, said)]), encoding="utf-8")
    assert read_dispositions(path).made == (one,)
