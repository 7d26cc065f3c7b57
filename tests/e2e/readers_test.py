"""What is in the table, as DuckDB and pyarrow read it, is what was produced."""
import base64
import json

import harness
import judge


def sale(number: int) -> str:
    return json.dumps({
        "id": number, "shop": ["Oslo", "Köln", "São Paulo", None][number % 4], "price": number / 4,
        "paid": number % 3 == 0, "day": f"2026-{number % 12 + 1:02d}-01",
        "at": f"2026-03-04T05:06:{number % 60:02d}.{number % 1000:03d}Z", "note": "" if number % 5 == 0 else "x\"\\\n\u20ac"},
        ensure_ascii=number % 2 == 0)


class Readers(harness.Case):
    def table(self, *arguments, count: int = 6000):
        broker = self.broker("--create", "sales:3")
        self.produce(broker, "sales", [sale(n) for n in range(count)], "--key-field", "id")
        self.ingest(broker.address, "sales", *arguments)
        return broker, self.lake / "sales"

    def test_every_value_of_every_type_comes_back(self):
        _, table = self.table()
        got = judge.rows(table, 'id, shop, price, paid, day, "at", note', "id")
        self.assertEqual(len(got), 6000)
        for number, row in enumerate(got):
            sent = json.loads(sale(number))
            self.assertEqual(row[:4] + (str(row[4]), row[6]),
                             (sent["id"], sent["shop"], sent["price"], sent["paid"], sent["day"], sent["note"]))
            self.assertEqual(row[5].isoformat(timespec="milliseconds")[:23], sent["at"][:23])

    def test_each_row_names_its_partition_offset_and_time(self):
        _, table = self.table()
        got = judge.query(table, "count(*), count(distinct (_partition, _offset)), count(distinct _partition), "
                                 "count(*) filter (_timestamp is null or _offset is null or _partition is null)")
        self.assertEqual(got, (6000, 6000, 3, 0))
        schema = judge.arrow_table(table).schema
        self.assertEqual(schema.names[-3:], ["_partition", "_offset", "_timestamp"])
        self.assertEqual([str(schema.field(n).type) for n in schema.names[-3:]], ["int32", "int64", "timestamp[ms, tz=UTC]"])

    def test_hive_partitions_are_read_as_columns(self):
        _, table = self.table("--partition-by", "shop", "--partition-by", "month=day(day)")
        names = {p.parts[-3] for p in judge.files(table)}
        self.assertIn("shop=__HIVE_DEFAULT_PARTITION__", names)
        self.assertEqual(len({p.parts[-2] for p in judge.files(table)}), 12)
        got = judge.query(table, "count(*), count(distinct id), count(*) filter (shop = 'Köln')")
        self.assertEqual(got, (6000, 6000, 1500))
        self.assertEqual(judge.arrow_table(table).num_rows, 6000)

    def test_every_codec_is_read(self):
        broker, _ = self.table()
        for codec in ("none", "snappy", "lz4", "gzip", "zstd:3"):
            with self.subTest(codec):
                lake = self.directory / f"lake-{codec.replace(':', '-')}"
                self.ok("ingest", "run", "--bootstrap-server", broker.address, "--topic", "sales", "--lake", lake,
                        "--codec", codec, "--until", "end")
                self.assertEqual(judge.query(lake / "sales", "count(*), sum(id)"), (6000, 6000 * 5999 // 2))

    def test_records_that_do_not_fit_are_kept_with_bytes_offset_and_reason(self):
        broker = self.broker("--create", "mixed:1")
        lines = ['{"id":1}', '{"id":2}', '{"id":"three"}', "not JSON", '{"id":5,"more":1}', '{"id":6}']
        self.produce(broker, "mixed", lines)
        schema = self.directory / "schema.json"
        schema.write_text('{"format":"sluice.schema/1","fields":[{"name":"id","type":"int64","nullable":true}]}')
        self.ingest(broker.address, "mixed", "--schema", schema)
        self.assertEqual(judge.rows(self.lake / "mixed", "id, _offset", "id"), [(1, 0), (2, 1), (6, 5)])
        quarantine = [p for p in (self.lake / "mixed/_sluice/quarantine").rglob("*") if p.is_file()]
        kept = [json.loads(line) for path in quarantine for line in path.read_text().splitlines()]
        self.assertEqual([entry["offset"] for entry in kept], [2, 3, 4])
        values = [base64.b64decode(entry["value"]).decode() for entry in kept]
        self.assertEqual(values, lines[2:5])
        report = self.audit(broker.address, "mixed")
        self.assertEqual((report["missing"], report["duplicate"], report["altered"]), (0, 0, 0))

    def test_a_second_run_adds_what_is_new_and_nothing_else(self):
        broker, table = self.table(count=1000)
        self.ingest(broker.address, "sales")
        self.assertEqual(judge.query(table, "count(*)"), (1000,))
        self.produce(broker, "sales", [sale(n) for n in range(1000, 1500)])
        self.ingest(broker.address, "sales")
        self.assertEqual(judge.query(table, "count(*), count(distinct id), max(id)"), (1500, 1500, 1499))

    def test_offsets_show_where_the_table_stands(self):
        broker, _ = self.table(count=1000)
        self.produce(broker, "sales", [sale(n) for n in range(50)])
        lag = self.ok("offsets", "lag", "--bootstrap-server", broker.address, "--lake", self.lake, "--topic", "sales",
                      "--json").json()
        self.assertEqual(sum(row["lag"] for row in lag["rows"]), 50, lag)
        lines = self.ok("offsets", "range", "--bootstrap-server", broker.address, "--topic", "sales", "--output",
                        "kafka").out.split()
        self.assertEqual(sum(int(line.split(":")[2]) for line in lines), 1050)
        self.assertEqual([line.split(":")[:2] for line in lines], [["sales", str(p)] for p in range(3)])
