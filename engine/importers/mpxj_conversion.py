"""Turns one project file into Microsoft Project XML by way of MPXJ, in a process of its own.

    python -m chainbell.engine.importers.mpxj_conversion FOLDER ENDING JAVA_LIBRARY MEGABYTES SECONDS [PROJECT]

It reads `FOLDER/plan.ENDING` and writes `FOLDER/plan.xml` and `FOLDER/projects.json`, or `FOLDER/reason.txt`. A
Java virtual machine cannot be started twice in one process, and a hostile file may take all memory or never end: here
both have a limit, and only this process fails.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

READERS = {
    ".mpp": "org.mpxj.mpp.MPPReader",
    ".mpx": "org.mpxj.mpx.MPXReader",
    ".pmxml": "org.mpxj.primavera.PrimaveraPMFileReader",
    ".planner": "org.mpxj.planner.PlannerReader",
    ".pod": "org.mpxj.projectlibre.ProjectLibreReader",
    ".gan": "org.mpxj.ganttproject.GanttProjectReader",
}
"""MPXJ's reader by the ending of a file's name."""
LARGEST_OUTPUT = 256 * 1024 * 1024
"""Bytes that one file may have that the process writes."""
BESIDE_THE_HEAP = 6 * 1024
"""Megabytes of address space that a virtual machine reserves beside its heap; most of them are never used."""


def main(arguments: list[str]) -> int:
    """Converts one file within limits and returns the exit status: 1 for a failure, whose reason is in `reason.txt`."""
    folder, ending, library, megabytes, seconds, *wanted = arguments
    limit_this_process(int(megabytes), int(seconds))
    try:
        convert(Path(folder), ending, library, int(megabytes), wanted[0] if wanted else None)
    except BaseException as error:  # noqa: BLE001  whatever Java throws ends only this process
        (Path(folder) / "reason.txt").write_text(told(error), encoding="utf-8")
        return 1
    return 0


def told(error: BaseException) -> str:
    """What went wrong, followed by the innermost Java cause, if any; each up to 200 characters."""
    texts = [str(error)]
    cause: Any = error
    while len(texts) < 10 and hasattr(cause, "getCause") and (cause := cause.getCause()) is not None:
        texts.append(str(cause.toString()))
    found = " ".join(texts[0].split())[:200] or type(error).__name__
    return found if len(texts) == 1 else f"{found}: {' '.join(texts[-1].split())[:200]}"


def limit_this_process(megabytes: int, seconds: int) -> None:
    """Limits address space, processor time (twice `seconds`) and file sizes, and forbids core dumps; not on Windows."""
    try:
        resource: Any = importlib.import_module("resource")
    except ImportError:  # Windows: the limits of the virtual machine and the time limit outside remain
        return
    limits = {
        resource.RLIMIT_AS: (megabytes + BESIDE_THE_HEAP) * 1024 * 1024,
        resource.RLIMIT_CPU: 2 * seconds,
        resource.RLIMIT_FSIZE: LARGEST_OUTPUT,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, most))


def convert(folder: Path, ending: str, library: str, megabytes: int, wanted: str | None) -> None:
    """Writes `plan.xml` and `projects.json` for `plan{ending}` in a folder, read with the reader of its ending.

    Of several projects that have tasks it takes the one titled `wanted`, else the first. `projects.json` holds the
    titles and whether `wanted` is among them. The Java heap is `megabytes`. Raises ValueError for a file without tasks,
    and whatever MPXJ raises.
    """
    jpype: Any = importlib.import_module("jpype")
    importlib.import_module("mpxj")  # puts its jars on the class path
    jpype.startJVM(
        library,
        f"-Xmx{megabytes}m",
        "-Xss4m",
        "-XX:MaxMetaspaceSize=256m",
        "-XX:ReservedCodeCacheSize=128m",
        "-XX:-UsePerfData",
        "-XX:+UseSerialGC",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={folder}",
        convertStrings=True,
    )
    found = [one for one in jpype.JClass(READERS[ending])().readAll(str(folder / f"plan{ending}")) if one is not None]
    projects = [one for one in found if one.getTasks().size() > 0]
    if not projects:
        raise ValueError("it holds no project with tasks")
    titles = [title(one) for one in projects]
    chosen = titles.index(wanted) if wanted in titles else 0
    writer = jpype.JClass("org.mpxj.writer.UniversalProjectWriter")
    formats = jpype.JClass("org.mpxj.writer.FileFormat")
    writer(formats.MSPDI).write(projects[chosen], str(folder / "plan.xml"))
    (folder / "projects.json").write_text(json.dumps([titles, wanted in titles]), encoding="utf-8")


def title(project: Any) -> str:
    """The id of an MPXJ project, else its title or name, up to 64 characters; `without a name` if it has none."""
    properties = project.getProjectProperties()
    found = properties.getProjectID() or properties.getProjectTitle() or properties.getName() or "without a name"
    return str(found)[:64]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
