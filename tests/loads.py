"""A chat service's load, and services sized for it, for the tests of loads."""

from __future__ import annotations

from estimator.catalog import serving
from estimator.engine import Layout, Numerics, Replica, replica
from estimator.load import Load, Sizing, Targets, size_model, size_service

FIT = serving.step_constants().fit
CHAT = Load(requests_per_s=100, prompt_tokens=1024, output_tokens=512)
QUICK = Targets(token_seconds=0.02, first_token_seconds=1.0)


def one(tensor: int = 1, model: str = "llama-3.1-8b", system: str = "h100_sxm") -> Replica:
    """Make a replica of a model at 16 bits."""
    decoder = serving.decoder(model)
    return replica(decoder, Numerics(), serving.hardware(system), Layout(tensor))


def size(load: Load = CHAT, targets: Targets = QUICK, made: Replica | None = None) -> Sizing:
    """Size a service of one kind of replica."""
    return size_service(made or one(), FIT.constants, FIT.dense, load, targets)


def sized(tensor: int, targets: Targets, model: str = "llama-3.1-70b") -> Sizing:
    """Size a service of a model, with what wider layouts would do in its refusal."""
    decoder, hardware = serving.decoder(model), serving.hardware("h100_sxm")
    return size_model(
        decoder, Numerics(), hardware, Layout(tensor), FIT.constants, FIT.dense, CHAT, targets
    )
