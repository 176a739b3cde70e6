"""The command line: `chainbell`."""

import sys

from chainbell.engine.cli import delivering, maintenance, planning, projects, serving, simulate, webhooks  # noqa: F401
from chainbell.engine.cli.app import app, with_global_options_first
from chainbell.engine.errors import ChainbellError, StorageError


def main() -> None:
    """Runs a command: exit 0 for success, 1 where an expectation fails, 2 for bad input."""
    try:
        app(with_global_options_first(sys.argv[1:]))
    except StorageError as error:
        print(f"chainbell: {error}", file=sys.stderr)
        sys.exit(1)
    except ChainbellError as error:
        print(f"chainbell: {error}", file=sys.stderr)
        sys.exit(2)


__all__ = ["app", "main"]
