"""What is installed is what is meant: exactly four packages, typed, and nothing at the top level."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT

STATIC = ROOT / "engine" / "http" / "static"
PACKAGES = ("engine", "rules", "storage", "delivery")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel, built from a copy of the tracked tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", ROOT / name, folder / name], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (built,) = (folder / "dist").glob("chainbell-*.whl")
    return {name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name}


def test_it_holds_the_four_packages_with_every_module_and_nothing_else(wheel: set[str]) -> None:
    modules = {
        f"chainbell/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in Path(ROOT / package).rglob("*.py")
    }
    pages = {f"chainbell/{path.relative_to(ROOT).as_posix()}" for path in STATIC.rglob("*") if path.is_file()}
    assert wheel == modules | {f"chainbell/{package}/py.typed" for package in PACKAGES} | pages


def test_every_folder_of_modules_is_a_package(wheel: set[str]) -> None:
    folders = {name.rpartition("/")[0] for name in wheel if "/static/" not in name}
    assert all(f"{folder}/__init__.py" in wheel for folder in folders)
