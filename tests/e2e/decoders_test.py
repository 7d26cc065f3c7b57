"""The decoder of ingest and the one of audit, which share no code, agree on every record, however odd it is."""
import json
import random

import harness

NUMBERS = """0 -0 1 -1 9223372036854775807 -9223372036854775808 9223372036854775808 -9223372036854775809 1.0 1e3 1E400 -1e400
1e-400 0.1 4.9e-324 2.2250738585072011e-308 123456789012345678901234567890 9007199254740993 1.7976931348623157e308
1.7976931348623159e308 -0.0 0e0 00 01 +1 1. 1e .5 0x1 NaN Infinity 1_0""".split()
TEXTS = ['""', '"x"', r'"\u0041"', r'"\ud83d\ude00"', r'"\ud83d"', r'"\ude00"', r'"\uD83D\uD83D"', '"😀"', r'"\/"',
         r'"\b\f\n\r\t\\\""', r'"\x"', '"\t"', r'"a\u0000b"', '"__HIVE_DEFAULT_PARTITION__"', '"' + "ü" * 120 + '"']
TIMES = ["2026-01-01", "2026-02-30", "2000-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "2026-01-01T00:00:00Z",
         "2026-01-01 00:00:00", "2026-01-01T00:00:00.1+01:00", "2026-01-01T00:00:00.123456789Z",
         "2026-01-01T00:00:00.123456000Z", "2026-01-01T23:59:60Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+24:00",
         "2026-01-01T00:00:00-23:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01t00:00:00z",
         "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "1969-12-31T23:59:59.999999Z", "2026-01-01T00:00:00,5Z",
         r"2026-\u00301-01", " 2026-01-01", "2026-01-01T00:00:00+0100"]
OTHERS = ["null", "true", "false", "[]", "{}", '[1, 2 ,"]"]', '{"a": {"b":[ ]}}', "[" * 63 + "]" * 63, "[" * 64 + "]" * 64,
          "[1,]", "{,}", "nul", "True", r'["\ud800"]', '{"k":1,"k":2}']
TIMES = [f'"{t}"' for t in TIMES]
FIELDS = {"i": ("int64", NUMBERS), "f": ("double", NUMBERS), "b": ("bool", OTHERS[:3]),
          "s": ("string", NUMBERS + TEXTS + OTHERS), "d": ("date", TIMES), "t": ("timestamp", TIMES),
          "l": ("timestamp_local", TIMES)}
PLAIN = {"i": "7", "f": "-2.5", "b": "false", "s": '"plain"', "d": '"2026-01-01"', "t": '"2026-01-01T00:00:00Z"',
         "l": '"2026-01-01 00:00:00.5"'}
ANY = NUMBERS + TEXTS + TIMES + OTHERS


def record(dice: random.Random) -> bytes:
    keys = [key for key in FIELDS if dice.random() < 0.6]
    if dice.random() < 0.1:
        dice.shuffle(keys)
    if keys and dice.random() < 0.02:
        keys.append(dice.choice(keys))
    if dice.random() < 0.01:
        keys.append("unknown")
    members = []
    for key in keys:
        usual = [PLAIN[key]] if key in PLAIN and dice.random() < 0.8 else FIELDS[key][1] if key in FIELDS else ANY
        name = key if dice.random() < 0.98 else f"\\u{ord(key[0]):04x}{key[1:]}"
        space = dice.choice(["", "", " ", "\t"])
        members.append(f'"{name}"{space}:{space}{dice.choice(usual if dice.random() < 0.95 else ANY)}')
    text = "{" + ",".join(members) + "}"
    kind = dice.random()
    if kind < 0.02:
        text = text[:dice.randrange(len(text))]
    elif kind < 0.03:
        text = f" {text} "
    elif kind < 0.04:
        text += "x"
    elif kind < 0.045:
        text = "\ufeff" + text
    raw = bytearray(text.encode())
    if raw and dice.random() < 0.03:
        raw[dice.randrange(len(raw))] = dice.choice([*b'{}[]",:0a\\ \x00\x7f', dice.randrange(256)])
    return bytes(raw).replace(b"\n", b" ")


class Decoders(harness.Case):
    def test_both_decoders_agree_on_every_record(self):
        seed = 11
        dice = random.Random(seed)
        broker = self.broker("--create", "odd:2")
        lines = self.directory / "odd.txt"
        lines.write_bytes(b"".join(record(dice) + b"\n" for _ in range(20_000)))
        self.ok("produce", "odd", lines, "--bootstrap-server", broker.address)
        schema = self.directory / "schema.json"
        schema.write_text(json.dumps({"format": "sluice.schema/1", "fields": [
            {"name": name, "type": kind} for name, (kind, _) in FIELDS.items()]}))
        for number, terms in enumerate([[], ["b", "day(t)"], ["s"]]):
            with self.subTest(terms=terms, seed=seed):
                place = ["--bootstrap-server", broker.address, "--topic", "odd", "--lake", self.directory / f"lake-{number}"]
                self.ok("ingest", "run", *place, "--schema", schema, "--until", "end",
                        *(word for term in terms for word in ("--partition-by", term)))
                report = harness.run("audit", "run", *place, "--json").json()
                self.assertEqual((report["verdict"], report["records"]), ("verified", 20_000), json.dumps(report)[:3000])
                quarantined = sum(p["quarantined"] for p in report["partitions"])
                self.assertGreater(quarantined, 2000)
                self.assertLess(quarantined, 18_000)
