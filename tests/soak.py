"""Whether the long runs of `make soak` are asked for."""

import os

SOAK = bool(os.environ.get("CHAINBELL_SOAK"))
