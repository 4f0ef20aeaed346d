"""What is told of workers that are gone for good."""


class WorkersLostError(Exception):
    """Its workers were ended from outside, again and again: not one scenario's fault."""
