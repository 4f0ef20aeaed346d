"""Servers and bandwidth."""

from estimator.quantity import Quantity

ENTRIES = (
    Quantity("requests_per_s", r"\lambda", "request/s", "request rate",
        "Requests that arrive in a second", 11_574),
    Quantity("output_tokens", r"S_{\text{out}}", "token", "output tokens",
        "Tokens that one request generates", 500),
    Quantity("flops_per_s", "F", "FLOP/s", "compute rate",
        "Floating-point operations of an accelerator in a second, dense", 312_000_000_000_000,
        low_open=True),
    Quantity("compute_seconds", r"T_{\text{compute}}", "s", "compute time of a request",
        "Time for a request's arithmetic at the full rate: a lower bound", 0.0096, low_open=True),
    Quantity("accelerators", "n", "accelerator", "number of accelerators",
        "Accelerators that serve the load", 112, whole=True),
    Quantity("message_bytes", "m", "byte", "size of a message",
        "Bytes that one request, or its answer, sends", 2_000),
    Quantity("traffic_bits_per_s", "W", "bit/s", "traffic",
        "Bits in a second on the network, one way", 185_000_000),
)  # fmt: skip
