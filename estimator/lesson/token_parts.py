"""A token's time by what takes it; lessons 04, 05 and 06 print the parts under the same names."""

from __future__ import annotations

from typing import NamedTuple

from estimator.arithmetic import maximum
from estimator.engine import Constants, Replica, Service


class TokenParts(NamedTuple):
    """Seconds of a token's time, which add up to it; `part_names` go in this order."""

    products: float
    """Reading the weights or multiplying by them, whichever is longer."""
    caches: float
    exchanges: float
    layers: float
    """The fixed cost of the layers' kernels."""
    sequences: float
    """What each sequence costs beside them, and the routing of a mixture."""
    prompts: float
    """Prompts that are read between the steps, the request's own share among them."""


def token_parts(service: Service, replica: Replica, constants: Constants) -> TokenParts:
    """Take the time of a token apart."""
    layers = float(replica.n_layers) * constants.layer_seconds
    return TokenParts(
        products=float(maximum(service.weight_seconds, service.matmul_seconds)),
        caches=float(service.cache_seconds),
        exchanges=float(service.exchange_seconds),
        layers=layers,
        sequences=float(service.overhead_seconds) - layers,
        prompts=float(service.token_seconds - service.decode_step_seconds),
    )


def multiplies(service: Service) -> bool:
    """Tell whether the products of a step take longer than reading its weights."""
    return bool(service.matmul_seconds > service.weight_seconds)


PROMPTS = "prompts between steps"


def part_names(service: Service, *, mixture: bool = False) -> tuple[str, ...]:
    """Name the parts of a token's time, for dense models or for mixtures, which route, too."""
    products = "arithmetic" if multiplies(service) else "weights"
    sequences = "sequences and routing" if mixture else "sequences"
    return products, "caches", "exchanges", "layers", sequences, PROMPTS
