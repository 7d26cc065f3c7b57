"""Kafka's own command-line tools: producers, consumers, admin, and its reader of segments."""

import os

from broker import LeftOut, log_files, run

LINES = "".join(f"line {i}\n" for i in range(5000))
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def checks(tool):
    def java(name, *arguments, text=None):
        if tool is None:
            raise LeftOut("needs --java")
        return run([tool, "run", name, *arguments], text=text)

    def console(broker, _):
        java("topics", "--bootstrap-server", broker.address, "--create", "--topic", "events", "--partitions", "3",
             "--replication-factor", "1")
        java("console-producer", "--bootstrap-server", broker.address, "--topic", "events", text=LINES)
        got = java("console-consumer", "--bootstrap-server", broker.address, "--topic", "events", "--from-beginning",
                   "--group", "readers", "--max-messages", "5000", "--timeout-ms", "30000")
        assert sorted(got.splitlines()) == sorted(LINES.splitlines()), len(got.splitlines())
        said = java("groups", "--bootstrap-server", broker.address, "--describe", "--group", "readers")
        lags = [line.split()[5] for line in said.splitlines() if line.startswith("readers")]
        assert lags == ["0", "0", "0"], said
        return "5000 lines, lag 0"

    def admin(broker, _):
        server = ("--bootstrap-server", broker.address)
        java("topics", *server, "--create", "--topic", "events", "--partitions", "2")
        java("topics", *server, "--alter", "--topic", "events", "--partitions", "4")
        java("configs", *server, "--alter", "--entity-type", "topics", "--entity-name", "events", "--add-config",
             "retention.ms=12345")
        said = java("topics", *server, "--describe", "--topic", "events")
        assert "PartitionCount: 4" in said and "retention.ms=12345" in said, said
        java("api-versions", *server)
        said = java("get-offsets", *server, "--topic", "events")
        assert said.split() == [f"events:{i}:0" for i in range(4)], said
        java("topics", *server, "--delete", "--topic", "events")
        assert "events" not in java("topics", *server, "--list").split()

    def performance(broker, _):
        for codec in CODECS:
            said = java("producer-perf", "--topic", "events", "--num-records", "20000", "--record-size", "300",
                        "--throughput", "-1", "--bootstrap-server", broker.address, "--command-property", "acks=all",
                        "--command-property", f"compression.type={codec}")
            assert "20000 records sent" in said, said
        said = java("get-offsets", "--bootstrap-server", broker.address, "--topic", "events")
        assert said.split() == [f"events:0:{20000 * len(CODECS)}"], said

    def dump_log(broker, work):
        java("producer-perf", "--topic", "events", "--num-records", "50000", "--record-size", "300", "--throughput",
             "-1", "--bootstrap-server", broker.address, "--command-property", "compression.type=lz4")
        java("console-consumer", "--bootstrap-server", broker.address, "--topic", "events", "--from-beginning",
             "--group", "readers", "--max-messages", "1000", "--timeout-ms", "30000")
        broker.kill()
        broker.start()  # what is dumped has been recovered
        for path in log_files(broker.data_dir, "events"):
            said = java("dump-log", "--files", path, "--deep-iteration")
            assert "isvalid: true" in said and "isvalid: false" not in said, said[-2000:]
            for suffix in (".index", ".timeindex"):
                index = path.removesuffix(".log") + suffix
                if os.path.exists(index):
                    said = java("dump-log", "--files", index, "--index-sanity-check")
                    assert "Mismatches" not in said and "corrupt" not in said.lower(), said
        dumped = [java("dump-log", "--files", path, "--offsets-decoder")
                  for path in log_files(broker.data_dir, "__consumer_offsets") if os.path.getsize(path) > 0]
        assert any('"group":"readers"' in said for said in dumped), "no committed offset in __consumer_offsets"
        return "segments, indexes and offsets read by DumpLogSegments"

    return [("java: console clients, group", console), ("java: topics, configs, offsets", admin),
            ("java: ProducerPerformance", performance), ("java: DumpLogSegments", dump_log)]
