"""The public names of each package, pinned: a change here is a change of the interface."""

import chainbell.delivery
import chainbell.engine
import chainbell.rules
import chainbell.storage


def test_engine() -> None:
    assert chainbell.engine.__all__ == [
        "BatchReport", "ChainbellError", "ConflictError", "Engine", "EvaluationError", "Housekeeping",
        "InvalidInputError", "NotFoundError", "Outcome", "ProjectReport", "Retention", "StaleChange", "StorageError",
        "configure_logging", "read_change", "read_plan", "run_dispatcher",
    ]  # fmt: skip


def test_rules() -> None:
    assert chainbell.rules.__all__ == [
        "CATALOGUE", "Assessment", "Buffer", "Calendar", "CalendarRangeError", "Cause", "Chain", "ChainKind",
        "Decision", "Deliverable", "Evaluation", "Event", "Firing", "HostId", "Latch", "Link", "LinkType", "Measure",
        "Milestone", "Network", "NetworkError", "Options", "Person", "Project", "ProjectStatus", "Readiness", "Rearm",
        "RemainingFrom", "ReportError", "Rule", "StaleReportError", "Task", "TaskStatus", "Transition", "Zone",
        "ZonePolicy", "assess", "compile_network", "evaluate", "report_milestone", "report_project", "report_task",
    ]  # fmt: skip


def test_storage() -> None:
    assert chainbell.storage.__all__ == [
        "METADATA", "AmbiguousProjectError", "Claim", "Database", "DatabaseUrlError", "FeverPoint", "KeyRing",
        "KeyRingError", "Located", "NewDelivery", "Settlement", "StoredProject", "VersionConflictError", "Webhook",
        "generate_key", "is_conflict", "is_passing", "key_file_beside",
    ]  # fmt: skip


def test_delivery() -> None:
    assert chainbell.delivery.__all__ == [
        "HEADER_PREFIX", "LOOPBACK_ALLOWED", "RETRY_DELAYS", "BodyFormat", "Clock", "DeliverySettings", "Dispatcher",
        "GuardPolicy", "Next", "Outcome", "RefusedEndpointError", "Verdict", "check_headers", "check_url", "compose",
        "hex_signature", "is_signed", "judge", "message_id", "signed_headers", "system_clock", "with_retry_count",
    ]  # fmt: skip
