"""Judges that this project did not write: DuckDB and pyarrow over a table's files."""
import pathlib

import duckdb
import pyarrow.dataset
import pyarrow.parquet


def files(table: pathlib.Path) -> list[pathlib.Path]:
    """The data files, as any reader finds them: names that begin with _ or . are not data."""
    return sorted(p for p in table.rglob("*.parquet")
                  if not any(part.startswith(("_", ".")) for part in p.relative_to(table).parts))


def query(table: pathlib.Path, select: str) -> tuple:
    """One row: `select` over all rows of the table by DuckDB."""
    names = [str(p) for p in files(table)]
    with duckdb.connect() as connection:
        return connection.execute(f"select {select} from read_parquet(?, hive_partitioning=true)", [names]).fetchone()


def rows(table: pathlib.Path, select: str, order: str) -> list[tuple]:
    names = [str(p) for p in files(table)]
    with duckdb.connect() as connection:
        sql = f"select {select} from read_parquet(?, hive_partitioning=true) order by {order}"
        return connection.execute(sql, [names]).fetchall()


def arrow_table(table: pathlib.Path):
    """The whole table by pyarrow's dataset reader, Hive directories included."""
    return pyarrow.dataset.dataset([str(p) for p in files(table)], format="parquet",
                                   partitioning=pyarrow.dataset.HivePartitioning.discover()).to_table()


def assert_exactly_once(test, table: pathlib.Path, count: int, total: int) -> None:
    """Every one of the records 0..count-1 of a Feed is in the table once, whose amounts add up to `total`."""
    got = query(table, "count(*), count(distinct id), min(id), max(id), sum(amount), "
                       "count(distinct (_partition, _offset))")
    test.assertEqual(got, (count, count, 0, count - 1, total, count))
    arrow = arrow_table(table)
    test.assertEqual(arrow.num_rows, count)
    test.assertEqual(pyarrow.compute.sum(arrow["amount"]).as_py(), total)
