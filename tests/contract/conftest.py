"""The databases of this tier."""

from tests.databases import *  # noqa: F403
