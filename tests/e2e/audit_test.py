"""Audit finds what was planted, says how many, and names the offsets."""
import json

import harness
import judge
import pyarrow
import pyarrow.parquet

COUNT = 4000


class Planted(harness.Case):
    def setUp(self):
        super().setUp()
        self.broker_ = self.broker("--create", "events:2")
        self.produce(self.broker_, "events", [harness.Feed.line(n) for n in range(COUNT)])
        self.ingest(self.broker_.address, "events", "--roll-records", 500)
        self.table = self.lake / "events"

    def counts(self, code: int) -> tuple[tuple, str]:
        """(missing, duplicate, altered) and all that audit said, as text."""
        report = self.audit(self.broker_.address, "events", code=code)
        return (report["missing"], report["duplicate"], report["altered"]), json.dumps(report)

    def rewrite(self, change) -> tuple[int, int]:
        """Rewrites the third data file through `change`; returns partition and offset of its middle row."""
        path = judge.files(self.table)[2]
        rows = pyarrow.parquet.ParquetFile(path).read()
        middle = rows.num_rows // 2
        pyarrow.parquet.write_table(change(rows, middle), path)
        return rows["_partition"][middle].as_py(), rows["_offset"][middle].as_py()

    def assert_named(self, partition: int, offset: int) -> None:
        done = self.ok("audit", "run", "--bootstrap-server", self.broker_.address, "--topic", "events", "--lake", self.lake,
                       code=3)
        self.assertRegex(done.out + done.err, rf"\b{offset}\b")
        self.assertRegex(done.out + done.err, rf"\b{partition}\b")

    def test_nothing_planted_nothing_found(self):
        counts, _ = self.counts(code=0)
        self.assertEqual(counts, (0, 0, 0))

    def test_a_row_that_was_removed_is_missing(self):
        where = self.rewrite(lambda rows, at: pyarrow.concat_tables([rows.slice(0, at), rows.slice(at + 1)]))
        self.assertEqual(self.counts(code=3)[0], (1, 0, 0))
        self.assert_named(*where)

    def test_a_row_that_was_doubled_is_duplicate(self):
        where = self.rewrite(lambda rows, at: pyarrow.concat_tables([rows, rows.slice(at, 1)]))
        self.assertEqual(self.counts(code=3)[0], (0, 1, 0))
        self.assert_named(*where)

    def test_a_row_that_was_altered_is_altered(self):
        def change(rows, at):
            values = rows["amount"].to_pylist()
            values[at] += 1
            index = rows.schema.get_field_index("amount")
            return rows.set_column(index, rows.schema.field(index), pyarrow.array(values, rows.schema.field(index).type))

        where = self.rewrite(change)
        self.assertEqual(self.counts(code=3)[0], (0, 0, 1))
        self.assert_named(*where)

    def test_a_file_that_was_removed_is_missing_with_all_its_rows(self):
        path = judge.files(self.table)[1]
        rows = pyarrow.parquet.ParquetFile(path).read()
        path.unlink()
        self.assertEqual(self.counts(code=3)[0], (rows.num_rows, 0, 0))
        self.assert_named(rows["_partition"][0].as_py(), min(rows["_offset"].to_pylist()))

    def test_a_file_that_was_copied_is_duplicate_with_all_its_rows(self):
        path = judge.files(self.table)[1]
        rows = pyarrow.parquet.ParquetFile(path).read()
        path.with_name("copy.parquet").write_bytes(path.read_bytes())
        self.assertEqual(self.counts(code=3)[0], (0, rows.num_rows, 0))

    def test_a_commit_object_that_was_removed_is_found(self):
        objects = sorted(p for p in (self.table / "_sluice/commits").glob("*/0/*") if p.is_file())
        objects[2].unlink()
        _, text = self.counts(code=3)
        begin = int("".join(c for c in objects[2].name if c.isdigit()))
        self.assertRegex(text, rf"\b{begin}\b")
