"""Builds `interposed.c` and switches the faults that it makes in the processes that run under it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("interposed.c")


@dataclass(frozen=True, slots=True)
class Interposed:
    """The library, and the folder whose files switch its faults on: `full` and `broken`."""

    library: Path
    folder: Path

    def environment(self, full: str, broken: str | None = None, ahead_seconds: int = 0) -> dict[str, str]:
        """What a process is started with: files with `full` in their path do not grow on a full disk; of those with
        `broken` in theirs (`full`, unless given), fsync fails on a broken one."""
        return {
            "LD_PRELOAD": str(self.library),
            "CHAINBELL_FAULTS": str(self.folder),
            "CHAINBELL_FULL": full,
            "CHAINBELL_BROKEN": full if broken is None else broken,
            "CHAINBELL_AHEAD": str(ahead_seconds),
        }

    def begin(self, fault: str) -> None:
        (self.folder / fault).touch()

    def end(self, fault: str) -> None:
        (self.folder / fault).unlink(missing_ok=True)


def build(folder: Path) -> Interposed | None:
    """Compiles the library into the folder; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library, switches = folder / "interposed.so", folder / "faults"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "LC_ALL": "C"})
    switches.mkdir()
    for one in (folder, library, switches):
        one.chmod(0o755)  # a PostgreSQL server may run as another user
    return Interposed(library, switches)
