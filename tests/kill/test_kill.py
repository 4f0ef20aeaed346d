"""Batches whose processes are killed, again and again, at random instants."""

from pathlib import Path

import pytest

from tests.killing import kill_at_random


@pytest.mark.parametrize("seed", range(100, 112))
def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    kill_at_random(tmp_path, seed, rounds=4)
