"""Log lines say what is known to be harmless, and of the rest that it was there."""

from chainbell.engine.logs import only_known_fields


def test_a_field_that_nobody_has_thought_about_is_redacted() -> None:
    line = {"event": "chainbell.delivery_attempted", "delivery_id": "wh_1", "secret": "s3cret", "body": b"{}"}
    assert only_known_fields(None, "info", line) == {
        "event": "chainbell.delivery_attempted",
        "delivery_id": "wh_1",
        "secret": "[redacted]",
        "body": "[redacted]",
    }


def test_counts_of_the_statistics_are_shown_as_they_are() -> None:
    line = {"event": "chainbell.statistics", "projects_active": 3, "deliveries_pending": 0}
    assert only_known_fields(None, "info", dict(line)) == line
