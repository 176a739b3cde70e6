"""The base of all errors, and what the rules refuse: always a field and a reason.

ChainbellError
├── FieldError                   a field and a reason
│   ├── CalendarError            working days or hours that do not form a calendar
│   ├── ZonePolicyError          zones whose thresholds are out of order or out of range
│   ├── NetworkError             tasks and links that do not form a network
│   ├── PlanError                a plan whose parts do not fit together
│   │   └── LevellingError       a demand on resources that no schedule can meet
│   └── ReportError              a report that a project cannot take
│       └── StaleReportError     one that is older than what is known already
├── CalendarRangeError           a working day that has no date: no single field is to blame
└── EvaluationError              a project that cannot be read, or that the rules fail on
"""

from typing import Any

from chainbell.rules.ids import HostId


class ChainbellError(Exception):
    """The base of all errors that chainbell raises on purpose; `chainbell.engine.errors` draws the whole tree.

    They can be pickled, and so raised in one process and caught in another.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[ChainbellError], arguments: tuple[Any, ...], fields: dict[str, Any]) -> ChainbellError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error


class FieldError(ChainbellError, ValueError):
    """`field` is the path of what is wrong (`tasks[3].resources`), `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class CalendarError(FieldError):
    """Working days or hours that do not form a calendar."""


class CalendarRangeError(ChainbellError, ValueError):
    """A working day so far off that it has no date."""


class ZonePolicyError(FieldError):
    """Zones whose thresholds are out of order or out of range, or a margin that does not fit them."""


class NetworkError(FieldError):
    """Tasks and links that do not form a network: two tasks with one id, an unknown task, a cycle."""


class PlanError(FieldError):
    """A plan whose parts do not fit together."""


class LevellingError(PlanError):
    """A demand on resources that no schedule can meet."""


class ReportError(FieldError):
    """A report that the project cannot take."""


class StaleReportError(ReportError):
    """A report older than what is already known of its subject."""


class EvaluationError(ChainbellError):
    """The project `project_id` cannot be evaluated, whatever the change says; `reason` says why. Nothing was kept.

    Its rows do not form a project, or a rule failed on it.
    """

    field = "rules"

    def __init__(self, project_id: HostId, reason: str) -> None:
        super().__init__(f"project {project_id!r} cannot be evaluated: {reason}")
        self.project_id = project_id
        self.reason = reason
