"""chainbell's command line on a machine where some names take 20 s: `python -m tests.faults.slow_names ARGUMENTS`."""

import socket
import time
from typing import Any

from chainbell.engine.cli import main

DOMAIN = "slow.example"
SECONDS = 20.0
_look_up = socket.getaddrinfo


def look_up(host: Any, *arguments: Any, **named: Any) -> Any:
    """As the system's, but for names below the domain, which are not found after a long time."""
    if str(host).endswith(DOMAIN):
        time.sleep(SECONDS)
        raise socket.gaierror(socket.EAI_NONAME, "it is not known")
    return _look_up(host, *arguments, **named)


if __name__ == "__main__":
    socket.getaddrinfo = look_up
    main()
