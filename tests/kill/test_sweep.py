"""The whole sweep of a hundred: warm kernels, cold ones and no kernels give the same bytes."""

from pathlib import Path

from tests.scenarios import batch

ROOT = Path(__file__).parents[2]


def test_the_sweep_three_times(tmp_path: Path) -> None:
    lesson, sweep = ROOT / "notebooks" / "05-size-a-service.ipynb", ROOT / "scenarios/sweep-100.csv"
    for how in ("warm", "cold", "table-only"):
        options = [] if how == "warm" else [f"--{how}"]
        assert batch(lesson, sweep, tmp_path / how, *options) == 0
    warm = tmp_path / "warm"
    results = sorted(path.name for path in warm.glob("*.json"))
    assert len(results) == 100
    for name in results:
        assert (warm / name).read_bytes() == (tmp_path / "cold" / name).read_bytes()
    for how in ("cold", "table-only"):
        assert (warm / "results.csv").read_bytes() == (tmp_path / how / "results.csv").read_bytes()
