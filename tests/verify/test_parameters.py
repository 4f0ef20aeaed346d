"""Parameter counts against the modules of transformers, on the meta device."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estimator.architecture import Architecture
from estimator.architecture.families import families
from tests.verify.configurations import MAKERS, configurations
from tests.verify.modules import build, trainable

EXAMPLES = 50  # over 29 families: more than a thousand


def test_every_family_is_drawn() -> None:
    assert set(MAKERS) == set(families())
    assert EXAMPLES * len(MAKERS) >= 1000


@pytest.mark.parametrize("family", MAKERS)
def test_random_configurations(family: str) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(configurations(family), st.booleans())
    def count(config: dict[str, Any], written_by_transformers: bool) -> None:
        module = build(config)
        read = module.config.to_dict() if written_by_transformers else config
        architecture = Architecture.from_hf_config(read)
        assert architecture.n_params == trainable(module)

    count()
