"""Published models, accelerators, precisions and rates: data files with sources, and a loader."""

from estimator.catalog.configurations import (
    Configuration,
    architecture,
    configuration,
    configurations,
)
from estimator.catalog.loader import (
    Accelerator,
    Model,
    Precision,
    Rate,
    accelerator,
    accelerators,
    model,
    models,
    precision,
    precisions,
    rate,
    rates,
)

__all__ = [
    "Accelerator",
    "Configuration",
    "Model",
    "Precision",
    "Rate",
    "accelerator",
    "accelerators",
    "architecture",
    "configuration",
    "configurations",
    "model",
    "models",
    "precision",
    "precisions",
    "rate",
    "rates",
]
