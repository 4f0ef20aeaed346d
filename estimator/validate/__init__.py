"""The estimator against measurements: each module reads a reader's file and prints the errors."""
