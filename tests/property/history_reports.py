"""What a random report says of a task, by the status that it is believed to have."""

from random import Random

from tests.property.history_plans import Document, quarters


def random_report(rng: Random, status: str, last_number: float | None) -> Document:
    number = quarters(rng, 1, rng.choice([6, 12, 24, 40]))
    percent = rng.choice([0, 10, 25, 50, 75, 90])
    if rng.random() < 0.03:
        return _two_things(rng, number)
    if last_number is not None and rng.random() < 0.15:
        return {"remainingDuration": last_number}
    return {
        "NotStarted": _not_started,
        "InProgress": _in_progress,
        "OnHold": _on_hold,
        "Completed": _completed,
        "Cancelled": _cancelled,
    }[status](rng, number, percent)


def _two_things(rng: Random, number: float) -> Document:
    """Reports that contradict themselves."""
    return rng.choice(
        [
            {"status": "InProgress", "remainingDuration": 0},
            {"status": "InProgress", "percentComplete": 100},
            {"percentComplete": 100, "remainingDuration": number},
            {"percentComplete": 50, "remainingDuration": 0},
            {"status": "NotStarted", "percentComplete": 50},
            {"status": "Completed", "percentComplete": 40},
        ]
    )


def _not_started(rng: Random, number: float, percent: int) -> Document:
    return rng.choice(
        [
            *3 * [{"status": "InProgress"}],
            {"status": "InProgress", "remainingDuration": number},
            {"status": "InProgress", "percentComplete": percent, "remainingDuration": number},
            {"percentComplete": percent},
            {"remainingDuration": number},
            {"status": rng.choice(["Completed", "OnHold", "Cancelled", "NotStarted"])},
        ]
    )


def _in_progress(rng: Random, number: float, percent: int) -> Document:
    return rng.choice(
        [
            *3 * [{"remainingDuration": number}],
            {"percentComplete": percent},
            {"percentComplete": percent, "remainingDuration": number},
            {"status": "InProgress", "remainingDuration": number},
            *3 * [{"status": "Completed"}],
            {"percentComplete": 100},
            {"remainingDuration": 0},
            *2 * [{"status": "OnHold"}],
            {"status": "OnHold", "remainingDuration": number},
            {"status": rng.choice(["Cancelled", "NotStarted", "InProgress"])},
            {"status": "Completed", "remainingDuration": number},
        ]
    )


def _on_hold(rng: Random, number: float, percent: int) -> Document:
    return rng.choice(
        [
            *4 * [{"status": "InProgress"}],
            {"status": "InProgress", "remainingDuration": number},
            {"remainingDuration": number},
            {"percentComplete": percent},
            {"status": rng.choice(["Completed", "Cancelled", "NotStarted", "OnHold"])},
        ]
    )


def _completed(rng: Random, number: float, percent: int) -> Document:
    return rng.choice(
        [
            {"remainingDuration": number},
            {"percentComplete": percent},
            {"status": "InProgress", "percentComplete": percent},
            {"status": "InProgress", "remainingDuration": number, "percentComplete": percent},
            {"status": rng.choice(["InProgress", "NotStarted", "OnHold", "Completed", "Cancelled"])},
            {"percentComplete": 100},
        ]
    )


def _cancelled(rng: Random, number: float, percent: int) -> Document:
    return rng.choice(
        [
            {"status": rng.choice(["InProgress", "NotStarted", "OnHold", "Completed"])},
            {"status": "InProgress", "remainingDuration": number},
            {"remainingDuration": number},
            {"percentComplete": percent},
        ]
    )
