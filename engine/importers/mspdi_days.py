"""Files whose tasks have dates without a time of day: a finish at midnight means the end of that day."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from chainbell.engine.importers.fields import Fields

FINISHES = ("Finish", "ActualFinish")


def are_days(tasks: Iterable[Fields], opens: time) -> bool:
    """Whether every start and finish is at midnight, though working hours begin later, at `opens`."""
    dated = [(fields.moment("Start"), fields.moment("Finish")) for fields in tasks]
    ends = [at for pair in dated for at in pair if at is not None]
    return bool(ends) and opens != time() and all(at.time() == time() for at in ends)


def end_with_their_days(tasks: Iterable[Fields]) -> None:
    """Moves finishes at midnight to the end of that day, in place, in tasks and baselines that have a duration."""
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
