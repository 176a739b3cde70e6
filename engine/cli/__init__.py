"""The command line: `chainbell`, also `python -m chainbell.engine`."""

import sys

from chainbell.engine.cli.app import app, with_global_options_first


def main() -> None:
    """Runs a command; exits 0 for success, 1 if an expectation fails or storage is unavailable, 2 for bad input."""
    try:
        app(with_global_options_first(sys.argv[1:]))
    except Exception as error:
        from chainbell.engine.cli.printing import refusal  # only a command that has failed needs the error tree

        status = refusal(error)
        if status is None:
            raise
        sys.exit(status)


__all__ = ["app", "main"]
