"""Writing out fan-outs: what a transaction has promised to many webhooks becomes deliveries, a portion at a time."""

from chainbell.delivery.envelope import compose, message_id
from chainbell.rules import Event, HostId
from chainbell.storage import Database, NewDelivery, events, fanouts, outbox, subscriptions
from chainbell.storage.subscriptions import Subscriber

PORTION = 250
"""How many deliveries are written in one transaction: well under 100 ms."""


def delivery_to(subscriber: Subscriber, event: Event) -> NewDelivery:
    """The delivery of an event to one of those who ask for it; its id follows from both."""
    return NewDelivery(
        message_id(event.id, event.occurred_at, subscriber.webhook_id),
        subscriber.webhook_id,
        event.id,
        event.name,
        compose(event, subscriber.webhook_id, subscriber.body_format),
    )


class FanningOut:
    """Writes out the fan-outs of one database, the accounts in turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after: HostId | None = None

    def write_portion(self) -> bool:
        """Writes the next portion; False if there was none, or others are writing all of them.

        Every delivery is due since its fan-out was promised, so that it takes its place in the order of events.
        """
        with self._database.read() as connection:
            if not fanouts.is_any(connection):
                return False
        with self._database.write() as connection:
            fanout = fanouts.take(connection, self._after)
            if fanout is None:
                return False
            self._after = fanout.account_id
            event = events.find_event(connection, fanout.event_id, lock=True)  # erasing a person rewrites it
            assert event is not None  # noqa: S101  a fan-out goes with its event
            asking = subscriptions.subscribers_at(
                connection, fanout.account_id, event.name, fanout.revision, fanout.written_to, PORTION
            )
            outbox.enqueue(connection, [delivery_to(one, event) for one in asking], fanout.made_at)
            if len(asking) == PORTION:
                fanouts.write_to(connection, fanout, asking[-1].webhook_id)
            else:
                fanouts.end(connection, fanout)
        return True
