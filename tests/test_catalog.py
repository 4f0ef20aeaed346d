"""The catalog: each row has a source, sizes are bytes, unknown names are helped along."""

import json
from collections import Counter
from collections.abc import Callable
from importlib.resources import files

import pytest

from estimator import catalog
from estimator.catalog.configurations import configurations, read_entry
from estimator.catalog.systems import _system
from estimator.model_storage import scaled_bits_per_weight
from estimator.units import GB, GiB, MiB


@pytest.mark.parametrize(
    "row",
    [
        *catalog.models().values(),
        *catalog.accelerators().values(),
        *catalog.rates().values(),
        *catalog.precisions().values(),
    ],
    ids=lambda row: getattr(row, "name", None) or row.key,
)
def test_every_row_has_a_source(row: object) -> None:
    assert len(getattr(row, "source", "")) > 10


def test_no_two_models_have_one_name() -> None:
    """Panels list them by it; a model of the course may be called like the one it rounds."""
    for names in (
        [one.name for one in configurations().values()],
        [one.name for one in catalog.models().values() if one.exact],
    ):
        twice = [name for name, count in Counter(names).items() if count > 1]
        assert not twice, "give one of them the part of its name that differs"


def test_the_three_memories_of_an_accelerator() -> None:
    h100, a100 = catalog.accelerator("H100-SXM"), catalog.accelerator("A100-SXM-80GB")
    assert (h100.sold_bytes, h100.driver_bytes) == (80 * GB, 81_559 * MiB)
    assert h100.framework_bytes == round(79.19 * GiB)
    assert h100.memory_bytes == h100.driver_bytes
    assert a100.memory_bytes == a100.driver_bytes == 80 * GiB
    assert catalog.accelerator("TPU-v5e").memory_bytes == 16 * GB


def test_rates_are_dense_and_in_base_units() -> None:
    h100 = catalog.accelerator("H100-SXM")
    assert h100.flops_per_s == {16: 989e12, 8: 1979e12}
    assert h100.bytes_per_s == 3350e9
    assert catalog.rate("ethernet_10g").value == 1.25e9
    assert catalog.rate("rtt_data_centre").value == pytest.approx(0.0005)


def test_every_accelerator_is_plausible() -> None:
    for one in catalog.accelerators().values():
        assert 10 * GB < one.memory_bytes < 300 * GB
        assert 1e11 < one.bytes_per_s < 1e13
        assert 1e13 < one.flops_per_s[16] < 1e16
        if one.driver_bytes:
            assert 0.9 < one.driver_bytes / one.sold_bytes < 1.08


def test_the_courses_models_are_rounded_and_the_others_exact() -> None:
    rounded = [m.key for m in catalog.models().values() if not m.exact]
    assert rounded == [k for k in catalog.models() if k.startswith("course-")]
    assert catalog.model("llama-3.2-3b").n_params == 3_212_749_824


def test_a_mixture_stores_more_than_it_uses() -> None:
    for one in catalog.models().values():
        assert one.n_active_params is None or one.n_active_params < one.n_params


def test_precisions_share_their_scales() -> None:
    bits = {p.name: p.bits_per_weight for p in catalog.precisions().values()}
    assert bits["INT4 g128"] == scaled_bits_per_weight(4) == 4.125
    assert (bits["MXFP4"], bits["NVFP4"], bits["BF16"], bits["TF32"]) == (4.25, 4.5, 16, 32)


@pytest.mark.parametrize(
    ("find", "name", "hint"),
    [
        (catalog.model, "llama-3", "did you mean 'course-llama-3.2-3b' or 'llama-3.2-1b'"),
        (catalog.accelerator, "A100", "did you mean 'A100-SXM-40GB' or 'A100-SXM-80GB'"),
        (catalog.accelerator, "h100-smx", "did you mean 'H100-SXM'"),
        (catalog.precision, "int5", "did you mean"),
        (catalog.rate, "zzz", "choose one of"),
    ],
)
def test_an_unknown_name_is_helped_along(
    find: Callable[[str], object], name: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint):
        find(name)


def test_an_entry_that_lacks_something_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"mine of configs.json lacks parameters, source: give"):
        read_entry("mine", {"name": "Mine", "config": {}})


def test_a_system_with_strange_keys_is_told_by_its_name() -> None:
    entries = json.loads((files("estimator.catalog") / "systems.json").read_text("utf-8"))
    text = next(entry for entry in entries if entry["key"] == "text")
    assert _system({k: v for k, v in text.items() if k != "course_units"}).course_units is None
    broken = {k: v for k, v in text.items() if k != "passes"} | {"colour": "red"}
    with pytest.raises(ValueError, match=r"'text' of systems.json lacks passes and has colour"):
        _system(broken)
