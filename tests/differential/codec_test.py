"""The codec agrees with itself on every message, and with bytes that others made."""
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batches
import codec


def any_value(message, field, version, dice):
    if version in field.nullable and dice.random() < 0.2:
        return None
    if field.is_array:
        return [one_value(message, field, version, dice) for _ in range(dice.randrange(3))]
    return one_value(message, field, version, dice)


def one_value(message, field, version, dice):
    kind = field.type
    if field.is_struct:
        return any_structure(message, message.structs[kind], version, dice)
    if kind in codec.BITS:
        low = 0 if kind == "uint16" else -(1 << codec.BITS[kind] - 1)
        return low + dice.getrandbits(codec.BITS[kind])
    return {"bool": dice.random() < 0.5, "uuid": f"{dice.getrandbits(128):032x}", "string": "é" * dice.randrange(3),
            "bytes": "00ff" * dice.randrange(3), "records": "00ff" * dice.randrange(3), "float64": 0.5}[kind]


def any_structure(message, fields, version, dice):
    return {f.name: any_value(message, f, version, dice) for f in fields if version in f.versions}


class CodecTest(unittest.TestCase):
    def test_every_message_in_every_version_comes_back_as_it_was_written(self):
        dice = random.Random(1)
        requests, responses, _ = codec.load()
        count = 0
        for message in [*requests.values(), *responses.values()]:
            for version in message.versions:
                value = any_structure(message, message.fields, version, dice)
                data = codec.encode(message, version, value)
                self.assertEqual(codec.decode(message, version, data), value, f"{message.name} v{version}")
                count += 1
        self.assertGreater(count, 200)

    def test_what_is_cut_short_or_goes_on_is_refused(self):
        message = codec.load()[0][18]
        data = codec.encode(message, 3, {"client_software_name": "a", "client_software_version": "b"})
        self.assertEqual(data, b"\x02a\x02b\x00")
        for bad in (data[:-1], data + b"\0"):
            with self.assertRaises(codec.Malformed):
                codec.decode(message, 3, bad)

    def test_a_batch_is_told_as_it_was_built(self):
        self.assertEqual(batches.crc32c(b"123456789"), 0xE3069283)
        built = batches.build({"producer_id": 7, "epoch": 1, "sequence": 5, "rows": [["k", "v"], [None, "w"]]})
        told = batches.tell(built + built)
        self.assertEqual(len(told), 2)
        self.assertEqual((told[0]["crc"], told[0]["bytes"], told[0]["producer_id"], told[0]["count"]),
                         ("right", len(built), 7, 2))
        self.assertEqual(batches.tell(batches.build({"wrong": "crc"}))[0]["crc"], "wrong")
        self.assertEqual(batches.tell(built[:-1]), [{"part of": 0}])


if __name__ == "__main__":
    unittest.main()
