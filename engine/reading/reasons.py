"""Why an event fired, in one sentence for people; each rule explains its own events."""

from collections.abc import Sequence

from chainbell.rules import CATALOGUE, Event, Rule
from chainbell.rules.words import kept_values


def reason(event: Event, rules: Sequence[Rule] = CATALOGUE) -> str:
    """The sentence of the event's own rule, or the stored values if the rule has none for them."""
    explain = next((rule.explain for rule in rules if rule.event == event.name), kept_values)
    try:
        return explain(event.why, event.data)
    except (KeyError, TypeError, ValueError):
        return kept_values(event.why, event.data)
