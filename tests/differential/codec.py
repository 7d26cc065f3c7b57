"""Kafka's messages to bytes and back, as schema/ states them: structures are dicts, arrays lists.

A uuid is 32 hexadecimal digits, bytes and records are hexadecimal too; what a dict leaves out has its default. Only here are
lengths and versions known; what a value means is canonical.py's.
"""
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import gen_wire  # noqa: E402

FIXED = {"int8": ">b", "int16": ">h", "int32": ">i", "int64": ">q", "uint16": ">H", "float64": ">d"}
ZERO_UUID = "0" * 32
BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint16": 16}


class Malformed(Exception):
    """Bytes that are not the message they should be."""


def load():
    """(requests by API key, responses by API key, API names by key)"""
    requests, responses, names = {}, {}, {}
    for message in gen_wire.load_schema():
        if message.key is None:
            continue
        is_request = message.name.endswith("Request")
        (requests if is_request else responses)[message.key] = message
        names[message.key] = message.name.removesuffix("Request").removesuffix("Response")
    return requests, responses, names


def default_of(message, field, version):
    if version in field.nullable and field.default == "null":
        return None
    if field.is_array:
        return []
    if field.is_struct:
        return {f.name: default_of(message, f, version) for f in message.structs[field.type] if version in f.versions}
    if field.type in ("string", "bytes", "records"):
        return ""
    if field.type == "uuid":
        return ZERO_UUID
    if field.type == "bool":
        return field.default == "true"
    return float(field.default or 0) if field.type == "float64" else int(field.default or "0", 0)


def unsigned_varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Encoder:
    def __init__(self, message, version):
        self.message, self.version = message, version
        self.is_flexible = version in message.flexible
        self.out = bytearray()

    def structure(self, fields, value):
        tagged = []
        for field in fields:
            if self.version not in field.versions:
                continue
            item = value.get(field.name, default_of(self.message, field, self.version))
            if field.tag is None:
                self.field(field, item)
            elif item != default_of(self.message, field, self.version):
                tagged.append((field, item))
        if self.is_flexible:
            self.tags(sorted(tagged, key=lambda pair: pair[0].tag))

    def tags(self, tagged):
        self.out += unsigned_varint(len(tagged))
        for field, item in tagged:
            outer, self.out = self.out, bytearray()
            self.field(field, item)
            outer += unsigned_varint(field.tag) + unsigned_varint(len(self.out)) + self.out
            self.out = outer

    def field(self, field, value):
        is_compact = self.is_flexible and not field.classic
        if field.is_array:
            self.length(None if value is None else len(value), is_compact, 4)
            for item in value or ():
                self.one(field, item, is_compact)
        elif field.is_struct and self.version in field.nullable:
            self.out += b"\xff" if value is None else b"\x01"
            if value is not None:
                self.one(field, value, is_compact)
        else:
            self.one(field, value, is_compact)

    def length(self, count, is_compact, width):
        if is_compact:
            self.out += unsigned_varint(0 if count is None else count + 1)
        else:
            self.out += struct.pack({2: ">h", 4: ">i"}[width], -1 if count is None else count)

    def one(self, field, value, is_compact):
        kind = field.type
        if field.is_struct:
            self.structure(self.message.structs[kind], value)
        elif kind == "bool":
            self.out.append(1 if value else 0)
        elif kind == "uuid":
            self.out += bytes.fromhex(value)
        elif kind == "string":
            data = None if value is None else value.encode("utf-8", "surrogateescape")
            self.length(None if data is None else len(data), is_compact, 2)
            self.out += data or b""
        elif kind in ("bytes", "records"):
            data = None if value is None else bytes.fromhex(value)
            self.length(None if data is None else len(data), is_compact, 4)
            self.out += data or b""
        else:
            self.out += struct.pack(FIXED[kind], value)


def encode(message, version, value):
    encoder = Encoder(message, version)
    encoder.structure(message.fields, value)
    return bytes(encoder.out)


class Decoder:
    def __init__(self, message, version, data):
        self.message, self.version, self.data, self.at = message, version, data, 0
        self.is_flexible = version in message.flexible

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise Malformed(f"{self.message.name} v{self.version}: {count} bytes wanted at {self.at} of {len(self.data)}")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def structure(self, fields):
        value, tagged = {}, {}
        for field in fields:
            if self.version not in field.versions:
                continue
            if field.tag is None:
                value[field.name] = self.field(field)
            else:
                tagged[field.tag] = field
                value[field.name] = default_of(self.message, field, self.version)
        if self.is_flexible:
            for _ in range(self.varint()):
                tag, size = self.varint(), self.varint()
                end = self.at + size
                if tag in tagged:
                    value[tagged[tag].name] = self.field(tagged[tag])
                else:
                    value[f"unknown tag {tag}"] = self.take(size).hex()
                if self.at != end:
                    raise Malformed(f"{self.message.name} v{self.version}: tag {tag} has another length than {size}")
        return value

    def length(self, is_compact, width):
        if is_compact:
            return self.varint() - 1
        return struct.unpack({2: ">h", 4: ">i"}[width], self.take(width))[0]

    def field(self, field):
        is_compact = self.is_flexible and not field.classic
        if field.is_array:
            count = self.length(is_compact, 4)
            return None if count < 0 else [self.one(field, is_compact) for _ in range(count)]
        if field.is_struct and self.version in field.nullable and self.take(1) == b"\xff":
            return None
        return self.one(field, is_compact)

    def one(self, field, is_compact):
        kind = field.type
        if field.is_struct:
            return self.structure(self.message.structs[kind])
        if kind == "bool":
            return self.take(1) != b"\0"
        if kind == "uuid":
            return self.take(16).hex()
        if kind == "string":
            count = self.length(is_compact, 2)
            return None if count < 0 else self.take(count).decode("utf-8", "surrogateescape")
        if kind in ("bytes", "records"):
            count = self.length(is_compact, 4)
            return None if count < 0 else self.take(count).hex()
        return struct.unpack(FIXED[kind], self.take(struct.calcsize(FIXED[kind])))[0]


def decode(message, version, data):
    """The value, which must take up all of the data."""
    decoder = Decoder(message, version, data)
    value = decoder.structure(message.fields)
    if decoder.at != len(data):
        raise Malformed(f"{message.name} v{version}: {len(data) - decoder.at} bytes are left")
    return value
