"""The matrices of a decoder's parts, and what each has beside its weights when it is quantized."""

from __future__ import annotations

from dataclasses import dataclass

from estimator.architecture import Decoder, FeedForward
from estimator.architecture.description import GATED

HEAD = "output head"
_WORD = 32


@dataclass(frozen=True, slots=True)
class Scales:
    """Numbers beside the weights of a matrix, each with its `bits`, a zero point's among them.

    Of a matrix's inputs (`rows`) and outputs (`columns`), so many of each share one number; 0
    stands for all of them. Where `flat`, `rows` weights share one in the order of the file. The
    last block of a matrix may be a part of one, and has its number all the same. `words` tells
    along which side ("rows" or "columns") numbers are packed into words of 32 bits, if they are:
    the last word counts as a whole.
    """

    bits: float
    rows: int = 0
    columns: int = 1
    flat: bool = False
    words: str = ""

    @property
    def weights(self) -> int:
        """Weights of a whole block; 0 where a block is as long as its matrix."""
        return self.rows * self.columns

    def of_matrix(self, rows: int, columns: int) -> float:
        """Bits of all these numbers of one matrix."""
        if self.flat:
            return -(-rows * columns // self.rows) * self.bits
        block_rows, block_columns = self.rows, self.columns
        down = -(-rows // block_rows) if block_rows else 1
        across = -(-columns // block_columns) if block_columns else 1
        if not self.words:
            return down * across * self.bits
        if self.words == "rows":
            return across * (-(-down * self.bits // _WORD) * _WORD)
        return down * (-(-across * self.bits // _WORD) * _WORD)


def shapes(decoder: Decoder, part: str) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of the matrices of a part in one layer, of one expert, by name."""
    width = decoder.d_model
    if part == "attention":
        return _attention(decoder)
    if part == HEAD:
        return {"": (decoder.embedding_dim or width, decoder.vocab_size)}
    block = _block(decoder, part)
    if block is None:
        return {}
    inner = block.d_ff
    if block.matrices == GATED:
        return {"gate_proj": (width, inner), "up_proj": (width, inner), "down_proj": (inner, width)}
    return {"up_proj": (width, inner), "down_proj": (inner, width)}


def _block(decoder: Decoder, part: str) -> FeedForward | None:
    mixture = decoder.mixture
    if part == "mlp":
        return decoder.dense
    if part == "experts":
        return mixture.expert if mixture else None
    return mixture.shared if mixture else None


def _attention(decoder: Decoder) -> dict[str, tuple[int, int]]:
    width, heads = decoder.d_model, decoder.attention
    latent, count = heads.latent, heads.n_heads
    if latent is None:
        queries, keys = count * heads.head_dim, heads.n_kv_heads * heads.head_dim
        return {
            "q_proj": (width, queries), "k_proj": (width, keys), "v_proj": (width, keys),
            "o_proj": (queries, width),
        }  # fmt: skip
    query = count * (latent.nope_dim + latent.rope_dim)
    ways = {"q_proj": (width, query)}
    if latent.q_rank is not None:
        ways = {"q_a_proj": (width, latent.q_rank), "q_b_proj": (latent.q_rank, query)}
    return {
        **ways,
        "kv_a_proj_with_mqa": (width, latent.kv_rank + latent.rope_dim),
        "kv_b_proj": (latent.kv_rank, count * (latent.nope_dim + latent.v_dim)),
        "o_proj": (count * latent.v_dim, width),
    }


def has_part(decoder: Decoder, part: str, layer: int) -> bool:
    """Tell whether a layer has that part; prediction layers are numbered behind the others."""
    there = 0 <= layer < decoder.n_layers + decoder.prediction_layers
    if part == "attention" or not there:
        return there
    mixture, kinds = decoder.mixture, decoder.mixture_layers
    # A prediction layer has a mixture where the model has one.
    is_mixture = kinds[layer] if layer < len(kinds) else mixture is not None
    return is_mixture != (part == "mlp") and (part == "mlp" or _block(decoder, part) is not None)


def layers_with(decoder: Decoder, part: str) -> frozenset[int]:
    """The layers that have a part, prediction layers among them."""
    every = range(decoder.n_layers + decoder.prediction_layers)
    return frozenset(layer for layer in every if has_part(decoder, part, layer))


def blocks_with(decoder: Decoder, part: str, more: int) -> tuple[int, int]:
    """Layers with that part, `more` of its prediction among them, and such blocks in each."""
    mixture = decoder.mixture
    if part == HEAD:
        return 1 + more, 1
    if part == "attention":
        return decoder.n_layers + more, 1
    mixtures = decoder.mixture_layers.count(True)
    if part == "mlp" or mixture is None:
        return decoder.n_layers - mixtures + (0 if mixture else more), 1
    return mixtures + more, mixture.n_experts if part == "experts" else 1
