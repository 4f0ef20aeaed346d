"""What stands behind the Makefile.

`course`, `set_up` and `constraints` run before set-up, and `lab` says so where it is missing: they
load the standard library alone.
"""
