"""Prometheus metrics of one engine, in its own registry beside the host's. The number of labels is bounded."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from time import monotonic
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from chainbell.delivery import Dispatcher
from chainbell.rules import Event
from chainbell.storage import Settlement

FRESH_SECONDS = 10.0
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What this process has done since it started, and what the database reports on request."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._dispatchers: WeakSet[Dispatcher] = WeakSet()
        self._told: tuple[float, bytes] | None = None
        self._telling = Lock()
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

    def told(self, ask: Callable[[], None]) -> bytes:
        """The metrics in Prometheus' text format; `ask` sets what the database says, once in `FRESH_SECONDS`.

        Whoever asks more often, or at the same time, gets the same text: nobody makes the database count.
        """
        with self._telling:
            if self._told is None or monotonic() - self._told[0] > FRESH_SECONDS:
                ask()
                self._told = monotonic(), generate_latest(self.registry)
            return self._told[1]

    def watch(self, dispatcher: Dispatcher) -> None:
        """Includes this dispatcher's attempts in flight."""
        self._dispatchers.add(dispatcher)

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
