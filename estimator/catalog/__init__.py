"""Published models and accelerators: data files with their sources, and the loader."""

from estimator.catalog.configurations import (
    Configuration,
    architecture,
    configuration,
    configurations,
)
from estimator.catalog.loader import (
    Accelerator,
    Model,
    Rate,
    accelerator,
    accelerators,
    model,
    models,
    rate,
    rates,
)

__all__ = [
    "Accelerator", "Configuration", "Model", "Rate", "accelerator", "accelerators",
    "architecture", "configuration", "configurations", "model", "models", "rate", "rates",
]  # fmt: skip
