"""The links of a Primavera export, their lags counted on the calendar that the schedule options choose."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.forward_pass import Dates, Precedence
from chainbell.engine.importers.imported import Reasons, Warnings
from chainbell.engine.importers.project_time import ProjectTime
from chainbell.engine.importers.xer_tables import Row
from chainbell.engine.importers.xer_weeks import Weeks, lag_time

LINK_TYPES = {"PR_FS": "FS", "PR_SS": "SS", "PR_FF": "FF", "PR_SF": "SF"}


class Network:
    """The links between the kept tasks, as `links` with their lags in minutes; a link to another task is dropped.

    Raises InvalidInputError for a link type that is not one of `LINK_TYPES`.
    """

    def __init__(
        self, rows: list[Row], tasks: Mapping[str, Row], weeks: Weeks, options: list[Row], warnings: Warnings
    ) -> None:
        self._weeks = weeks
        self.links: list[Precedence] = []
        self.cut: set[str] = set()
        """The kept tasks (task_id) that lost a link to what was dropped."""
        for row in rows:
            before, after, kind = row.get("pred_task_id"), row.get("task_id"), row.get("pred_type")
            if kind not in LINK_TYPES:
                raise InvalidInputError(row.place("pred_type"), f"{kind[:40]!r} is none of {', '.join(LINK_TYPES)}")
            if before not in tasks or after not in tasks:
                self.cut |= {after} & tasks.keys()
                if after in tasks or before in tasks:
                    warnings.add("link to what was dropped, dropped with it", f"{before} -> {after}")
                continue
            time = lag_time(options, weeks, tasks[before].get("clndr_id"), tasks[after].get("clndr_id"))
            lag = row.number("lag_hr_cnt") * 60
            self.links.append(Precedence(before, after, LINK_TYPES[kind], lag, time))

    def documents(
        self,
        ids: Mapping[str, str],
        time: ProjectTime,
        anchors: Mapping[str, Dates],
        warnings: Warnings,
        reasons: Reasons,
    ) -> list[dict[str, Any]]:
        """The links of the plan document, lags in working days of the project.

        A lag on another calendar is counted at the predecessor's dates in `anchors`, with a warning where that differs.
        """
        found = []
        for link in self.links:
            before, after = str(link.before), str(link.after)
            lag = link.lag / time.week.minutes
            if link.lag and not self._weeks.is_plain(link.time) and before in anchors:
                counted = self._counted(anchors[before], link, time)
                if not time.is_same(lag, counted):
                    warnings.add(
                        "lags on another calendar counted on the project's, at the dates that they have now",
                        f"{ids[before]} -> {ids[after]}",
                    )
                    reasons.add(ids[after], "a lag is counted on another calendar than the project's")
                    lag = counted
            found.append({"from": ids[before], "to": ids[after], "type": link.kind, "lag": lag})
        return found

    @staticmethod
    def _counted(anchor: Dates, link: Precedence, time: ProjectTime) -> float:
        at: datetime = anchor.finish if link.kind[0] == "F" else anchor.start
        return time.days_between(at, link.time.shifted(at, link.lag))
