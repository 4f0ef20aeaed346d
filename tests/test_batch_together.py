"""All that is wrong with a file at once, in the order of its rows: both ways say the same."""

from pathlib import Path

import pytest

from tests.scenarios import batch

SERVICE = Path(__file__).parents[1] / "notebooks" / "05-size-a-service.ipynb"


WRONG_IN_PART = """\
name,system,model,accelerator,usd_per_accelerator_hour,users,others
a,,,T4,,-1,
b,image,llama-3.1-8b,T4,,-1,pue = 0.1
c,image,llama-3.1-8x,TPU-v4,x,,
d,,,TPU-v4,1,,pue = 0.1
e,image,llama-3.1-8b,T5,,,
"""


def refusals(scenarios: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> list[str]:
    """What a batch says of each row that it refuses, up to the first comma."""
    assert batch(SERVICE, scenarios, scenarios.parent / "out", *options) == 2
    said = capsys.readouterr().err
    return [line.strip().partition(",")[0] for line in said.splitlines() if "  row" in line]


@pytest.mark.parametrize("options", [[], ["--table-only"]])
def test_contradictions_are_told_of_rows_whose_names_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    scenarios = tmp_path / "s.csv"
    scenarios.write_text(
        "name,accelerator,others\nbad/name,T4,\na,T4,pue = 1.2\na,TPU-v4,\nb,T4,pue = 0.1\n"
    )
    assert refusals(scenarios, capsys, options) == [
        "row 2: the name 'bad/name' would leave the folder or be hidden: name a file",
        "row 2: usd_per_accelerator_hour is 0",
        "row 3: usd_per_accelerator_hour is 0",
        "row 4: the name 'a' is that of row 3: give another",
        "row 4: usd_per_accelerator_hour is 0",
        "row 4: accelerator_watts is 0",
        "row 5: pue is 0.1",
        "row 5: usd_per_accelerator_hour is 0",
    ]


@pytest.mark.parametrize("options", [[], ["--table-only"]])
def test_what_is_right_in_a_row_is_held_against_the_rest_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    scenarios = tmp_path / "s.csv"
    scenarios.write_text(WRONG_IN_PART)
    assert refusals(scenarios, capsys, options) == [
        "row 2: users is -1",
        "row 2: usd_per_accelerator_hour is 0",
        "row 3: users is -1",
        "row 3: pue is 0.1",
        "row 3: model is 'llama-3.1-8b'",
        "row 3: usd_per_accelerator_hour is 0",
        "row 4: model is 'llama-3.1-8x'",  # a price that is wrong may be the one that is missing
        "row 4: usd_per_accelerator_hour is 'x'",
        "row 4: accelerator_watts is 0",
        "row 5: pue is 0.1",  # and so may watts in others
        "row 6: accelerator is 'T5'",
        "row 6: model is 'llama-3.1-8b'",
    ]


@pytest.mark.parametrize("options", [[], ["--table-only"]])
def test_the_first_hundred_problems_are_those_of_the_first_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    rows = [f"a,{n},T4\n" if n % 2 else f"b{n},0,\n" for n in range(150)]
    scenarios = tmp_path / "s.csv"
    scenarios.write_text("name,users,accelerator\n" + "".join(rows))
    assert batch(SERVICE, scenarios, tmp_path / "out", *options) == 2
    found = [line.strip() for line in capsys.readouterr().err.splitlines() if "row" in line]
    assert [int(line.partition(":")[0].removeprefix("row ")) for line in found[:-1]] == sorted(
        [*range(2, 69), *range(5, 69, 2), 69]
    )
    assert found[-1] == "and 124 more, in rows 69 to 151"
