"""The links of a GanttProject file that MPXJ leaves out: those that the file gives in tasks below other tasks.

Facts of the format: a `depend` element in a task names a successor by its id, its `type` counts SS, FS, FF, SF from 1,
its `difference` is the lag in days. MPXJ gives each task its id in the file plus one as its unique id.
"""

from xml.etree.ElementTree import Element, SubElement, tostring

from chainbell.engine.importers.fields import parse_xml

LINK_TYPES = {"1": "3", "2": "1", "3": "0", "4": "2"}
"""Microsoft Project's number of a link type, by GanttProject's."""
TENTHS_OF_A_MINUTE = 4800
"""Tenths of a minute in a day of eight hours, the day that MPXJ gives such files: the unit of LinkLag."""


def with_all_links(source: bytes, converted: bytes, name: str) -> bytes:
    """The `converted` file (Microsoft Project XML) with the links of the `source` that are missing in it.

    Raises InvalidInputError for a file that is not XML.
    """
    project = parse_xml(converted, name)
    tasks = {task.findtext("UID", ""): task for task in project.iterfind("Tasks/Task")}
    for task in parse_xml(source, name).iter("task"):
        before = _uid(task.get("id", ""))
        for depend in task.findall("depend"):
            after, kind = tasks.get(_uid(depend.get("id", ""))), LINK_TYPES.get(depend.get("type", ""))
            if after is None or before not in tasks or kind is None:
                continue
            if all(link.findtext("PredecessorUID") != before for link in after.iterfind("PredecessorLink")):
                _add(after, before, kind, depend.get("difference", "0"))
    return tostring(project)


def _uid(text: str) -> str:
    return str(int(text) + 1) if text.isdecimal() and len(text) < 10 else ""


def _add(task: Element, before: str, kind: str, days: str) -> None:
    lag = int(days) if days.removeprefix("-").isdecimal() and len(days) < 8 else 0
    link = SubElement(task, "PredecessorLink")
    for field, text in (("PredecessorUID", before), ("Type", kind), ("LinkLag", str(lag * TENTHS_OF_A_MINUTE))):
        SubElement(link, field).text = text
