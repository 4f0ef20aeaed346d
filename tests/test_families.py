"""What each family's keys fill in, where neither a published count nor a refusal tells it."""

from __future__ import annotations

import pytest

from estimator.architecture.description import FULL
from tests.decoders import GEMMA2, GPT2, LATENT, LLAMA, MIXTURE, Config, read


def test_all_of_a_head_is_rotated_unless_a_table_of_positions_was_learned() -> None:
    assert read(LLAMA).decoder.rotary_dim == 16
    assert read(LLAMA, partial_rotary_factor=0.5).decoder.rotary_dim == 8
    assert read(LATENT).decoder.rotary_dim == 4
    assert read(GPT2).decoder.rotary_dim == 0


@pytest.mark.parametrize("head", [64, 80, 96, 128])
def test_heads_of_a_usual_size_need_no_remark_and_others_do(head: int) -> None:
    for size, told in ((head, False), (head - 1, True), (head + 1, True)):
        model = read(LLAMA, hidden_size=4 * size)
        assert model.decoder.attention.head_dim == size
        assert ("head_dim" in model.assumed) is told


def test_a_head_of_latent_attention_has_a_plain_part_and_a_rotated_one() -> None:
    assert read(LATENT).decoder.attention.head_dim == 8 + 4


def test_a_width_that_heads_do_not_divide_is_named_as_the_family_has_it() -> None:
    with pytest.raises(ValueError, match=r"^n_embd is 1025, .* a multiple of the 16 attention"):
        read(GPT2, n_embd=1025)


def test_a_token_may_visit_all_experts() -> None:
    model = read(MIXTURE, num_experts_per_tok=4)
    assert model.n_active_params == model.n_params
    with pytest.raises(ValueError, match="at most the 4 experts"):
        read(MIXTURE, num_experts_per_tok=5)


def test_shared_experts_may_be_none_but_not_fewer() -> None:
    for count, width in ((0, None), (1, 32), (2, 64)):
        mixture = read(LATENT, n_shared_experts=count).decoder.mixture
        assert mixture is not None
        assert (mixture.shared and mixture.shared.d_ff) == width
    with pytest.raises(ValueError, match=r"^n_shared_experts is -1"):
        read(LATENT, n_shared_experts=-1)


LITE = {**LATENT, "model_type": "glm4_moe_lite", "mlp_layer_types": ["sparse", "dense", "sparse"]}
for gone in ("first_k_dense_replace", "num_nextn_predict_layers"):
    del LITE[gone]
LLAMA4 = {
    **LLAMA, "model_type": "llama4_text", "head_dim": 16, "num_local_experts": 4,
    "num_experts_per_tok": 1, "intermediate_size_mlp": 128,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "more", "layers"),
    [
        (LATENT, {}, "-++"),
        (LATENT, {"first_k_dense_replace": 0}, "+++"),
        (LATENT, {"first_k_dense_replace": 2}, "--+"),
        (LATENT, {"first_k_dense_replace": 9}, "---"),
        (LITE, {}, "+-+"),
        (LITE, {"mlp_layer_types": None}, "-++"),
        (MIXTURE, {"num_hidden_layers": 5}, "+++++"),
        (MIXTURE, {"num_hidden_layers": 5, "decoder_sparse_step": 2}, "-+-+-"),
        (MIXTURE, {"num_hidden_layers": 5, "mlp_only_layers": [0, 3]}, "-++-+"),
        (MIXTURE, {"num_hidden_layers": 5, "decoder_sparse_step": 2, "mlp_only_layers": [3]},
         "-+---"),
        (LLAMA4, {"num_hidden_layers": 5}, "+++++"),
        (LLAMA4, {"num_hidden_layers": 5, "interleave_moe_layer_step": None}, "+++++"),
        (LLAMA4, {"num_hidden_layers": 5, "interleave_moe_layer_step": 2}, "-+-+-"),
        (LLAMA4, {"num_hidden_layers": 5, "moe_layers": [0, 4]}, "+---+"),
    ],
)  # fmt: skip
def test_which_layers_are_mixtures(config: Config, more: Config, layers: str) -> None:
    found = read(config, **more).decoder.mixture_layers
    assert "".join("+" if one else "-" for one in found) == layers


@pytest.mark.parametrize(
    ("config", "more", "sentence"),
    [
        (LATENT, {"first_k_dense_replace": -1}, "first_k_dense_replace is -1"),
        (LATENT, {"moe_layer_freq": 2}, "moe_layer_freq is 2"),
        (LITE, {"mlp_layer_types": ["sparse", "dense", "wide"]}, "mlp_layer_types .* of dense and"),
        (MIXTURE, {"mlp_only_layers": [2]}, "mlp_only_layers .* layers from 0 to 1"),
        (MIXTURE, {"mlp_only_layers": [-1]}, "mlp_only_layers .* layers from 0 to 1"),
        (MIXTURE, {"mlp_only_layers": [True]}, "mlp_only_layers .* layers from 0 to 1"),
        (LATENT, {"num_nextn_predict_layers": -1}, "num_nextn_predict_layers is -1"),
        (LATENT, {"num_nextn_predict_layers": 101}, "num_nextn_predict_layers .* from 0 to 100"),
    ],
)
def test_layers_that_there_cannot_be(config: Config, more: Config, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        read(config, **more)


def test_prediction_layers_are_none_up_to_a_hundred() -> None:
    for count in (0, 1, 100):
        assert read(LATENT, num_nextn_predict_layers=count).decoder.prediction_layers == count
    bare = {key: value for key, value in LATENT.items() if key != "num_nextn_predict_layers"}
    assert read(bare).decoder.prediction_layers == 0


QWEN = {**LLAMA, "model_type": "qwen2", "num_hidden_layers": 6, "max_window_layers": 2}


@pytest.mark.parametrize("switch", [{}, {"use_sliding_window": False}])
@pytest.mark.parametrize(
    "window", [{}, {"sliding_window": 0}, {"sliding_window": 8}, {"sliding_window_size": 8}]
)
def test_a_window_that_is_off_is_none_whatever_its_size(switch: Config, window: Config) -> None:
    model = read(QWEN, **switch, **window)
    assert model.decoder.window is None
    assert set(model.decoder.layer_kinds) == {FULL}
    assert "max_window_layers" not in model.assumed


def test_a_window_that_is_on_has_a_size() -> None:
    with pytest.raises(ValueError, match=r"^max_window_layers is -1"):
        read(QWEN, use_sliding_window=True, sliding_window=8, max_window_layers=-1)
    assert read(QWEN, use_sliding_window=True, sliding_window=1).decoder.window == 1
    for key, off in (("sliding_window", True), ("sliding_window", False)):
        with pytest.raises(ValueError, match=f"^{key} is -1"):
            read(QWEN, use_sliding_window=not off, **{key: -1})
    with pytest.raises(ValueError, match=r"^sliding_window is 0"):
        read(QWEN, use_sliding_window=True, sliding_window=0)


@pytest.mark.parametrize(
    ("config", "more", "kinds"),
    [
        (QWEN, {}, "++----"),
        (QWEN, {"max_window_layers": 0}, "------"),
        (QWEN, {"max_window_layers": 5}, "+++++-"),
        (QWEN, {"max_window_layers": 6}, "++++++"),
        (QWEN, {"max_window_layers": 28}, "++++++"),
        (MIXTURE, {"num_hidden_layers": 3}, "---"),
        ({**MIXTURE, "shared_expert_intermediate_size": 16},
         {"model_type": "qwen2_moe", "num_hidden_layers": 7, "max_window_layers": 4}, "-+-++++"),
        ({**MIXTURE, "shared_expert_intermediate_size": 16},
         {"model_type": "qwen2_moe", "num_hidden_layers": 7, "max_window_layers": 5}, "-+-+-++"),
        ({**MIXTURE, "shared_expert_intermediate_size": 16},
         {"model_type": "qwen2_moe", "num_hidden_layers": 3, "max_window_layers": 0}, "+++"),
        (GEMMA2, {}, "-+-+-"),
        (GEMMA2, {"num_hidden_layers": 7, "sliding_window_pattern": 3}, "--+--+-"),
        (GEMMA2, {"num_hidden_layers": 3, "sliding_window_pattern": 3}, "--+"),
        (GEMMA2, {"num_hidden_layers": 3, "sliding_window_pattern": 4}, "---"),
        (GEMMA2, {"num_hidden_layers": 3, "sliding_window_pattern": 9}, "---"),
        (GEMMA2, {"sliding_window_pattern": 1}, "+++++"),
        (GEMMA2, {"layer_types": ["full_attention"] * 3 + ["sliding_attention"] * 2}, "+++--"),
        (LLAMA4, {"num_hidden_layers": 6}, "---+--"),
        (LLAMA4, {"num_hidden_layers": 5, "no_rope_layer_interval": 2}, "-+-+-"),
        (LLAMA4, {"num_hidden_layers": 3, "no_rope_layer_interval": 1}, "+++"),
        (LLAMA4, {"num_hidden_layers": 3, "no_rope_layers": [1, 0, 1]}, "-+-"),
    ],
)  # fmt: skip
def test_which_layers_see_every_token(config: Config, more: Config, kinds: str) -> None:
    window = {} if config is LLAMA4 or config is GEMMA2 else {
        "use_sliding_window": True, "sliding_window": 8}  # fmt: skip
    decoder = read(config, **window, **more).decoder
    assert "".join("+" if one == FULL else "-" for one in decoder.layer_kinds) == kinds
    assert (decoder.window is None) is ("-" not in kinds)


OPT = {
    "model_type": "opt", "hidden_size": 64, "ffn_dim": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 32,
}  # fmt: skip
T5 = {"model_type": "t5", "d_model": 96, "d_ff": 128, "num_layers": 2, "num_heads": 4,
      "vocab_size": 100}  # fmt: skip


def test_norms_of_opt_have_weights_and_biases_or_nothing() -> None:
    assert read(OPT).parts["norms"] == 5 * 2 * 64
    assert "norms" not in read(OPT, layer_norm_elementwise_affine=False).parts


def test_t5_rotates_nothing_and_has_a_table_of_distances() -> None:
    decoder = read(T5).decoder
    assert (decoder.rotary_dim, decoder.positional_params) == (0, 32 * 4)
    with pytest.raises(TypeError, match=r"^feed_forward_proj is 3, .* the name of an activation"):
        read(T5, feed_forward_proj=3)
