"""Published models, accelerators, precisions and rates: data files with sources, and a loader."""

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
    "Model",
    "Precision",
    "Rate",
    "accelerator",
    "accelerators",
    "model",
    "models",
    "precision",
    "precisions",
    "rate",
    "rates",
]
