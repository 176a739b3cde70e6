"""The front door, put together from its parts."""

from chainbell.engine.applying import Applying, Outcome
from chainbell.engine.portfolio import Portfolio
from chainbell.engine.reading import Reading
from chainbell.engine.registering import Registering


class Engine(Applying, Portfolio, Reading, Registering):
    """A chainbell database with its rules.

    `database_url` is SQLAlchemy's (`sqlite:///chainbell.db`, `postgresql://...`). `keys` seal webhook secrets; without
    them a SQLite file gets a key file beside it. `clock` says what time it is for deliveries; changes bring their own
    time. `rules` are the events that may fire, in their order: the ten of `CATALOGUE` and any of the host's own.
    Raises InvalidInputError for a URL, keys or rules that cannot be used.
    """


__all__ = ["Engine", "Outcome"]
