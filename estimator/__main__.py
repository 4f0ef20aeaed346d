"""The command line: `python -m estimator`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import ModuleType


def validations() -> dict[str, ModuleType]:
    """Each has HELP, `add_arguments(parser)` and `run(arguments)`, which gives the exit status."""
    from estimator.validate import memory, parameters, serving

    return {"parameters": parameters, "memory": memory, "serving": serving}


def parser() -> argparse.ArgumentParser:
    """All commands and what they take."""
    top = argparse.ArgumentParser(prog="python -m estimator", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    validate = commands.add_parser("validate", help="hold the estimator against measurements")
    kinds = validate.add_subparsers(required=True, metavar="WHAT")
    for name, module in validations().items():
        kind = kinds.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(kind)
        kind.set_defaults(run=module.run)
    from estimator import model_sheet
    from estimator.batch import command

    model = commands.add_parser("model", help=model_sheet.HELP, description=model_sheet.HELP)
    model_sheet.add_arguments(model)
    model.set_defaults(run=model_sheet.run)
    batch = commands.add_parser("batch", help=command.HELP, description=command.HELP)
    command.add_arguments(batch)
    batch.set_defaults(run=command.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 where all is well, 1 where it is not, 2 where the input is wrong."""
    try:
        chosen = parser().parse_args(arguments)
        return int(chosen.run(chosen))
    except (OSError, TypeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    status = main()
    if status == 130:  # all is told and tidied: one more Ctrl-C has nothing to stop
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)
