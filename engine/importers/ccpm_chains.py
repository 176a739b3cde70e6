"""The chains of a schedule with buffers: one for each label, or one for each buffer where a label has several."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import Warnings


class LabelledChain(NamedTuple):
    """A chain with the ids of its tasks, in order, and of the buffers on it; its `id` is made from its label."""

    id: str
    tasks: tuple[str, ...]
    buffers: tuple[str, ...]


def chains_of(
    members: Mapping[str, Sequence[tuple[float, str]]],
    buffers: Mapping[str, str],
    before: Mapping[str, Sequence[str]],
    places: Mapping[str, str],
    warnings: Warnings,
) -> list[LabelledChain]:
    """The chains, their tasks in order of start.

    `members` are (start in working days, task) by label; `buffers` gives the label of each buffer, `before` the
    predecessors of each task and buffer, and `places` where each buffer is in the file, for errors.

    Several buffers under one label make several chains, with a warning: each has the tasks from which links within the
    label lead to it. Raises InvalidInputError for a task that leads to none of them or to several, and for a buffer to
    which no task leads.
    """
    chains = []
    for label, tasks in members.items():
        ordered = [task for _, task in sorted(tasks, key=lambda one: one[0])]
        standing = [buffer for buffer, own in buffers.items() if own == label]
        if len(standing) < 2:
            chains.append(LabelledChain(label, tuple(ordered), tuple(standing)))
            continue
        leads = {buffer: _leading_to(buffer, set(ordered), before) for buffer in standing}
        for task in ordered:
            owners = [buffer for buffer in standing if task in leads[buffer]]
            if len(owners) != 1:
                where = " and ".join(owners) if owners else "none of them"
                reason = f"{label[:40]!r} has the buffers {', '.join(standing)}, and task {task} leads to {where}"
                raise InvalidInputError(places[standing[1]], f"{reason}: give each buffer a chain of its own")
        empty = [buffer for buffer in standing if not leads[buffer]]
        if empty:
            raise InvalidInputError(places[empty[0]], f"no task of {label[:40]!r} leads to the buffer {empty[0]}")
        warnings.add(f"several buffers under the label {label[:40]}: read as a chain for each", ", ".join(standing))
        for buffer in standing:
            own = tuple(task for task in ordered if task in leads[buffer])
            chains.append(LabelledChain(f"{label[:30]} ({buffer[:30]})", own, (buffer,)))
    return chains


def _leading_to(buffer: str, tasks: set[str], before: Mapping[str, Sequence[str]]) -> set[str]:
    """The tasks among `tasks` from which links between them lead to a buffer."""
    found: set[str] = set()
    waiting = list(before.get(buffer, ()))
    while waiting:
        task = waiting.pop()
        if task in tasks and task not in found:
            found.add(task)
            waiting += before.get(task, ())
    return found
