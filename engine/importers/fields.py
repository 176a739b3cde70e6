"""XML from untrusted files: without entities, bounded in depth and number of elements, its fields read by type."""

import re
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import instant, moment, number, whole

DEEPEST = 64
"""Levels of elements."""
MOST_ELEMENTS = 4_000_000

_DURATION = re.compile(r"-?P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?")


class _RefusedError(Exception):
    pass


class _BoundedBuilder(TreeBuilder):
    """Builds the tree with local names only; refuses a document type, and elements that are too deep or too many."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._count = 0

    def doctype(self, *_: str | None) -> None:
        raise _RefusedError("a document type is refused: it may define entities")

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            raise _RefusedError(f"elements are nested deeper than {DEEPEST}")
        if self._count > MOST_ELEMENTS:
            raise _RefusedError(f"has more than {MOST_ELEMENTS} elements")
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag.rpartition("}")[2])


def parse_xml(data: bytes, name: str) -> Element:
    """The root element, without namespaces; raises InvalidInputError, with line and column for what is not XML."""
    parser = XMLParser(target=_BoundedBuilder())  # noqa: S314  entities are refused with the document type
    try:
        parser.feed(data)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise InvalidInputError(f"{name}:{line}:{column + 1}", f"is not XML: {error}") from None
    except (_RefusedError, ValueError, LookupError) as error:
        raise InvalidInputError(name, f"is not XML that can be taken: {error}") from None
    return root


class Fields:
    """The fields of one element (the texts of its children), read by type; errors name file, element and field."""

    def __init__(self, element: Element, place: str) -> None:
        self.element = element
        self.place = place

    def text(self, name: str) -> str | None:
        """The text of a field without the space around it; None if the field is missing or blank."""
        found = self.element.findtext(name)
        return None if found is None or not found.strip() else found.strip()

    def whole(self, name: str, default: int) -> int:
        """An integer, `default` if missing; raises InvalidInputError for anything else."""
        text = self.text(name)
        return default if text is None else whole(text, f"{self.place}: {name}")

    def number(self, name: str, default: float) -> float:
        """A finite number, `default` if missing; raises InvalidInputError for anything else."""
        text = self.text(name)
        return default if text is None else number(text, f"{self.place}: {name}")

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether a field is an integer other than 0, `default` if missing; a word such as `true` is refused."""
        return self.whole(name, int(default)) != 0

    def instant(self, name: str) -> datetime | None:
        """A wall-clock instant, None if missing; raises InvalidInputError for anything else."""
        text = self.text(name)
        return None if text is None else instant(text, f"{self.place}: {name}")

    def moment(self, name: str) -> datetime | None:
        """Like `instant`, for an instant of the plan itself, which must lie in the years 1900 to 2200."""
        text = self.text(name)
        return None if text is None else moment(text, f"{self.place}: {name}")

    def minutes(self, name: str) -> float | None:
        """The minutes of an ISO 8601 duration such as `PT8H30M0S`, None if missing; a day in it has 24 hours.

        Raises InvalidInputError for a negative duration, and for one in years, months or weeks.
        """
        text = self.text(name)
        if text is None:
            return None
        match = _DURATION.fullmatch(text)
        if match is None or text.startswith("-") or text.endswith(("P", "T")):
            raise InvalidInputError(f"{self.place}: {name}", f"{text[:40]!r} is not a duration")
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return days * 1440 + hours * 60 + minutes + seconds / 60

    def children(self, path: str) -> list["Fields"]:
        """The elements below this one at a path such as `Tasks/Task`."""
        return [Fields(child, f"{self.place}: {child.tag}") for child in self.element.findall(path)]
