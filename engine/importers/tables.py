"""CSV files of all kinds: those that critical-chain schedulers write, and tables of tasks."""

from collections.abc import Sequence

from chainbell.engine.importers.ccpm_csv import is_ccpm, read_ccpm
from chainbell.engine.importers.csv_table import read_table
from chainbell.engine.importers.imported import Imported
from chainbell.engine.importers.task_table import read_task_table


def read_csv(data: bytes, name: str, columns: Sequence[str] = ()) -> Imported:
    """The plan in a CSV file; `columns` says what its columns mean, as `FIELD=COLUMN` or `FIELD=COLUMN:UNIT`.

    With `columns` the file is always read as a table of tasks. Raises InvalidInputError naming file, line, column and
    reason.
    """
    table = read_table(data, name)
    return read_ccpm(table) if is_ccpm(table) and not columns else read_task_table(table, columns)
