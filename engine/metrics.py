"""Prometheus metrics of one engine, in its own registry beside the host's. The number of labels is bounded."""

import platform
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from time import monotonic, time
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from chainbell.delivery import Dispatcher
from chainbell.rules import Event
from chainbell.storage import Settlement

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What this process has done since it started, and what the database reports on request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._dispatchers: WeakSet[Dispatcher] = WeakSet()
        self._connections: WeakSet[Sized] = WeakSet()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._built = Gauge(
            "chainbell_build_info", "What is running.", ["version", "python", "revision"], registry=registry
        )
        self._events = Counter("chainbell_events", "Events that fired.", ["event"], registry=registry)
        self._attempts = Counter("chainbell_attempts", "HTTP attempts.", ["outcome", "state"], registry=registry)
        self._counter = lru_cache(maxsize=256)(self._attempts.labels)  # a look-up of labels costs more than a count
        self._seconds = Histogram(
            "chainbell_attempt_seconds", "How long attempts took.", buckets=SECONDS, registry=registry
        )
        self.oldest_due = Gauge("chainbell_oldest_due_seconds", "Age of the oldest due delivery.", registry=registry)
        in_flight = Gauge("chainbell_attempts_in_flight", "Attempts that are being made.", registry=registry)
        in_flight.set_function(lambda: sum(dispatcher.in_flight for dispatcher in list(self._dispatchers)))
        self.deliveries = Gauge("chainbell_deliveries", "Deliveries kept.", ["state"], registry=registry)
        self.webhooks = Gauge("chainbell_webhooks", "Registrations.", ["state"], registry=registry)
        text = "For how long everything sent to an endpoint has failed; the hundred longest."
        self.failing = Gauge("chainbell_webhook_failing_seconds", text, ["webhook", "state"], registry=registry)
        text = "Projects that could not be evaluated, each time."
        self.refused = Counter("chainbell_evaluations_refused", text, registry=registry)
        self.projects = Gauge("chainbell_projects", "Projects.", ["status"], registry=registry)

        self._requests = Counter(
            "chainbell_http_requests", "Requests to the API.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "chainbell_http_request_seconds",
            "How long requests took.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        open_now = Gauge("chainbell_http_connections", "Connections that are open.", registry=registry)
        open_now.set_function(lambda: sum(map(len, list(self._connections))))
        text = (
            "Connections that the server ended itself: head, idle, answer (too slow), address, all, refused (no room)."
        )
        self.connections_closed = Counter("chainbell_http_connections_closed", text, ["reason"], registry=registry)
        text = "How long changes took, from their documents to the commit."
        self.apply_seconds = Histogram("chainbell_apply_seconds", text, buckets=SECONDS, registry=registry)
        text = (
            "The last re-evaluation of this process: when it ended, how long it took, whether it ended well (1 or 0)."
        )
        self._reevaluated_at, self._reevaluation_seconds, self._reevaluation_succeeded = (
            Gauge(f"chainbell_reevaluation_{name}", text, registry=registry)
            for name in ("timestamp_seconds", "seconds", "succeeded")
        )

    def watch(self, dispatcher: Dispatcher) -> None:
        """Includes this dispatcher's attempts in flight."""
        self._dispatchers.add(dispatcher)

    def watch_connections(self, connections: Sized) -> None:
        """Includes the connections of this server."""
        self._connections.add(connections)

    @property
    def last_claim(self) -> float | None:
        """When a dispatcher of this process last claimed what was due (`time.monotonic`); None if none is running."""
        claimed = [dispatcher.last_claim for dispatcher in list(self._dispatchers)]
        return max((at for at in claimed if at is not None), default=None)

    def built(self, revision: str | None) -> None:
        """Tells what is running, on tables of this revision."""
        self._built.clear()
        self._built.labels(version("chainbell"), platform.python_version(), revision or "none").set(1)

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request by the template of its route, and measures how long it took."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    @contextmanager
    def reevaluating(self) -> Iterator[None]:
        """Measures a re-evaluation; one that raises has not succeeded."""
        began, succeeded = monotonic(), 0
        try:
            yield
            succeeded = 1
        finally:
            self._reevaluation_seconds.set(monotonic() - began)
            self._reevaluation_succeeded.set(succeeded)
            self._reevaluated_at.set(time())

    def event_fired(self, event: Event) -> None:
        """Counts an event."""
        self._events.labels(event.name).inc()

    def attempts_settled(self, settlements: Sequence[Settlement]) -> None:
        """Counts attempts by outcome and state, and measures how long they took."""
        for settlement in settlements:
            status = settlement.http_status
            outcome = str(settlement.outcome) if status is None else f"{status // 100}xx"
            self._counter(outcome, settlement.state.value).inc()
            self._seconds.observe(settlement.duration_ms / 1000)
