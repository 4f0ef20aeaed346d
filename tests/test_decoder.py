"""A decoder's parameters and its cache, counted by hand, without any file that describes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estimator.architecture import RULES, Architecture
from estimator.architecture.description import (
    CHUNKED,
    FULL,
    GATED,
    PLAIN,
    SLIDING,
    Attention,
    Decoder,
    FeedForward,
    Latent,
    Mixture,
)

WIDTH = 10
PLAINEST = Attention(n_heads=6, n_kv_heads=2, head_dim=7)
MATRICES = 2 * WIDTH * 6 * 7 + 2 * WIDTH * 2 * 7
EXPERT = FeedForward(3)


def decoder(full: int = 1, sliding: int = 0, chunked: int = 0, **changes: Any) -> Decoder:
    """A decoder of so many layers of each kind that has nothing that it can do without."""
    n_layers = full + sliding + chunked
    given: dict[str, Any] = {
        "family": "mine", "d_model": WIDTH, "n_layers": n_layers, "vocab_size": 100,
        "attention": PLAINEST, "dense": FeedForward(11), "mixture": None,
        "mixture_layers": (False,) * n_layers, "window": 32 if sliding or chunked else None,
        "layer_kinds": (FULL,) * full + (SLIDING,) * sliding + (CHUNKED,) * chunked,
        "tied": False,
    }  # fmt: skip
    return Decoder(**{**given, **changes})


def model(full: int = 1, sliding: int = 0, chunked: int = 0, **changes: Any) -> Architecture:
    return Architecture(decoder(full, sliding, chunked, **changes), {}, ())


def mixed(**changes: Any) -> dict[str, Any]:
    """Three layers, of which two are mixtures."""
    mixture = Mixture(n_experts=8, top_k=2, expert=EXPERT, **changes)
    return {"mixture": mixture, "mixture_layers": (False, True, True)}


# Attention.


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, 0),
        ({"sinks": True}, 6),
        ({"input_bias": True}, (6 + 2 + 2) * 7),
        ({"output_bias": True}, WIDTH),
        ({"input_bias": True, "output_bias": True}, (6 + 2 + 2) * 7 + WIDTH),
    ],
)
def test_matrices_of_attention_biases_and_sinks(changes: dict[str, Any], more: int) -> None:
    assert replace(PLAINEST, **changes).params(WIDTH) == MATRICES + more


@pytest.mark.parametrize(("qk_norm", "heads"), [("", 0), ("head", 2), ("all", 6 + 2)])
def test_norms_of_queries_and_keys(qk_norm: str, heads: int) -> None:
    assert replace(PLAINEST, qk_norm=qk_norm).norm_params() == heads * 7


LATENT = Latent(q_rank=5, kv_rank=4, nope_dim=3, rope_dim=2, v_dim=9)
LATENT_KV = WIDTH * (4 + 2) + 4 * 6 * (3 + 9) + 6 * 9 * WIDTH


@pytest.mark.parametrize(
    ("q_rank", "query", "bias", "norms"),
    [(5, WIDTH * 5 + 5 * 6 * (3 + 2), 5 + 4 + 2, 5 + 4), (None, WIDTH * 6 * (3 + 2), 4 + 2, 4)],
)
def test_latent_attention(q_rank: int | None, query: int, bias: int, norms: int) -> None:
    attention = Attention(6, 6, 5, latent=replace(LATENT, q_rank=q_rank))
    assert attention.params(WIDTH) == query + LATENT_KV
    assert replace(attention, input_bias=True).params(WIDTH) == query + LATENT_KV + bias
    assert replace(attention, output_bias=True).params(WIDTH) == query + LATENT_KV + WIDTH
    assert attention.norm_params() == norms
    assert attention.token_bytes(2) == (4 + 2) * 2


def test_a_token_leaves_its_keys_and_values() -> None:
    assert PLAINEST.token_bytes(3) == 2 * 2 * 7 * 3


# What follows attention.


def test_a_block_has_two_matrices_or_three() -> None:
    assert (GATED, PLAIN) == (3, 2)
    assert FeedForward(11).params(WIDTH) == 3 * WIDTH * 11
    assert FeedForward(11, PLAIN).params(WIDTH) == 2 * WIDTH * 11
    assert FeedForward(11, PLAIN, bias=True).params(WIDTH) == 2 * WIDTH * 11 + 11 + WIDTH
    assert FeedForward(11, bias=True).params(WIDTH) == 3 * WIDTH * 11 + 2 * 11 + WIDTH


def test_parts_of_a_mixture() -> None:
    mixture = Mixture(n_experts=8, top_k=2, expert=EXPERT)
    expert = 3 * WIDTH * 3
    assert mixture.parts(WIDTH) == {
        "experts": 8 * expert, "shared experts": 0, "router": WIDTH * 8,
    }  # fmt: skip
    full = replace(mixture, shared=FeedForward(4), shared_gate=True, router_bias=True)
    assert full.parts(WIDTH) == {
        "experts": 8 * expert, "shared experts": 3 * WIDTH * 4 + WIDTH, "router": WIDTH * 8 + 8,
    }  # fmt: skip
    assert mixture.idle_params(WIDTH) == 6 * expert


# The whole decoder.


def test_parts_of_a_plain_decoder() -> None:
    assert decoder(3).parts() == {
        "embedding": 1000, "positions": 0, "attention": 3 * MATRICES, "norms": 7 * WIDTH,
        "mlp": 3 * 330, "output head": 1000,
    }  # fmt: skip
    assert decoder(3, dense=None).parts()["mlp"] == 0


def test_parts_of_a_decoder_of_mixtures() -> None:
    parts = decoder(3, **mixed()).parts()
    assert (parts["mlp"], parts["experts"], parts["router"]) == (330, 2 * 8 * 90, 2 * 80)
    every = decoder(2, mixture=Mixture(8, 2, EXPERT), mixture_layers=(True, True)).parts()
    assert "mlp" not in every
    assert every["experts"] == 2 * 8 * 90


def test_parts_of_a_layer() -> None:
    common = {"attention": MATRICES, "norms": 2 * WIDTH}
    blocks = decoder(3, **mixed())
    assert blocks.layer_parts(mixture=False) == common | {"mlp": 330}
    assert blocks.layer_parts(mixture=True) == common | blocks.mixture.parts(WIDTH)  # type: ignore[union-attr]
    assert decoder(3).layer_parts(mixture=True) == common | {"mlp": 330}


def test_norms_of_layers_of_queries_and_of_the_end() -> None:
    attention = replace(PLAINEST, qk_norm="head")
    normed = decoder(3, attention=attention, norms_per_layer=4, norm_vectors=2)
    assert normed.norm == 2 * WIDTH
    assert normed.parts()["norms"] == 3 * (4 * 2 * WIDTH + 2 * 7) + 2 * WIDTH
    assert decoder(3, final_norm=False).parts()["norms"] == 3 * 2 * WIDTH
    assert decoder(3, norm_vectors=0).parts()["norms"] == 0


def test_a_stage_has_the_embedding_if_it_is_first_and_the_head_if_it_is_last() -> None:
    whole = decoder(3)
    assert set(whole.parts(first=False)) == set(whole.parts()) - {"embedding", "positions"}
    inner = whole.parts(last=False)
    assert (set(inner), inner["norms"]) == (set(whole.parts()) - {"output head"}, 6 * WIDTH)


@pytest.mark.parametrize(
    ("changes", "head"),
    [({}, 1000), ({"tied": True}, 0), ({"has_head": False}, 0),
     ({"tied": True, "has_head": False}, 0)],
)  # fmt: skip
def test_the_head_counts_once_if_at_all(changes: dict[str, Any], head: int) -> None:
    assert decoder(**changes).parts()["output head"] == head
    assert decoder(**changes).head_matrix() == 1000


def test_an_embedding_of_another_width_is_projected_in_and_out() -> None:
    narrow = decoder(embedding_dim=4)
    assert narrow.parts()["embedding"] == narrow.parts()["output head"] == 400 + 4 * WIDTH
    assert replace(narrow, tied=True).parts()["output head"] == 4 * WIDTH
    assert replace(narrow, has_head=False).parts()["output head"] == 0
    assert narrow.head_matrix() == 400
    same = decoder(embedding_dim=WIDTH).parts()
    assert same["embedding"] == same["output head"] == 1000


def test_positions_that_were_learned() -> None:
    learned = decoder(learned_positions=12, positional_params=5)
    assert learned.parts()["positions"] == 12 * WIDTH + 5


def test_rotations_are_as_many_as_may_be_asked_for() -> None:
    assert decoder().rotations == 0
    assert decoder(n_positions=7).rotations == 7
    assert decoder(context_tokens=9).rotations == 9
    assert decoder(n_positions=7, context_tokens=9).rotations == 9
    assert decoder(n_positions=9, context_tokens=7).rotations == 9


def test_what_is_not_said_is_none() -> None:
    assert (decoder().rotary_dim, decoder().first_layer, decoder().mask) == (0, 0, "")


def test_the_inner_width_that_a_token_fills() -> None:
    assert decoder().live_d_ff == 11
    assert decoder(dense=None).live_d_ff == 0
    assert decoder(3, **mixed()).live_d_ff == 11
    assert decoder(3, dense=None, **mixed()).live_d_ff == 2 * 3
    assert decoder(3, **mixed(shared=FeedForward(9))).live_d_ff == 2 * 3 + 9


def test_prediction_layers_are_whole_layers_with_an_embedding_and_a_head() -> None:
    assert decoder(3).prediction_parts() == {}
    common = {
        "attention": 2 * MATRICES, "norms": 2 * (2 + 3) * WIDTH, "join": 2 * 2 * WIDTH * WIDTH,
        "embedding": 2000, "output head": 2000,
    }  # fmt: skip
    assert decoder(3, prediction_layers=2).prediction_parts() == common | {"mlp": 2 * 330}
    mixture = {"experts": 2 * 8 * 90, "shared experts": 0, "router": 2 * 80}
    found = decoder(3, prediction_layers=2, **mixed()).prediction_parts()
    assert found == common | mixture


def test_buffers_are_scores_of_mixtures_and_masks_of_layers() -> None:
    plain = decoder(3, n_positions=5)
    assert (plain.buffer_params(), plain.buffer_bytes(16)) == (0, 0)
    assert decoder(3, **mixed()).buffer_params() == 0
    scores = decoder(3, prediction_layers=1, **mixed(score_buffer=True))
    assert scores.buffer_params() == (2 + 1) * 8
    assert scores.buffer_bytes(16) == (2 + 1) * 8 * 4
    assert decoder(3, **mixed(score_buffer=True)).buffer_params() == 2 * 8
    masks = decoder(3, n_positions=5, mask="byte")
    assert (masks.buffer_params(), masks.buffer_bytes(16)) == (75, 75)
    assert replace(masks, mask="float").buffer_bytes(16) == 150
    assert replace(masks, n_positions=None).buffer_params() == 0
    both = replace(scores, n_positions=5, mask="byte")
    assert (both.buffer_params(), both.buffer_bytes(16)) == (75 + 24, 75 + 96)


# The model: what it counts of a decoder.


def test_a_models_parameters() -> None:
    dense = model(3)
    assert dense.parts == {name: n for name, n in decoder(3).parts().items() if n}
    assert "positions" not in dense.parts
    assert dense.n_params == dense.n_active_params == sum(dense.parts.values())
    assert dense.n_checkpoint_params == dense.n_params
    assert dense.extra_parts == {}
    sparse = model(3, prediction_layers=1, **mixed(score_buffer=True))
    assert sparse.n_active_params == sparse.n_params - 2 * 6 * 90
    predictions = sum(sparse.decoder.prediction_parts().values())
    assert sparse.prediction_parts == sparse.decoder.prediction_parts()
    assert sparse.extra_parts == {"prediction layers": predictions, "buffers": 24}
    assert sparse.n_checkpoint_params == sparse.n_params + predictions + 24
    assert (sparse.family, repr(dense)) == ("mine", f"Architecture(mine, {dense.n_params:,} "
                                            "parameters)")  # fmt: skip


def test_what_is_counted_once_is_kept_and_says_what_it_is() -> None:
    dense = model(3)
    assert dense.parts is dense.parts
    assert Architecture.__dict__["n_params"].__doc__.startswith("Trainable parameters of the")


def test_layers_that_keep_a_cache() -> None:
    assert model(3).cached_layers == {FULL: 3}
    assert model(2, 3).cached_layers == {FULL: 2, SLIDING: 3}
    assert model(0, 3).cached_layers == {SLIDING: 3}
    assert model(2, 0, 3).cached_layers == {FULL: 2, CHUNKED: 3}
    assert model(1, 1, 1).cached_layers == {FULL: 1, SLIDING: 1, CHUNKED: 1}
    assert model(3, cached=False).cached_layers == {}


def test_layers_are_looked_for_until_all_are_found() -> None:
    asked: list[object] = []

    class Kinds(tuple[str, ...]):
        def count(self, kind: object) -> int:
            asked.append(kind)
            return super().count(kind)

    assert model(2, layer_kinds=Kinds((FULL, FULL))).cached_layers == {FULL: 2}
    assert asked == [FULL], "most models have layers of one kind, and are read often"


@pytest.mark.parametrize(
    ("full", "sliding", "layers", "groups"),
    [
        # vllm/v1/core/kv_cache_utils.py, _get_kv_cache_groups_uniform_page_size: as large as the
        # smaller kind, but as the larger one where that is less than 1.5 times the smaller.
        (13, 12, 13, (1, 1)),
        (12, 13, 13, (1, 1)),
        (20, 29, 29, (1, 1)),
        (20, 30, 20, (1, 2)),
        (29, 20, 29, (1, 1)),
        (30, 20, 20, (2, 1)),
        (20, 31, 20, (1, 2)),
        (10, 52, 10, (1, 6)),
        (5, 0, 5, (1, 0)),
        (0, 5, 5, (0, 1)),
    ],
)
def test_groups_of_layers(full: int, sliding: int, layers: int, groups: tuple[int, int]) -> None:
    found = model(full, sliding)
    assert (found.group_layers, found.groups) == (layers, groups)


def test_an_encoder_has_no_groups_and_no_cache() -> None:
    encoder = model(3, cached=False)
    assert (encoder.group_layers, encoder.groups) == (0, (0, 0))
    assert encoder.kv_bytes_per_token() == 0
    assert [encoder.cache_bytes(100, rule=rule) for rule in RULES] == [0, 0, 0]


TOKEN = 2 * 2 * 7 * 2  # bytes in a layer, with numbers of two bytes


def test_a_token_in_all_layers() -> None:
    assert model(2, 3).kv_bytes_per_token() == 5 * TOKEN
    assert model(2, 3).kv_bytes_per_token(1) == 5 * TOKEN / 2


@pytest.mark.parametrize(("sliding", "chunked"), [(3, 0), (0, 3)])
def test_what_layers_keep_by_two_rules(sliding: int, chunked: int) -> None:
    found = model(2, sliding, chunked)
    assert found.cache_bytes(100) == (2 * 100 + 3 * 32) * TOKEN
    assert found.cache_bytes(20) == 5 * 20 * TOKEN
    assert found.cache_bytes(100, 7, 4) == (2 * 100 + 3 * 32) * 7 * 2 * TOKEN
    assert found.cache_bytes(100, 7, rule="full") == 5 * 100 * 7 * TOKEN
    assert model(5).cache_bytes(100) == 500 * TOKEN


def test_what_an_engine_sets_aside() -> None:
    # 100 tokens are 7 blocks; a window and 40 tokens of a step are 71 tokens, 5 blocks and one.
    wide: dict[str, Any] = {"rule": "engine", "block_tokens": 16, "chunk_tokens": 40}
    assert model(2, 3).cache_bytes(100, 7, **wide) == 2 * 16 * TOKEN * (7 + 2 * 6) * 7
    assert model(3, 2).cache_bytes(100, 7, **wide) == 2 * 16 * TOKEN * (2 * 7 + 6) * 7
    assert model(2, 0, 3).cache_bytes(100, 7, **wide) == 2 * 16 * TOKEN * (7 + 2 * 5) * 7
    assert model(5).cache_bytes(100, **wide) == 5 * 16 * TOKEN * 7
    # By default blocks have 16 tokens and a step 2,048: of 3,000 tokens 2,079 are held.
    assert model(2, 3).cache_bytes(3000, rule="engine") == 2 * 16 * TOKEN * (188 + 2 * 131)
    assert model(2, 0, 3).cache_bytes(3000, rule="engine") == 2 * 16 * TOKEN * (188 + 2 * 130)
    # With a window of two more 2,081 are, one more than fills whole blocks.
    wider = model(2, 3, window=34).cache_bytes(3000, rule="engine")
    assert wider == 2 * 16 * TOKEN * (188 + 2 * 132)


def test_a_rule_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"^rule is 'most', but it must be one of ideal, engine,"):
        model().cache_bytes(100, rule="most")
    long = "x" * 100
    with pytest.raises(ValueError, match=rf"^rule is '{'x' * 39}, but"):
        model().cache_bytes(100, rule=long)


def test_why_an_engine_takes_more_than_all_tokens() -> None:
    last = "the last block of a sequence counts as a whole"
    window = "a layer with a window has one more, which seldom starts where a block does"
    filled = "groups of layers are filled up to equal size"

    def why(*layers: int) -> str:
        return model(*layers).why_above_full.removeprefix("engine is above full here: ")

    assert why(3) == last
    assert why(2, 2) == why(2, 4) == f"{last}, and {window}"
    assert why(2, 3) == f"{last}, and {window}, and {filled}"
    assert why(2, 0, 4) == last
    assert why(2, 0, 3) == why(3, 0, 2) == f"{last}, and {filled}"
    assert why(0, 0, 3) == last
