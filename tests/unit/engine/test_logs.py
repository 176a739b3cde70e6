"""Log lines say what is known to be harmless, and of the rest that it was there."""

import json
import logging
import subprocess
import sys

import pytest

from chainbell.engine.logs import configure_logging, log, only_known_fields


def test_a_field_that_nobody_has_thought_about_is_redacted() -> None:
    line = {"event": "chainbell.delivery_attempted", "delivery_id": "wh_1", "secret": "s3cret-of-ours", "body": b"{}"}
    assert only_known_fields(None, "info", line) == {
        "event": "chainbell.delivery_attempted",
        "delivery_id": "wh_1",
        "secret": "[redacted]",
        "body": "[redacted]",
    }


def test_counts_of_the_statistics_are_shown_as_they_are() -> None:
    line = {"event": "chainbell.statistics", "projects_active": 3, "deliveries_pending": 0}
    assert only_known_fields(None, "info", dict(line)) == line


def test_a_library_does_not_speak_until_a_host_lets_it(capfd: pytest.CaptureFixture[str]) -> None:
    """In a process of its own: nothing on either stream, whatever goes wrong."""
    program = "from chainbell.engine.logs import log; log.error('chainbell.request_failed', error='x')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_a_host_s_own_logging_gets_the_lines_with_their_fields(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("chainbell")
    kept = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [logging.NullHandler()], True
    try:
        with caplog.at_level(logging.INFO, "chainbell"):
            log.info("chainbell.expired", rows=3, secret="s3cret-of-ours")
    finally:
        logger.handlers, logger.propagate = kept[:2]
        logger.setLevel(kept[2])
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)["rows"], vars(record)["secret"]) == ("chainbell.expired", 3, "[redacted]")


def test_a_program_s_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("chainbell")
    kept = logger.handlers, logger.propagate, logger.level
    try:
        configure_logging(as_json=True, level="info")
        log.info("chainbell.expired", rows=3)
        log.debug("chainbell.expired", rows=4)
    finally:
        logger.handlers, logger.propagate = kept[:2]
        logger.setLevel(kept[2])
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["rows"], told["level"]) == ("chainbell.expired", 3, "info")
