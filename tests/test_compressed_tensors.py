"""What compressed-tensors stores beside a weight: scales, zero points, orders and shapes."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.compressed_tensors import cache_scales, only_group, read_compressed
from estimator.matrices import Scales
from estimator.quantization_values import Quantized, block, flag, group, targets, whole

SHAPE = Scales(2 * 64, 0, 0)
GLOBAL = Scales(32, 0, 0)


def read(weights: dict[str, Any], form: str | None = None, **group: Any) -> Quantized:
    """The one group of a configuration of whole numbers of 8 bits, unless it says more."""
    given = {"num_bits": 8, "type": "int", "symmetric": True, **weights}
    groups = {"group_0": {"targets": ["Linear"], "weights": given, **group}}
    return read_compressed({"config_groups": groups, "format": form})


FP4 = {"num_bits": 4, "type": "float", "group_size": 16}


@pytest.mark.parametrize(
    ("weights", "scales"),
    [
        ({}, [Scales(16, 0, 0)]),
        ({"strategy": "tensor"}, [Scales(16, 0, 0)]),
        ({"strategy": "tensor", "group_size": -1}, [Scales(16, 0, 0)]),
        ({"symmetric": False}, [Scales(16 + 8, 0, 0)]),
        ({"symmetric": None}, [Scales(16, 0, 0)]),
        ({"group_size": -1}, [Scales(16, 0)]),
        ({"strategy": "channel"}, [Scales(16, 0)]),
        ({"strategy": "channel", "symmetric": False}, [Scales(16, 0), Scales(8, 0)]),
        ({"group_size": 32}, [Scales(16, 32)]),
        ({"strategy": "group", "group_size": 32, "symmetric": False},
         [Scales(16, 32), Scales(8, 32)]),
        ({"strategy": "block", "block_structure": [128, 64]}, [Scales(16, 64, 128)]),
        ({"strategy": "block", "block_structure": [128, 64], "symmetric": False},
         [Scales(16 + 8, 64, 128)]),
        ({"type": "float"}, [Scales(16, 0, 0)]),
        ({"type": "float", "num_bits": 4, "group_size": 32}, [Scales(8, 32)]),
        ({**FP4, "strategy": "tensor_group"}, [Scales(8, 16), GLOBAL]),
        *(({"group_size": 32, "actorder": order}, [Scales(16, 32), Scales(32, 1, 0)])
          for order in (True, "group", "dynamic")),
        *(({"group_size": 32, "actorder": order}, [Scales(16, 32)])
          for order in (False, None, "weight", "static")),
        ({"strategy": "channel", "actorder": "group"}, [Scales(16, 0)]),
        *(({"scale_dtype": name}, [Scales(bits, 0, 0)]) for name, bits in {
            "torch.float8_e4m3fn": 8, "uint8": 8, "float16": 16, "torch.bfloat16": 16,
            "float32": 32}.items()),
    ],
)  # fmt: skip
def test_scales_of_the_weights(weights: dict[str, Any], scales: list[Scales]) -> None:
    found = read(weights)
    assert found.scales == tuple(scales)
    assert (found.name, found.bits) == ("compressed-tensors", weights.get("num_bits", 8))
    assert (found.packed, found.head, found.targets, found.left_out) == (None, True, (), "")


@pytest.mark.parametrize(
    ("weights", "form"),
    [({"num_bits": 8}, "pack-quantized"), ({"num_bits": 4}, "pack-quantized"),
     ({"num_bits": 4}, None), ({"num_bits": 4, "type": None}, None)],
)  # fmt: skip
def test_numbers_that_are_packed_into_words(weights: dict[str, Any], form: str | None) -> None:
    bits = weights["num_bits"]
    found = read({**weights, "group_size": 32, "symmetric": True}, form)
    assert found.packed == Scales(bits, 1, 1, words="rows")
    assert found.scales == (Scales(16, 32), SHAPE)
    if weights.get("type", "int"):
        zeros = read({**weights, "group_size": 32, "symmetric": False}, form).scales
        assert zeros == (Scales(16, 32), Scales(bits, 32, words="columns"), SHAPE)


@pytest.mark.parametrize(
    ("form", "fits"),
    [(None, {1, 64}), ("pack-quantized", {4, 8}), ("int-quantized", {8}), ("float-quantized", {8}),
     ("naive-quantized", {8}), ("nvfp4-pack-quantized", {4}), ("mxfp4-pack-quantized", {4})],
)  # fmt: skip
def test_bits_that_a_format_holds(form: str | None, fits: set[int]) -> None:
    for bits in {1, 3, 4, 5, 7, 8, 9, 64}:
        if form is None or bits in fits:
            assert read({"num_bits": bits}, form).bits == bits
        else:
            with pytest.raises(ValueError, match=f"^num_bits is {bits}, but with the format"):
                read({"num_bits": bits}, form)
    for bits in (0, 65):
        with pytest.raises(ValueError, match=f"^num_bits is {bits}, but it must be a whole"):
            read({"num_bits": bits})


def test_bits_are_eight_where_nothing_is_told() -> None:
    assert read_compressed({"config_groups": {"a": {"weights": {"type": None}}}}).bits == 8


@pytest.mark.parametrize(
    ("told", "scales"),
    [
        (None, ()), ({"dynamic": True}, ()), ({"dynamic": True, "strategy": "token"}, ()),
        ({"strategy": "tensor_group", "dynamic": "local"}, (GLOBAL,)),
        ({}, (Scales(16, 0, 0),)), ({"strategy": "tensor"}, (Scales(16, 0, 0),)),
        ({"dynamic": False}, (Scales(16, 0, 0),)), ({"symmetric": False}, (Scales(24, 0, 0),)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["input_activations", "output_activations"])
def test_scales_of_what_goes_in_and_out(key: str, told: Any, scales: tuple[Scales, ...]) -> None:
    assert read({}, **{key: told}).scales == (Scales(16, 0, 0), *scales)


@pytest.mark.parametrize(
    ("weights", "more", "sentence"),
    [
        ({"type": "text"}, {}, "type is 'text'"),
        ({"group_size": 1.5}, {}, "group_size is 1.5"),
        ({"group_size": 0}, {}, "group_size is 0"),
        ({"group_size": 2**20 + 1}, {}, "group_size is 1048577"),
        ({"strategy": "tensor", "group_size": 32}, {}, "strategy is 'tensor' with a group_size"),
        ({"strategy": "channel", "group_size": 32}, {}, "strategy is 'channel' with a group_size"),
        ({"strategy": "row"}, {}, "strategy is 'row'"),
        ({"actorder": "up", "group_size": 32}, {}, "actorder is 'up'"),
        ({"scale_dtype": "int4"}, {}, "scale_dtype is 'int4'"),
        ({"dynamic": True}, {}, "dynamic is True, but weights are stored with fixed scales"),
        ({"symmetric": "no"}, {}, "symmetric is 'no'"),
        ({"symmetric": 1}, {}, "symmetric is 1"),
        ({"symmetric": False, "type": "float"}, {}, "symmetric is False"),
        ({"new": 1}, {}, "the key 'new' is not known in the weights"),
        ({}, {"new": 1}, "the key 'new' is not known in a group"),
        ({}, {"format": "new"}, "format is 'new'"), ({}, {"format": 3}, "format is 3"),
        ({}, {"input_activations": 3}, "input_activations is 3"),
        ({}, {"input_activations": {"strategy": "channel"}}, "input_activations has the strategy"),
        ({}, {"input_activations": {"dynamic": "local"}}, "input_activations has the strategy"),
        ({"strategy": "block"}, {}, "block_structure is None"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_named(
    weights: dict[str, Any], more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        read(weights, **more)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [(None, "no config_groups"), ({}, "no config_groups"), ({"a": {}}, "no config_groups"),
     ({"a": 3}, "no config_groups"), ([{"weights": {}}], "no config_groups"),
     ({"a": {"weights": {}}, "b": {"weights": {}}}, "config_groups has 2 groups")],
)  # fmt: skip
def test_there_is_one_group(groups: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        only_group({"config_groups": groups})


@pytest.mark.parametrize(
    ("scheme", "told"),
    [(None, ""), ({"dynamic": True}, ""), ({}, "a layer at"), ({"dynamic": False}, "a layer at"),
     ({"strategy": "attn_head"}, "a key-value head of a layer at"), ("fp8", "a layer at")],
)  # fmt: skip
def test_scales_of_a_cache_are_told_as_left_out(scheme: Any, told: str) -> None:
    assert cache_scales(scheme) == (told and f"scales of the cache, 8 bytes {told} most")


# How values are read.


def test_whole_numbers_from_one_to_the_highest() -> None:
    assert [whole({"n": n}, "n", high=5) for n in (1, 5)] == [1, 5]
    assert (whole({"n": 64}, "n"), whole({}, "n", default=3)) == (64, 3)
    assert (group({"group_size": 1}), group({"group_size": 2**20})) == (1, 2**20)
    for value in (0, 65, True, 1.0, None):
        with pytest.raises(ValueError, match=r"^n is .* a whole number from 1 to 64"):
            whole({"n": value}, "n")


def test_the_sides_of_a_block() -> None:
    assert block(8, "sides", [2, 3]) == Scales(8, rows=3, columns=2)
    assert block(8, "sides", (1, 2**20)) == Scales(8, rows=2**20, columns=1)
    for sides in ([2], [1, 2, 3], [0, 3], [3, 0], [2, 2**20 + 1], [2, 1.0], "23", None, {2: 1}):
        with pytest.raises(ValueError, match=r"^sides is .* from 1 to 1,048,576"):
            block(8, "sides", sides)


def test_what_is_true_or_false() -> None:
    assert [flag(values, "a") for values in ({}, {"a": None}, {"a": False}, {"a": True})] == [
        False, False, False, True,
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"^a is 1, but it must be true or false"):
        flag({"a": 1}, "a")


def test_modules_that_are_quantized() -> None:
    assert targets({}, "targets") == targets({"targets": ["Linear", "a"]}, "targets") == ()
    assert targets({"targets": ["a", ["b"]]}, "targets") == (("targets", "a"), ("targets", "b"))
    for listed in ([], "a", 3, ["a", 3], ["a", ""], ["a", [None]]):
        with pytest.raises(ValueError, match=r"^targets must be a list of names of modules"):
            targets({"targets": listed}, "targets")
    with pytest.raises(ValueError, match=r"^targets names 'Conv1d', which is not counted here"):
        targets({"targets": ["Embedding", "Conv1d"]}, "targets")
