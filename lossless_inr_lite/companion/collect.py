"""The rows of a sweep as one file a table.

``python -m lossless_inr_lite.companion.collect ROWS [ROWS ...] --output DIR [--parquet]``

Every row of `workflow/gpu_tables.py` and `workflow/tables.py` is a file of its own. This command
joins them: `table1.json` holds all rows of Table 1, in the order of their labels. Where a plan lies
beside the rows, only what it plans counts, and what is missing is listed. A file that is no row,
and two rows of the same fit, are errors that name the file: then nothing is written.

With ``--parquet``, `rows.parquet` holds one line a row with its main figures, for queries.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.plan import PLAN, read_plan
from lossless_inr_lite.companion.rows import row_name, sources_of
from lossless_inr_lite.errors import InputError, counted, importing
from lossless_inr_lite.files import check_writable, read_bytes, replacing, write_json

BAD_INPUT = 2
MAX_ROW_BYTES = 2**26
TABLES = tuple(str(number) for number in range(1, 10))


@dataclass(frozen=True)
class Collected:
    """The rows of one table.

    rows: as `RowCache` wrote them: "key", "made" and "row". missing: labels of planned rows that
    are not there. planned: the number of planned rows, None where there is no plan.
    """

    table: str
    rows: list[dict[str, Any]]
    missing: list[str]
    planned: int | None

    def __str__(self) -> str:
        """How many rows are there, of how many."""
        if self.planned is None:
            return f"Table {self.table}: {counted(len(self.rows), 'row')}"
        return f"Table {self.table}: {len(self.rows)} of {counted(self.planned, 'row')}"


def read_rows(folders: Sequence[Path]) -> list[Collected]:
    """Every row of these folders by table, in the order of their labels.

    Of a folder with a plan the rows count that it plans: others were made by older code.

    Raises InputError for a folder without rows, a file that is no whole row of a table, and two
    rows of the same fit.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    missing: dict[str, list[str]] = {}
    planned: dict[str, int] = {}
    paths: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder} with rows")
        jobs = read_plan(folder / PLAN)["jobs"] if (folder / PLAN).is_file() else None
        for name, job in (jobs or {}).items():
            table = job["table"]
            planned[table] = planned.get(table, 0) + 1
            if not (folder / f"{name}.json").is_file():
                missing.setdefault(table, []).append(job["label"])
        for path in sorted(folder.glob("*.json")):
            if path.name == PLAN or (jobs is not None and path.stem not in jobs):
                continue
            content = _read_row(path)
            fit = _fit_of(content["key"])
            if fit in paths:
                raise InputError(f"{path} and {paths[fit]} are rows of the same fit: keep one")
            paths[fit] = path
            rows.setdefault(content["key"]["facts"]["table"], []).append(content)
    if not rows and not planned:
        raise InputError(f"there is no row in {', '.join(map(str, folders))}")
    return [
        Collected(
            table,
            sorted(rows.get(table, []), key=_order),
            sorted(missing.get(table, [])),
            planned.get(table),
        )
        for table in sorted({*rows, *planned})
    ]


def collect(folders: Sequence[Path], output: Path, parquet: bool = False) -> list[Collected]:
    """Write one file a table into `output`, and with `parquet` also all rows as one table.

    Raises InputError as `read_rows` does, when `output` cannot be written or is one of `folders`,
    and when `parquet` needs a package that is not installed.
    """
    if output.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"the output {output} is a folder of rows: choose another one")
    tables = read_rows(folders)
    for one in tables:
        check_writable(output / f"table{one.table}.json")
    if parquet:
        _write_parquet([row for one in tables for row in one.rows], output / "rows.parquet")
    for one in tables:
        content = {
            "table": one.table,
            "made_by": sources_of(one.rows),
            "seconds": sum(row["made"]["seconds"] for row in one.rows),
            "planned": one.planned,
            "missing": one.missing,
            "rows": one.rows,
        }
        write_json(output / f"table{one.table}.json", content)
    return tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect rows; exit 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, nargs="+", help="folders with rows")
    parser.add_argument("--output", type=Path, required=True, help="the folder of the tables")
    parser.add_argument("--parquet", action="store_true", help="also all rows as rows.parquet")
    options = parser.parse_args(arguments)
    try:
        tables = collect(options.rows, options.output, options.parquet)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    print("\n".join(map(str, tables)))
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


def _write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One line a row, with the figures that one asks for."""
    with importing("pyarrow", "--parquet"):
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    table = pyarrow.Table.from_pylist([_figures(row) for row in rows])
    with replacing(path) as temporary:
        parquet.write_table(table, temporary)


def _figures(content: Mapping[str, Any]) -> dict[str, Any]:
    """The main figures of a row, each with a name of its own."""
    row = content["row"]
    made = content["made"]
    signal = row["signal"]
    return {
        "table": row["table"],
        "method": row["method"],
        "signal": signal["name"],
        "height": signal["shape"][0],
        "num_bits": signal["num_bits"],
        "seed": row["seed"],
        "learning_rate": row["learning_rate"],
        "hidden_features": row["model"]["hidden_features"],
        "num_parameters": row["model"]["num_parameters"],
        "iterations": row["iterations"],
        "samples_seen": row["samples_seen"],
        "flops": float(row["flops"]),
        "seconds": row["seconds"],
        "wrong_bits": row["wrong_bits"],
        "bit_error_rate": row["metrics"]["ber"],
        "psnr": row["metrics"]["psnr"],
        "lossless": row["lossless"],
        "stopped": row["stopped"],
        "device": made["device"],
        "commit": made["commit"],
        "date": made["date"],
    }


def _order(content: Mapping[str, Any]) -> tuple[str, str]:
    return content["key"]["label"], _fit_of(content["key"])


def _fit_of(key: Mapping[str, Any]) -> str:
    """What makes two rows the same fit, whatever code made them."""
    return json.dumps([key["label"], key["facts"], key["sha256"]], sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
