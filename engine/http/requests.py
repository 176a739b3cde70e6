"""What handlers share: the engine, the account of the request, and the threads that work."""

from aiohttp import web

from chainbell.engine.account import AccountView
from chainbell.engine.engine import Engine
from chainbell.engine.http.limits import Limits
from chainbell.engine.http.threads import Shares, Threads
from chainbell.rules import HostId
from chainbell.storage import Actor

ENGINE = web.AppKey("engine", Engine)
LIMITS = web.AppKey("limits", Limits)
ACCOUNT: web.RequestKey[HostId] = web.RequestKey("account", object)  # type: ignore[arg-type]
ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
TOKEN_NAME: web.RequestKey[str] = web.RequestKey("token_name", str)
LARGEST_PLAN: web.AppKey[int] = web.AppKey("largest_plan", int)
"""Tasks of a plan that comes in over HTTP."""
PLANNING_THREADS = 2
MOST_OF_ONE, MOST_OF_ALL = 8, 64
"""How many large requests of one account, and of all, are worked on or wait."""


class Working:
    """The threads of one application, by what they do; none keeps another waiting.

    `storage` answers requests of accounts, `planning` those that may take seconds, of each account one at a time.
    `entering` looks tokens up, `marking` writes down that they were used, and `watching` reads metrics and readiness.
    `testing` are the shares of requests that wait for an endpoint, `reading` those whose large bodies come in.
    """

    def __init__(self, limits: Limits) -> None:
        most = limits.most_connections
        waiting, of_one = limits.waiting, limits.waiting_per_account
        large = Shares(of_one=1, waiting=MOST_OF_ALL, waiting_of_one=MOST_OF_ONE)
        small = Shares(of_one=limits.threads_of_one, waiting=waiting, waiting_of_one=of_one)
        self.storage = Threads("chainbell-storage", limits.threads, small)
        self.planning = Threads("chainbell-planning", PLANNING_THREADS, large)
        self.entering = Threads("chainbell-entering", 2, Shares(of_one=2, waiting=most, waiting_of_one=most))
        self.marking = Threads("chainbell-marking", 1, Shares(of_one=1, waiting=1, waiting_of_one=1))
        self.watching = Threads("chainbell-watching", 2, Shares(of_one=1, waiting=2, waiting_of_one=1))
        self.reading = Shares(of_one=MOST_OF_ONE // 2, waiting=MOST_OF_ALL, waiting_of_one=MOST_OF_ONE * 2)
        self.testing = Shares(of_one=limits.threads_of_one, waiting=waiting, waiting_of_one=of_one)

    def shutdown(self) -> None:
        """Lets what is running end, and begins nothing more."""
        for threads in (self.storage, self.planning, self.entering, self.marking, self.watching):
            threads.shutdown()


WORKING: web.AppKey[Working] = web.AppKey("working", Working)


def engine_of(request: web.Request) -> Engine:
    """The whole engine, for routes that concern all accounts; other handlers use `view_of`."""
    return request.config_dict[ENGINE]


def view_of(request: web.Request) -> AccountView:
    """The engine as the account of the request's token sees it; whoever has the token acts."""
    return engine_of(request).for_account(request[ACCOUNT], actor=request[ACTOR])
