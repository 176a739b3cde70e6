"""Every input has an end: rows, columns, depth, elements, merges, lines and bytes, each with its own clear error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chainbell.engine import InvalidInputError, read_plan
from chainbell.engine.importers import (
    LARGEST_FILE,
    import_plan,
    read_csv,
    read_document,
    read_file,
    read_json,
    read_mspdi,
    read_xer,
    read_yaml,
)
from chainbell.engine.importers.csv_table import MOST_COLUMNS, MOST_ROWS
from chainbell.engine.importers.xer_tables import MOST_ROWS as MOST_XER_ROWS

DEEP = 100_000
XER_HEAD = "ERMHDR\t1\n%T\tCALENDAR\n%F\tclndr_id\tclndr_data\n"


def refused(text: str | Path, read: Callable[..., Any], *arguments: object) -> str:
    with pytest.raises(InvalidInputError) as error:
        read(text.encode() if isinstance(text, str) else text, *arguments)
    return str(error.value)


def test_rows_and_columns_of_csv() -> None:
    rows = "id,name,duration\n" + "1,a,2\n" * (MOST_ROWS + 1)
    assert f"rows.csv:{MOST_ROWS + 2}: the table has more than 200000 rows" in refused(rows, read_csv, "rows.csv")
    columns = ",".join(f"c{n}" for n in range(MOST_COLUMNS + 1)) + "\n1"
    assert "more than 1000 columns" in refused(columns, read_csv, "columns.csv")
    assert "is not CSV" in refused("id,name\n1," + "x" * 200_000, read_csv, "cell.csv")


def test_rows_of_xer() -> None:
    text = XER_HEAD + "%R\t1\tx\n" * (MOST_XER_ROWS + 1) + "%E\n"
    assert "the table CALENDAR has more than 200000 rows" in refused(text, read_xer, "rows.xer")


def test_depth_and_entities_of_xml() -> None:
    assert "nested deeper than 64" in refused("<a>" * DEEP + "</a>" * DEEP, read_mspdi, "deep.xml")
    entities = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    assert "document type is refused" in refused(entities, read_mspdi, "entities.xml")


def test_depth_of_json_and_yaml() -> None:
    for opens, closes in (("[", "]"), ('{"a":', "}")):
        assert "deep.json: is not JSON" in refused(opens * DEEP + "1" + closes * DEEP, read_json, "deep.json")
    assert "deep.yaml: is not YAML" in refused("[" * 5000 + "]" * 5000, read_yaml, "deep.yaml")
    assert "deep.yaml: is not YAML" in refused("- " * 5000 + "1", read_yaml, "deep.yaml")


def test_numbers_beyond_all_columns() -> None:
    plan = '{"project": {"id": 1, "name": "a", "startDate": "2025-03-03"}, "accountId": 1, "tasks": [%s]}'
    for figure in ("1e400", "1" + "0" * 5000, "-1e400"):
        text = plan % f'{{"id": 1, "name": "a", "duration": {figure}}}'
        assert refused(text, lambda data: read_plan(read_json(data, "plan.json")))


def test_bytes_of_a_file(tmp_path: Path) -> None:
    sparse = tmp_path / "large.json"
    with sparse.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    for read in (read_file, read_document):
        assert f"large.json: is larger than {LARGEST_FILE} bytes" in refused(sparse, read)
    with pytest.raises(InvalidInputError, match="is larger"):
        import_plan(b" " * (LARGEST_FILE + 1), "large.csv")
    assert "zero: is larger than" in refused(Path("/dev/zero"), read_file)
