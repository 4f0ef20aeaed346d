"""A model's configuration to its exact parameters, by part, and to the bytes of its cache."""

from estimator.architecture.description import Attention, Decoder, FeedForward, Latent, Mixture
from estimator.architecture.model import RULES, Architecture

__all__ = [
    "RULES", "Architecture", "Attention", "Decoder", "FeedForward", "Latent", "Mixture",
]  # fmt: skip
