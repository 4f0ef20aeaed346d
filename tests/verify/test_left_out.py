"""A key that a file leaves out is required, or taken as transformers takes it, and told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from estimator.architecture import Architecture
from tests.verify.configurations import MAKERS, configurations
from tests.verify.modules import build, trainable


def counted(config: dict[str, Any]) -> int | None:
    """Parameters of the module, or None where transformers cannot build one."""
    try:
        return trainable(build(config))
    except Exception:  # it raises what its layers raise, of any kind
        return None


@pytest.mark.parametrize("family", MAKERS)
def test_keys_that_are_left_out(family: str) -> None:
    wrong: dict[str, Any] = {}

    @settings(
        max_examples=2, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(configurations(family))
    def leave_out(config: dict[str, Any]) -> None:
        for key in config.keys() - {"model_type"}:
            rest = {name: value for name, value in config.items() if name != key}
            try:
                read = Architecture.from_hf_config(rest)
            except (TypeError, ValueError):
                continue  # required, or it does not go with the rest
            if counted(rest) not in (None, read.n_params):
                wrong[key] = (rest, read.n_params)

    leave_out()
    assert not wrong
