"""Batches: a lesson over a file of scenarios, through papermill."""
