"""The work resources of a Microsoft Project file, and how much of them each task uses."""

from collections.abc import Iterable, Mapping
from typing import Any

from chainbell.engine.importers.fields import Fields
from chainbell.engine.importers.imported import Warnings

WORK_RESOURCE = 1
"""The resource Type of people and machines; 0 is material, 2 is cost."""
UNASSIGNED = -65535
"""The ResourceUID of an assignment without a resource."""


class Resources:
    """`used` holds the work resources that tasks use, by UID; `demands` the units of each, by task and resource.

    One unit is 100 percent of one person. A task demands no more than the resource has (MaxUnits). Material and cost
    resources are dropped with a warning.
    """

    def __init__(
        self, known: Mapping[int, Fields], assignments: Iterable[Fields], kept: Mapping[int, Fields], warnings: Warnings
    ) -> None:
        self.used: dict[int, Fields] = {}
        self.demands: dict[int, dict[int, float]] = {}
        for fields in assignments:
            task, resource = fields.whole("TaskUID", -1), fields.whole("ResourceUID", UNASSIGNED)
            units = fields.number("Units", 1.0)
            if task not in kept or resource not in known or units <= 0:
                continue
            if known[resource].whole("Type", WORK_RESOURCE) != WORK_RESOURCE:
                warnings.add("material and cost resources dropped", known[resource].text("Name") or resource)
                continue
            self.used[resource] = known[resource]
            wanted = self.demands.setdefault(task, {})
            wanted[resource] = wanted.get(resource, 0.0) + units
            capacity = known[resource].number("MaxUnits", 1.0)
            if wanted[resource] > capacity:
                wanted[resource] = capacity
                text = f"more of {known[resource].text('Name') or resource} wanted than there is: all of it taken"
                warnings.add(text, kept[task].text("Name") or task)

    def calendars(self, task: int) -> list[int]:
        """The UIDs of the calendars of the resources that a task uses."""
        found = (self.used[resource].whole("CalendarUID", -1) for resource in self.demands.get(task, {}))
        return [uid for uid in found if uid != -1]

    def documents(self) -> list[dict[str, Any]]:
        """The resources of the plan document, with their capacity in units."""
        return [
            {
                "id": uid,
                "name": (fields.text("Name") or f"Resource {uid}")[:1000],
                "capacity": fields.number("MaxUnits", 1.0),
            }
            for uid, fields in self.used.items()
        ]

    def add_to(self, task: dict[str, Any]) -> None:
        """Adds to a task the resources that it needs, and assigns it to the first of them that is a single person."""
        demand = self.demands.get(task["id"])
        if not demand:
            return
        task["resources"] = [{"id": resource, "units": units} for resource, units in demand.items()]
        for resource in demand:
            if self.used[resource].number("MaxUnits", 1.0) <= 1:
                task["assignedTo"] = _person(resource, self.used[resource])
                return


def _person(uid: int, fields: Fields) -> dict[str, Any]:
    person: dict[str, Any] = {"id": uid, "name": (fields.text("Name") or f"Resource {uid}")[:1000]}
    email = fields.text("EmailAddress")
    return {**person, "email": email} if email else person
