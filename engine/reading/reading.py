"""Reading: events, state, baselines."""

from datetime import date

from sqlalchemy import Connection

from chainbell.engine.core import Core
from chainbell.engine.documents.fields import checked_id, checked_moment, instant_of
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.reading.baselines import Baseline, baselines_of
from chainbell.engine.reading.report import ProjectReport, report
from chainbell.rules import CalendarRangeError, Event, HostId
from chainbell.storage import (
    AmbiguousProjectError,
    events,
    history,
)
from chainbell.storage import projects as store


class Reading:
    """Reads stored events, projects and baselines."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def events(
        self,
        project: HostId | None = None,
        *,
        account: HostId | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Stored events, oldest first; with a limit, only the newest."""
        if project is not None:
            checked_id(project, "projectId")
        if account is not None:
            checked_id(account, "account")
        with self._core.database.read() as connection:
            return events.find_events(connection, account_id=account, project_id=project, name=name, limit=limit)

    def event(self, event_id: str, *, account: HostId | None = None) -> Event:
        """One stored event with its `why`; raises NotFoundError if it does not exist or belongs to another account."""
        with self._core.database.read() as connection:
            found = events.find_event(connection, event_id)
        if found is None or (account is not None and found.account_id != account):
            raise NotFoundError("event", f"there is no event {event_id!r}")
        return found

    def status(self, project: HostId, *, account: HostId | None = None, as_of: date | None = None) -> ProjectReport:
        """The state of a project at an instant, or at the opening of a date in its own time zone.

        The default is its last evaluation or, before the first, the project's start.
        """
        with self._core.database.read() as connection:
            key = self._project_key(connection, project, account)
            stored = store.read(connection, key).project
            trail = history.fever_points(connection, key)
        at = stored.evaluated_at or stored.calendar.opening(stored.start_date)
        if as_of is not None:
            at = instant_of(checked_moment(as_of, "asOf"), stored.calendar)
        try:
            return report(stored, at, trail)
        except (CalendarRangeError, OverflowError) as error:
            raise InvalidInputError("asOf", f"the forecast leaves all dates: {error}") from None

    def baselines(self, project: HostId, *, account: HostId | None = None) -> list[Baseline]:
        """Every baseline of a project, oldest first, each with what it changed."""
        with self._core.database.read() as connection:
            kept = history.baselines(connection, self._project_key(connection, project, account))
        return baselines_of(kept)

    def last_baseline(self, project: HostId, *, account: HostId | None = None) -> Baseline:
        """The current baseline of a project, with what it changed; older ones are not all read."""
        with self._core.database.read() as connection:
            key = self._project_key(connection, project, account)
            kept = history.baselines(connection, key, newest=2)
        return baselines_of(kept)[-1]

    def _project_key(self, connection: Connection, project: HostId, account: HostId | None) -> int:
        checked_id(project, "projectId")
        if account is not None:
            checked_id(account, "account")
        try:
            located = store.locate(connection, project, account)
        except AmbiguousProjectError:
            raise InvalidInputError("account", f"several accounts have a project {project!r}; name one") from None
        if located is None:
            raise NotFoundError("projectId", f"there is no project {project!r}")
        return located.key
