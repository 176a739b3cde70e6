"""Turns files into plan documents: bytes in, a document and warnings out; refusals name the place."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.comparison import Comparison, FirstDifference, compare
from chainbell.engine.importers.documents import read_json, read_yaml
from chainbell.engine.importers.imported import Imported
from chainbell.engine.importers.mpxj_files import KINDS, read_with_mpxj
from chainbell.engine.importers.mspdi import read_mspdi
from chainbell.engine.importers.tables import read_csv
from chainbell.engine.importers.xer import read_xer

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes of the largest file that is read."""


def _plan(kind: str, read: Callable[[bytes, str], Any]) -> Callable[[bytes, str], Imported]:
    def importer(data: bytes, name: str) -> Imported:
        document = read(data, name)
        if not isinstance(document, dict):
            raise InvalidInputError(name, "a plan document is an object")
        return Imported(kind, document)

    return importer


IMPORTERS: dict[str, Callable[[bytes, str], Imported]] = {
    ".json": _plan("JSON plan", read_json),
    ".yaml": _plan("YAML plan", read_yaml),
    ".yml": _plan("YAML plan", read_yaml),
    ".xml": read_mspdi,
    ".mspdi": read_mspdi,
    ".csv": read_csv,
    ".xer": read_xer,
    **dict.fromkeys(KINDS, read_with_mpxj),
}
"""By the ending of a file's name, in lower case, the function from its bytes and name to a document and warnings."""


def import_plan(data: bytes, name: str, *, project: str | None = None, columns: Sequence[str] = ()) -> Imported:
    """The plan in a file, read by the ending of its name; raises InvalidInputError naming the place and the reason.

    `project` names one of several projects in an XER file or one that MPXJ reads; `columns` says what the columns of a
    CSV file mean (see `read_csv`), and is refused for other files.
    """
    ending = Path(name).suffix.lower()
    importer = IMPORTERS.get(ending)
    if importer is None:
        raise InvalidInputError(name, f"its ending is none of {', '.join(IMPORTERS)}")
    if len(data) > LARGEST_FILE:
        raise InvalidInputError(name, f"is larger than {LARGEST_FILE} bytes")
    if columns and ending != ".csv":
        raise InvalidInputError(name, "has no columns to be mapped: --map is for CSV")
    if ending == ".csv":
        return read_csv(data, name, columns)
    if ending == ".xer":
        return read_xer(data, name, project)
    if ending in KINDS:
        return read_with_mpxj(data, name, project)
    return importer(data, name)


def completed(
    imported: Imported,
    name: str,
    today: date,
    *,
    account: int | str | None = None,
    project: int | str | None = None,
    start: date | None = None,
    planning: dict[str, Any] | None = None,
) -> Imported:
    """The import with what the caller sets, which replaces the file's own, and with what the file leaves open.

    Files of other tools name no account, and some no project id or start: account 1, the file's name and `today` are
    taken, each with a warning. Nothing is assumed for JSON and YAML plans, which are plan documents already. `project`
    is not taken as the id where it has chosen among the projects of the file; `planning` is merged key by key.
    """
    document, notes = dict(imported.document), list(imported.warnings)
    heading = document.get("project")
    heading = dict(heading) if isinstance(heading, dict) else {}
    is_foreign = not imported.kind.endswith(" plan")

    def fill(target: dict[str, Any], key: str, given: Any, assumed: Any, option: str) -> None:
        if given is not None:
            target[key] = given
        elif key not in target and is_foreign:
            target[key] = assumed
            notes.append(f"the file gives no {key}: {assumed} is taken ({option})")

    fill(document, "accountId", account, 1, "--account")
    fill(heading, "id", None if imported.is_chosen else project, Path(name).stem[:64] or "project", "--project")
    fill(heading, "startDate", None if start is None else start.isoformat(), today.isoformat(), "--start")
    if is_foreign:
        heading.setdefault("name", Path(name).stem or "project")
    if heading:
        document["project"] = heading
    if planning:
        given = document.get("planning")
        document["planning"] = {**(given if isinstance(given, dict) else {}), **planning}
    return replace(imported, document=document, warnings=tuple(notes))


def read_document(path: Path) -> Any:
    """The value in a JSON or YAML file, by its ending; raises InvalidInputError naming file, place and reason."""
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise InvalidInputError(path.name, "is neither .json nor .yaml")
    reader = read_json if path.suffix.lower() == ".json" else read_yaml
    return reader(read_file(path), path.name)


def read_file(path: Path) -> bytes:
    """The bytes of a file; raises InvalidInputError for one that cannot be read or is larger than `LARGEST_FILE`."""
    try:
        with path.open("rb") as file:  # a device or a pipe has no size to be asked for
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InvalidInputError(path.name, error.strerror or "cannot be read") from None
    if len(data) > LARGEST_FILE:
        raise InvalidInputError(path.name, f"is larger than {LARGEST_FILE} bytes")
    return data


__all__ = [
    "IMPORTERS",
    "Comparison",
    "FirstDifference",
    "Imported",
    "compare",
    "completed",
    "import_plan",
    "read_csv",
    "read_document",
    "read_file",
    "read_json",
    "read_mspdi",
    "read_xer",
    "read_yaml",
]
