"""The house: no file is too long to be read at once."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 300
FOLDERS = ("engine", "rules", "storage", "delivery", "tests", "benchmarks", "docs", "fixtures")


def test_no_file_has_more_lines_than_can_be_read_at_once() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
