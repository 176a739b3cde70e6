"""Files whose tasks have days without a time: there a finish of midnight means the end of its day."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from chainbell.engine.importers.fields import Fields

FINISHES = ("Finish", "ActualFinish")


def are_days(tasks: Iterable[Fields], opens: time) -> bool:
    """Whether every task starts and finishes at midnight, though nobody works then."""
    dated = [(fields.moment("Start"), fields.moment("Finish")) for fields in tasks]
    ends = [at for pair in dated for at in pair if at is not None]
    return bool(ends) and opens != time() and all(at.time() == time() for at in ends)


def end_with_their_days(tasks: Iterable[Fields]) -> None:
    """Moves the finishes of tasks that take time from the beginning of their day to its end."""
    for fields in tasks:
        for dated in (fields, *fields.children("Baseline")):
            if not dated.minutes("Duration"):
                continue
            for name in FINISHES:
                found, at = dated.element.find(name), dated.moment(name)
                if found is not None and at is not None:
                    found.text = _end(at).isoformat()


def _end(at: datetime) -> datetime:
    return at + timedelta(days=1) if at.time() == time() else at
