"""A formula shows itself: symbols, numbers put in, the result with its unit, the source."""

import numpy as np
import pytest

from estimator.lesson import show
from estimator.lesson.show import number_latex
from estimator.memory import kv_cache_bytes
from estimator.serving import accelerators
from estimator.user_data import daily_bytes


def test_the_cache_formula() -> None:
    shown = show(kv_cache_bytes, 24, 16, 64, tokens=128)
    symbols, numbers, result = shown.latex.splitlines()[1:4]
    assert symbols == (
        r"M_{\text{KV}} &= 2 \times N \times h_{\text{kv}} \times d_{\text{head}} "
        r"\times S \times B \times b \\"
    )
    assert numbers == r"&= 2 \times 24 \times 16 \times 64 \times 128 \times 1 \times 2 \\"
    assert result == r"&= 12{,}582{,}912\ \text{bytes} = \text{12.58 MB (12.00 MiB)}"
    assert shown.value == 12_582_912


def test_a_server_count_with_its_ceiling() -> None:
    shown = show(accelerators, requests_per_s=11574.074, compute_seconds=0.009615385)
    assert r"\left\lceil{\lambda \times T_{\text{compute}}}\right\rceil" in shown.latex
    assert r"\left\lceil{11{,}574.1 \times 0.00961539}\right\rceil" in shown.latex
    assert r"\text{112 accelerators}" in shown.latex
    assert shown.value == 112


def test_sums_and_brackets_keep_their_order() -> None:
    shown = show(daily_bytes, 100_000_000, 10, 2_000, 0.25)
    assert r"U \times q \times m_{\text{int}} \times \left(1 + x\right)" in shown.latex
    assert r"10^{8} \times 10 \times 2{,}000 \times \left(1 + 0.25\right)" in shown.latex


def test_the_page_has_legend_and_source() -> None:
    page = show(accelerators, 10, 0.1)._repr_mimebundle_()
    assert r"$\lambda$: request rate; $T_{\text{compute}}$: compute time" in page["text/markdown"]
    assert "*Source: " in page["text/markdown"]
    assert page["text/plain"] == "accelerators = 1 accelerator"


def test_bad_values_are_refused_as_the_formula_refuses_them() -> None:
    with pytest.raises(ValueError, match="tokens is -1, but the sequence length must be"):
        show(kv_cache_bytes, 24, 16, 64, tokens=-1)
    with pytest.raises(TypeError, match="tokens is an array"):
        show(kv_cache_bytes, 24, 16, 64, tokens=np.arange(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="max is not a formula"):
        show(max, 1, 2)


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (12, "12"),
        (1024, "1{,}024"),
        (354_336_768, "354{,}336{,}768"),
        (3_000_000_000, r"3 \times 10^{9}"),
        (100_000_000, "10^{8}"),
        (312e12, r"3.12 \times 10^{14}"),
        (0.009615384, "0.00961538"),
        (4.125, "4.125"),
    ],
)
def test_numbers_in_a_formula(value: float, latex: str) -> None:
    assert number_latex(value) == latex
