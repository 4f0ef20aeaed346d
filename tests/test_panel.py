"""A panel in plain Python: values are set as the browser sets them, and the page is read."""

import html
import math
import re

import pytest

from estimator.lesson.controls import OWN, Choice, Number
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_00 import envelope_panel
from estimator.lesson.lesson_01 import storage_panel
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.tables import Table
from estimator.units import number_text
from tests.seen import page, status


def storage(**changes: object) -> Panel:
    given = {"n_params": 3_000_000_000, "bits_per_weight": 16, "replicas": 1}
    return storage_panel(Inputs(**{**given, **changes}))


def envelope() -> Panel:
    given = {"users": 100e6, "requests_per_user": 10, "n_params": 3e9, "bits_per_weight": 16}
    return envelope_panel(Inputs(**given, output_tokens=500, accelerator="A100-SXM-80GB"))


def echo(users: float, kind: str) -> Answer:
    if users == 13:
        raise RuntimeError("<boom>")
    return Answer(f"{number_text(users)} {kind}", (Table(("a",), [("b",)]),), "score", users == 7)


def small_panel() -> Panel:
    controls = (
        Number("users", 5, 1, 100),
        Choice("kind", "Kind", {"cats": "cats", "dogs": "dogs & co", OWN: OWN}, "cats", "Which",
               fills=lambda kind: {"users": {"cats": 5, "dogs": 7}[kind]}),
    )  # fmt: skip
    return Panel("Title <b>", "seven", controls, echo)


def test_the_first_answer_stands_in_the_status_line() -> None:
    assert status(storage()) == "Llama 3.2 (3B) at FP16: 6.00 GB (5.59 GiB)."


def test_a_typed_number_answers_moves_the_slider_and_makes_the_model_ones_own() -> None:
    panel = storage()
    panel.boxes["n_params"].value = 7
    assert status(panel) == "7,000,000,000 parameters at FP16: 14.00 GB (13.04 GiB)."
    assert panel.boxes["model"].value == OWN
    assert panel.sliders["n_params"].value == pytest.approx(7)


def test_a_dragged_slider_writes_its_box() -> None:
    panel = storage()
    panel.sliders["replicas"].value = 4
    assert panel.boxes["replicas"].value == 4
    assert "4 copies 24.00 GB" in status(panel)


def test_a_chosen_model_and_precision_fill_their_numbers() -> None:
    panel = storage()
    panel.boxes["model"].value = "llama-3.1-70b"
    panel.boxes["precision"].value = "INT4 g128"
    assert panel.boxes["n_params"].value == pytest.approx(70.553706496)
    assert panel.boxes["bits_per_weight"].value == 4.125
    assert status(panel) == "Llama 3.1 70B at INT4 g128: 36.38 GB (33.88 GiB)."


def test_a_browser_that_rounds_a_slider_to_its_grid_changes_nothing() -> None:
    panel = storage()
    panel.sliders["n_params"].value = 10**0.48
    assert panel.boxes["n_params"].value == 3
    assert panel.boxes["model"].value == "course-llama-3.2-3b"


@pytest.mark.parametrize("direction", [1, -1])
def test_every_single_step_of_a_slider_counts(direction: int) -> None:
    panel = storage()
    slider = panel.sliders["n_params"]
    slider.value = 10 ** (0.48 + direction * 0.02)
    assert panel.boxes["n_params"].value == pytest.approx(10 ** (0.48 + direction * 0.02), rel=2e-3)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "n_params",
            -5,
            "the number of parameters, in billions, must be more than 0, at most 1,000,000: give",
        ),
        ("n_params", float("nan"), "n_params is nan, but"),
        ("bits_per_weight", 0, "bits_per_weight is 0, but the bits per weight must be more than 0"),
        ("bits_per_weight", 65, "at most 64 bits: give for example 16."),
        ("replicas", 2.5, "replicas is 2.5, but the number of copies must be a whole number"),
    ],
)
def test_what_cannot_be_is_told_and_the_last_answer_stays(
    name: str, value: float, sentence: str
) -> None:
    panel = storage()
    before = panel.sliders[name].value
    panel.boxes[name].value = value
    assert sentence in status(panel)
    assert "Below stands the last answer" in page(panel)
    assert "6.00 GB (5.59 GiB)" in page(panel)
    assert panel.sliders[name].value == before
    assert len(panel.errors) == 1
    panel.boxes[name].value = {"n_params": 3, "bits_per_weight": 16, "replicas": 1}[name]
    assert "Below stands the last answer" not in page(panel)
    assert "6.00 GB (5.59 GiB)" in status(panel)


def test_two_problems_are_told_at_once() -> None:
    panel = storage()
    panel.boxes["n_params"].value = -1
    panel.boxes["replicas"].value = 0
    assert "n_params is -1," in status(panel)
    assert "replicas is 0," in status(panel)


def test_no_error_is_lost() -> None:
    panel = small_panel()
    panel.boxes["users"].value = 13
    assert "The panel failed with RuntimeError: <boom>" in status(panel)
    assert "&lt;boom&gt;" in panel.output.value
    assert "<summary>Trace</summary>" in panel.output.value
    assert isinstance(panel.errors[-1], RuntimeError)
    panel.boxes["users"].value = 7
    assert status(panel) == "7 my own"


def test_the_task_is_scored() -> None:
    panel = small_panel()
    assert "Task: seven Not yet: score" in re.sub(" +", " ", page(panel))
    panel.boxes["kind"].value = "dogs"
    assert "✔ Solved: score" in re.sub(" +", " ", page(panel))


def test_the_storage_task_has_one_solution() -> None:
    panel = storage(n_params=70_553_706_496)
    assert panel.last.score == "the weights are 1.64 times the memory."
    panel.boxes["precision"].value = "INT4"
    assert panel.last.score == "it fits, but so does FP8, which is wider."
    panel.boxes["precision"].value = "INT8"
    assert panel.last.solved


def test_the_envelope_task_has_a_solution() -> None:
    panel = envelope()
    assert "112 accelerators of type A100-SXM-80GB" in status(panel)
    panel.boxes["users"].value = 8.64
    assert panel.last.solved


def test_every_control_is_named_and_a_box_takes_the_keyboard() -> None:
    for panel in (storage(), small_panel()):
        for box in panel.boxes.values():
            assert box.description
        for slider in panel.sliders.values():
            assert slider.readout is False


def test_inputs_beyond_the_slider_and_off_the_lists_are_kept() -> None:
    panel = storage(n_params=5e12, bits_per_weight=5, replicas=1000)
    assert "5,000,000,000,000 parameters at 5 bits a weight: 3.12 TB" in status(panel)
    assert panel.boxes["n_params"].value == 5000
    assert panel.sliders["n_params"].value == 1000


def test_without_a_kernel_the_same_answer_is_static() -> None:
    panel = storage()
    bundle = panel._repr_mimebundle_()
    static = html.unescape(re.sub(r"<[^>]+>", " ", bundle["text/html"]))
    assert "Llama 3.2 (3B) at FP16: 6.00 GB (5.59 GiB)." in static
    assert "Number of parameters, in billions" in static
    assert "MI300X" in static
    assert bundle["text/plain"].startswith("Panel: How many bytes")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_titles_and_texts_are_escaped() -> None:
    panel = small_panel()
    assert "Title &lt;b&gt;" in panel._repr_mimebundle_()["text/html"]
    assert "Title <b>" not in panel._repr_mimebundle_()["text/html"]


def test_the_glossary_describes_every_control() -> None:
    rows = storage().glossary().rows
    assert [row[0] for row in rows] == [
        "Model",
        "Number of parameters, in billions",
        "Precision",
        "Bits per weight",
        "Number of copies",
    ]


@pytest.mark.parametrize("away", [0.5, 0.46, 1.0])
def test_a_slider_that_comes_back_gives_back_what_was_typed(away: float) -> None:
    panel = storage()
    slider = panel.sliders["n_params"]  # a browser's grid has a stop at 0.48, and 3 is at 0.4771
    slider.value = 10**away
    assert panel.boxes["n_params"].value == pytest.approx(10**away, rel=2e-3)
    slider.value = 10**0.48
    assert panel.boxes["n_params"].value == 3
    panel.boxes["n_params"].value = 70.553706496
    slider.value = 10**1.9
    slider.value = 10**1.84
    assert panel.boxes["n_params"].value == 70.553706496


def test_a_slider_comes_back_to_what_a_list_filled_in() -> None:
    panel = storage()
    panel.boxes["model"].value = "llama-3.1-70b"
    for position in (1.86, 1.84):
        panel.sliders["n_params"].value = 10**position
    assert panel.boxes["n_params"].value == pytest.approx(70.553706496, rel=1e-12)


def test_a_value_beyond_the_slider_s_end_is_at_its_end() -> None:
    panel = storage(n_params=5e12)
    for position in (2.98, 3):
        panel.sliders["n_params"].value = 10**position
    assert panel.boxes["n_params"].value == 5000


def test_a_result_too_large_names_the_controls_that_make_it_so() -> None:
    panel = envelope()
    panel.boxes["output_tokens"].value = 1e300
    assert status(panel) == (
        "⚠ The compute time of a request is too large for a number: give a less extreme value for "
        '"Output tokens".'
    )
    assert "112 accelerators" in page(panel)
    panel.boxes["output_tokens"].value = 500
    assert "112 accelerators" in status(panel)


def test_a_result_too_large_of_no_formula_names_every_number() -> None:
    def too_large(users: float) -> Answer:
        return Answer(number_text(10**310 / users if users != 5 else 1), ())

    panel = Panel("Title", "none", (Number("users", 5, 1, 100),), too_large)
    panel.boxes["users"].value = 6
    assert status(panel) == (
        '⚠ The answer is too large for a number: give a less extreme value for "Number of users".'
    )


@pytest.mark.parametrize("name", ["users", "n_params"])
def test_a_service_has_users_and_a_model_parameters(name: str) -> None:
    panel = envelope()
    panel.boxes[name].value = 0
    assert f"{name} is 0, but the number of" in status(panel)
    assert "must be more than 0" in status(panel)


def count_panel() -> Panel:
    control = Number("replicas", 64, 1, 512, log=True)
    return Panel("Title", "none", (control,), lambda replicas: Answer(number_text(replicas), ()))


def test_a_count_s_slider_is_moved_only_where_it_left_its_box() -> None:
    panel = count_panel()
    slider, step = panel.sliders["replicas"], math.log10(512) / 200
    slider.value = 10 ** (134 * step)
    assert (panel.boxes["replicas"].value, slider.value) == (65, 10 ** (134 * step))
    slider.value = 10 ** (133 * step)
    assert panel.boxes["replicas"].value == 64
    panel.boxes["replicas"].value = 1
    slider.value = 10**step
    assert (panel.boxes["replicas"].value, slider.value) == (2, 2)
    slider.value = 10 ** (21 * step)
    assert (panel.boxes["replicas"].value, slider.value) == (1, 1)


def test_users_typed_in_millions_are_whole_ones() -> None:
    users = Number("users", 5, 1, 100, scale=1e6, scale_name="in millions")
    assert users.check(1.2345678) == 1_234_568
    with pytest.raises(
        ValueError, match=r"users is 1e-09, but .*, in millions, must be more than 0"
    ):
        users.check(1e-9)
