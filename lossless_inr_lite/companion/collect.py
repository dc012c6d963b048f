"""The rows of a sweep as one file a table.

``python -m lossless_inr_lite.companion.collect ROWS [ROWS ...] --output DIR``

Every row of `workflow/gpu_tables.py` is a file of its own. This command joins them: `table1.json`
holds all rows of Table 1, in the order of their labels. A file that is no row, and two rows of the
same fit, are errors that name the file: then nothing is written.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.rows import row_name
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import check_writable, read_bytes, write_json

BAD_INPUT = 2
MAX_ROW_BYTES = 2**26
TABLES = tuple(str(number) for number in range(1, 10))


def read_rows(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Every row of these folders, as `RowCache` wrote it: its "key", "made" and "row".

    Raises InputError for a folder without rows, a file that is no whole row of a table, and two
    rows of the same fit.
    """
    rows: list[dict[str, Any]] = []
    paths: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder} with rows")
        for path in sorted(folder.glob("*.json")):
            content = _read_row(path)
            fit = _fit_of(content["key"])
            if fit in paths:
                raise InputError(f"{path} and {paths[fit]} are rows of the same fit: keep one")
            paths[fit] = path
            rows.append(content)
    if not rows:
        raise InputError(f"there is no row in {', '.join(map(str, folders))}")
    return sorted(rows, key=lambda content: (content["key"]["label"], _fit_of(content["key"])))


def collect(folders: Sequence[Path], output: Path) -> dict[str, int]:
    """Write one file a table into `output`; return the number of rows of each table.

    Raises InputError as `read_rows` does, and when `output` cannot be written or is one of
    `folders`.
    """
    if output.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"the output {output} is a folder of rows: choose another one")
    tables: dict[str, list[dict[str, Any]]] = {}
    for content in read_rows(folders):
        tables.setdefault(content["key"]["facts"]["table"], []).append(content)
    for table in tables:
        check_writable(output / f"table{table}.json")
    for table, rows in tables.items():
        write_json(output / f"table{table}.json", {"table": table, "rows": rows})
    return {table: len(tables[table]) for table in sorted(tables)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect rows; exit 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, nargs="+", help="folders with rows")
    parser.add_argument("--output", type=Path, required=True, help="the folder of the tables")
    options = parser.parse_args(arguments)
    try:
        counts = collect(options.rows, options.output)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    for table, count in counts.items():
        print(f"Table {table}: {count} rows")
    return 0


def _read_row(path: Path) -> dict[str, Any]:
    data = read_bytes(path, MAX_ROW_BYTES)
    try:
        content = json.loads(data)
        name = row_name(content["key"])
        table = content["key"]["facts"]["table"]
        whole = isinstance(content["row"], dict) and isinstance(content["made"], dict)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not a row of a table: {error!r}") from error
    if not whole or table not in TABLES:
        raise InputError(f"{path} is not a row of one of the Tables 1 to 9")
    if path.name != name:
        raise InputError(f"{path} is not the row that its name says: that would be {name}")
    return content


def _fit_of(key: Mapping[str, Any]) -> str:
    """What makes two rows the same fit, whatever code made them."""
    return json.dumps([key["label"], key["facts"], key["sha256"]], sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
