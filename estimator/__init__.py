"""Back-of-the-envelope sizing of large-language-model services.

The formulas stand in one module for each lesson and need the standard library alone. NumPy, SymPy,
pandas, Matplotlib and ipywidgets load where they are used.
"""

from estimator import (
    bandwidth,
    cost,
    memory,
    model_storage,
    serving,
    training,
    uncertainty,
    units,
    user_data,
)

__version__ = "0.1.0"
__all__ = [
    "bandwidth",
    "cost",
    "memory",
    "model_storage",
    "serving",
    "training",
    "uncertainty",
    "units",
    "user_data",
]
