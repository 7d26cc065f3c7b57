"""Record batches (magic 2): built from a description, and told as one.

A description leaves out what has its default, so that requests stay readable; `wrong` names what is then bent.
"""
import gzip
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")  # from the base offset to the count of records
BASE_TIMESTAMP = 1_700_000_000_000


def crc_table():
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(number):
    number = (number << 1 ^ number >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def sized(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(index, key, value, timestamp_delta, offset_delta=None):
    body = b"\0" + varint(timestamp_delta) + varint(index if offset_delta is None else offset_delta)
    body += sized(None if key is None else key.encode()) + sized(None if value is None else value.encode()) + varint(0)
    return varint(len(body)) + body


def bend(batch, wrong):
    """The bytes of a whole batch with one thing wrong in them."""
    if wrong == "crc":
        return batch[:17] + bytes([batch[17] ^ 1]) + batch[18:]
    if wrong == "magic":
        return batch[:16] + b"\1" + batch[17:]
    if wrong == "length":
        return batch[:8] + struct.pack(">i", len(batch)) + batch[12:]
    if wrong == "short":
        return batch[:40]
    if wrong == "torn":
        return batch[:-1]
    return batch


def build(description):
    """One batch's bytes. `producer_id` must be a number by now."""
    get = description.get
    wrong = get("wrong")
    records = get("rows", [[None, "v"]])
    first = BASE_TIMESTAMP + get("time", 0)
    body = b"".join(
        record(i, r[0], r[1], i, i + 1 if wrong == "offset delta" else None) for i, r in enumerate(records))
    if get("attributes", 0) & 7 == 1:
        body = gzip.compress(body, mtime=0)
    if get("control") is not None:
        body = record_of_marker(get("control"))
    count = len(records) + (1 if wrong == "count" else 0)
    last_delta = len(records) - 1 + (1 if wrong == "last offset delta" else 0)
    tail = struct.pack(">hiqqqhii", get("attributes", 0), last_delta, first, first + len(records) - 1,
                       get("producer_id", -1), get("epoch", -1), get("sequence", -1), count) + body
    head = struct.pack(">qiibI", get("base_offset", 0), len(tail) + 9, get("leader_epoch", -1), 2, crc32c(tail))
    return bend(head + tail, wrong)


def record_of_marker(kind):
    """The record of a control batch: 0 aborts, 1 commits."""
    body = b"\0" + varint(0) + varint(0) + sized(struct.pack(">hh", 0, kind)) + sized(struct.pack(">hi", 0, 0)) + varint(0)
    return varint(len(body)) + body


def tell(data):
    """What Fetch's records hold: a list of descriptions; what is not a whole batch is told as hexadecimal."""
    told, at = [], 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            return told + [{"rest": data[at:].hex()}]
        (base, length, leader_epoch, magic, crc, attributes, last_delta, first, last, producer, epoch, sequence,
         count) = HEADER.unpack_from(data, at)
        end = at + 12 + length
        if end > len(data) or length < HEADER.size - 12:
            return told + [{"part of": base}]
        told.append({
            "base_offset": base, "bytes": length + 12, "partition_leader_epoch": leader_epoch, "magic": magic,
            "crc": "right" if crc == crc32c(data[at + 21 : end]) else "wrong", "attributes": attributes,
            "last_offset_delta": last_delta, "base_timestamp": first, "max_timestamp": last, "producer_id": producer,
            "producer_epoch": epoch, "base_sequence": sequence, "count": count, "payload": data[at + HEADER.size : end].hex()})
        at = end
    return told
