"""Prints results; no control character of a name reaches the terminal."""

import json
import re
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chainbell.engine.errors import ChainbellError, StorageError
from chainbell.rules import Event
from chainbell.rules.payload import wire_instant

console = Console(highlight=False)
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""The control characters C0, DEL and C1, line separators, and characters that change the writing direction."""
_UNSAFE_IN_JSON = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", ""))


def plain(value: object) -> str:
    """The text of a value with control characters written as escapes: `\\x1b`, `\\u202e`."""
    return _UNSAFE.sub(lambda match: _spelt(match.group(), wide="\\u{:04x}", narrow="\\x{:02x}"), str(value))


def marked(value: object) -> str:
    """The same, for rich: markup in the value is plain text."""
    return escape(plain(value))


def _spelt(character: str, *, wide: str, narrow: str) -> str:
    return (narrow if ord(character) < 256 else wide).format(ord(character))


def say(*values: object) -> None:
    """Prints one line on standard output."""
    print(*map(plain, values))


def warn(text: str) -> None:
    """Prints one line on standard error, marked as chainbell's."""
    print(f"chainbell: {plain(text)}", file=sys.stderr, flush=True)


def json_text(value: Any) -> str:
    """JSON on one line, with terminal control characters escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def print_json(value: Any) -> None:
    """Prints one line of JSON and flushes it: what is printed has been committed."""
    print(json_text(value), flush=True)


def count(number: int, what: str) -> str:
    """The number with its noun, in the plural but for 1: `1 project`, `7 deliveries`."""
    if number == 1:
        return f"1 {what}"
    return f"{number} {what[:-1]}ies" if what.endswith("y") else f"{number} {what}s"


def new_table(*headings: str, names: str = "name") -> Table:
    """A table without lines; columns of ids and names may wrap, the others stay on one line."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        if heading in ("task", names):
            table.add_column(heading, overflow="fold", min_width=12 if heading == names else None)
        else:
            table.add_column(heading, no_wrap=True)
    return table


def event_line(event: Event) -> dict[str, Any]:
    """One event as `simulate --json`, `apply` and `events list --json` print it."""
    return {
        "event": event.name,
        "timestamp": wire_instant(event.occurred_at),
        "projectId": event.project_id,
        "taskId": event.task_id,
        "data": dict(event.data),
    }


def refusal(error: Exception) -> int | None:
    """Prints what was refused and returns the exit status; returns None for an unexpected error."""
    if not isinstance(error, ChainbellError):
        return None
    warn(str(error))
    return 1 if isinstance(error, StorageError) else 2
