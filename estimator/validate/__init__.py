"""The estimator against measurements of a reader's own, and those that the course ships.

Three modules are commands: `parameters`; `memory` with `memory_rows` and `memory_report`; and
`serving`, whose rows are read by `table` and `rows` (`reasons` says why one is not), estimated by
`predict` on `replicas`, scored by `compare`, and told by `report`. `own_configs` reads models of
the reader's for both.
"""
