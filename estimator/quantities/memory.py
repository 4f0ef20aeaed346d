"""The memory of inference."""

from estimator.quantity import Quantity

ENTRIES = (
    Quantity("tokens", "S", "token", "sequence length",
        "Tokens of one sequence: the prompt and what was generated", 128),
    Quantity("batch", "B", "sequence", "batch size",
        "Sequences that are worked on at the same time", 1),
    Quantity("bytes_per_element", "b", "byte", "bytes per element",
        "Bytes of one number of the cache", 2, high=8, low_open=True),
    Quantity("kv_cache_bytes", r"M_{\text{KV}}", "byte", "size of the key-value cache",
        "Bytes of all keys and values that are kept", 12_582_912),
)  # fmt: skip
