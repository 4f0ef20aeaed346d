"""The parts of a token's time: they add up to it, whatever takes longest."""

from dataclasses import replace
from itertools import pairwise

import pytest

from estimator.catalog import serving
from estimator.engine import Layout, Numerics, Service, replica, serve
from estimator.lesson import lesson_06, lesson_06_panel
from estimator.lesson.lesson_04_step import real_steps_table
from estimator.lesson.lesson_05_case import case
from estimator.lesson.lesson_05_engine import step_table
from estimator.lesson.lesson_06_case import estimate
from estimator.lesson.lesson_06_panel import PROMISED
from estimator.lesson.token_parts import PROMPTS, TokenParts, multiplies, part_names, token_parts
from tests.seen import rows

CONSTANTS = serving.step_constants().fit.constants


def taken(model: str, ranks: int, batch: int) -> tuple[Service, TokenParts]:
    hardware = serving.hardware("H100-SXM")
    made = replica(serving.decoder(model), Numerics(), hardware, Layout(tensor=ranks))
    service = serve(made, CONSTANTS, batch, 512, 512)
    return service, token_parts(service, made, CONSTANTS)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "mixtral-8x7b"])
@pytest.mark.parametrize("ranks", [2, 8])
@pytest.mark.parametrize("batch", [1, 64, 4096])
def test_the_parts_add_up_to_a_token(model: str, ranks: int, batch: int) -> None:
    service, parts = taken(model, ranks, batch)
    assert min(parts[:-1]) > 0
    assert (parts.prompts > 0) == (batch > 1)
    assert sum(parts) == pytest.approx(service.token_seconds)


def test_one_accelerator_exchanges_nothing() -> None:
    assert taken("llama-3.1-8b", 1, 1)[1].exchanges == 0


def test_a_large_batch_multiplies_for_longer_than_it_reads() -> None:
    few, many = taken("llama-3.1-8b", 1, 8), taken("llama-3.1-8b", 1, 4096)
    assert not multiplies(few[0])
    assert multiplies(many[0])
    assert few[1].products == few[0].weight_seconds == many[0].weight_seconds
    assert many[1].products == many[0].matmul_seconds > few[1].products


def test_layers_cost_the_same_at_every_batch_and_the_rest_grows() -> None:
    found = [taken("mixtral-8x7b", 2, batch)[1] for batch in (1, 8, 64)]
    assert {parts.layers for parts in found} == {32 * CONSTANTS.layer_seconds}
    for small, large in pairwise(found):
        assert small.caches < large.caches
        assert small.sequences < large.sequences
        assert small.prompts < large.prompts


def test_each_part_has_one_name_in_all_lessons() -> None:
    few, many = (taken("llama-3.1-8b", 2, batch)[0] for batch in (8, 4096))
    assert part_names(few) == ("weights", "caches", "exchanges", "layers", "sequences", PROMPTS)
    assert part_names(many)[0] == "arithmetic"
    assert part_names(few, mixture=True)[4] == "sequences and routing"
    assert len(part_names(few)) == len(TokenParts._fields)
    bars = [list(rows(table)) for table in (lesson_06.one_run_table(), step_table(case("text")))]
    panel = lesson_06_panel.parts_table(estimate(replace(PROMISED, batch=64)))
    assert bars[0] == list(rows(panel)) == list(part_names(few))
    assert bars[1] == ["arithmetic", "caches", "layers", "sequences", PROMPTS]
    assert set(bars[1][1:]) < set(real_steps_table().headers)
