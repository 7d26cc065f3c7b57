#!/usr/bin/env python3
"""Makes src/wire/generated/ from schema/: one header and one source per Kafka message.

usage: gen_wire.py [--check]

Without an argument the files are written; with --check they are compared, and a difference is an error.
schema/README.md describes the language.
"""

import dataclasses
import itertools
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema"
GENERATED = ROOT / "src" / "wire" / "generated"

# type: (C++ type, bytes on the wire or None, Reader/Writer verb)
PRIMITIVES = {
    "bool": ("bool", 1, "boolean"),
    "int8": ("std::int8_t", 1, "int8"),
    "int16": ("std::int16_t", 2, "int16"),
    "int32": ("std::int32_t", 4, "int32"),
    "int64": ("std::int64_t", 8, "int64"),
    "uint16": ("std::uint16_t", 2, "uint16"),
    "float64": ("double", 8, "float64"),
    "uuid": ("Uuid", 16, "uuid"),
    "string": ("std::string", None, "string"),
    "bytes": ("BytesView", None, "bytes"),
    "records": ("BytesView", None, "bytes"),
}


class SchemaError(Exception):
    """A line of a schema file that is not in the language."""


@dataclasses.dataclass(frozen=True)
class Range:
    """Versions, both ends included; empty where first > last."""

    first: int
    last: int

    def meet(self, other):
        return Range(max(self.first, other.first), min(self.last, other.last))

    def covers(self, other):
        return self.first <= other.first and other.last <= self.last

    def __bool__(self):
        return self.first <= self.last

    def __iter__(self):
        return iter(range(self.first, self.last + 1))


NONE = Range(1, 0)


@dataclasses.dataclass
class Field:
    name: str
    type: str  # without [] and ?
    is_array: bool
    versions: Range
    nullable: Range
    tag: int | None
    classic: bool
    default: str | None

    @property
    def is_struct(self):
        return self.type not in PRIMITIVES

    @property
    def is_optional(self):
        return bool(self.nullable)


@dataclasses.dataclass
class Message:
    name: str
    key: int | None
    source: str
    versions: Range
    flexible: Range
    fields: list
    structs: dict  # name -> [Field], each after those it uses

    def reach(self, name):
        """The versions in which a structure can occur: those of the fields that use it."""
        if name is None:
            return self.versions
        uses = [f.versions for f in self.fields if f.type == name]
        for owner, fields in self.structs.items():
            uses += [f.versions.meet(self.reach(owner)) for f in fields if f.type == name]
        uses = [versions for versions in uses if versions]
        return Range(min(v.first for v in uses), max(v.last for v in uses))


# ---- parsing ----


def parse_range(text, within):
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
    if not match:
        raise SchemaError(f"'{text}' is not a range of versions")
    first = int(match[1])
    last = within.last if match[2] else int(match[3] or match[1])
    found = Range(first, last)
    if not found or not within.covers(found):
        raise SchemaError(f"versions {text} are not within {within.first}-{within.last}")
    return found


FIELD = re.compile(
    r"(?P<name>[a-z]\w*)\s+(?P<open>\[?)(?P<type>\w+)\]?(?P<null>\?(?P<nulls>[\d+-]*))?"
    r"(?:\s+(?P<versions>\d[\d+-]*))?(?:\s+tag (?P<tag>\d+))?(?P<classic>\s+classic)?"
    r"(?:\s+= (?P<default>\S+))?"
)


def parse_field(text, within):
    match = FIELD.fullmatch(text)
    if not match:
        raise SchemaError("not a field")
    versions = parse_range(match["versions"], within) if match["versions"] else within
    nullable = NONE
    if match["null"]:
        nullable = parse_range(match["nulls"], versions) if match["nulls"] else versions
    tag = int(match["tag"]) if match["tag"] else None
    return Field(
        match["name"], match["type"], bool(match["open"]), versions, nullable, tag, bool(match["classic"]), match["default"]
    )


class Parser:
    """Reads the fields of one message; indentation says what belongs to what."""

    def __init__(self, lines, versions):
        self.lines = lines  # [(number, indent, text)]
        self.at = 0
        self.versions = versions
        self.structs = {}

    def peek(self):
        return self.lines[self.at] if self.at < len(self.lines) else (0, 0, "")

    def fields(self, indent, within):
        found = []
        while self.peek()[1] == indent:
            number, _, text = self.peek()
            self.at += 1
            try:
                if text.startswith("struct "):
                    self.structs[text.split()[1]] = self.fields(indent + 2, self.versions)
                    continue
                field = parse_field(text, within)
            except SchemaError as error:
                raise SchemaError(f"{number}: {text}: {error}") from None
            found.append(field)
            if self.peek()[1] > indent:
                self.structs[field.type] = self.fields(self.peek()[1], field.versions)
        return found


def in_order_of_use(structs):
    ordered = {}

    def add(name):
        if name in ordered:
            return
        for field in structs[name]:
            if field.is_struct:
                add(field.type)
        ordered[name] = structs[name]

    for name in structs:
        add(name)
    return ordered


def parse_message(name, key, source, head, lines):
    match = re.fullmatch(r"(?:request|response) (\d+)-(\d+) flexible (none|\d+\+)", head)
    if not match:
        raise SchemaError(f"{head}: not a message")
    versions = Range(int(match[1]), int(match[2]))
    flexible = NONE if match[3] == "none" else Range(int(match[3][:-1]), versions.last)
    parser = Parser(lines, versions)
    fields = parser.fields(2, versions)
    if parser.at != len(lines):
        raise SchemaError("{}: {}: unexpected indentation".format(*parser.peek()[::2]))
    for field in sum(parser.structs.values(), fields):
        if field.is_struct and field.type not in parser.structs:
            raise SchemaError(f"{field.name}: no structure {field.type}")
    return Message(name, key, source, versions, flexible, fields, in_order_of_use(parser.structs))


def parse_file(path):
    """The messages of one schema file."""
    lines = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#")[0].rstrip()
        if text:
            lines.append((number, len(text) - len(text.lstrip()), re.sub(r"\s+", " ", text.strip())))
    head = lines[0][2].split()
    key, stem = (None, "") if head == ["header"] else (int(head[1]), head[2])
    starts = [i for i, line in enumerate(lines) if line[1] == 0 and i > 0] + [len(lines)]
    messages = []
    for begin, end in zip(starts, starts[1:]):
        kind = "Request" if lines[begin][2].startswith("request") else "Response"
        name = stem + kind if stem else kind + "Header"
        messages.append(parse_message(name, key, path.name, lines[begin][2], lines[begin + 1 : end]))
    return messages


def load_schema():
    """Every message of schema/, in the order of the files' names."""
    messages = []
    for path in sorted(SCHEMA.glob("*.txt")):
        try:
            messages += parse_file(path)
        except SchemaError as error:
            raise SystemExit(f"gen_wire.py: {path.name}:{error}") from None
    return messages


# ---- C++: declarations ----


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def cpp_type(field):
    base = element(field)
    if field.is_array:
        base = f"std::vector<{base}>"
    return f"std::optional<{base}>" if field.is_optional else base


def element(field):
    return field.type if field.is_struct else PRIMITIVES[field.type][0]


def cpp_default(field):
    """What follows the member's name in its declaration."""
    if field.is_optional:
        if field.default == "null":
            return ""
        inner = cpp_type(dataclasses.replace(field, nullable=NONE))
        return f" = {inner}{{}}"
    if field.is_array or field.is_struct or field.type in ("uuid", "string", "bytes", "records"):
        return ""
    if field.type == "bool":
        return f" = {field.default or 'false'}"
    return " = " + cpp_number(field.default or "0")


def cpp_number(text):
    if text == "-9223372036854775808":
        return "std::numeric_limits<std::int64_t>::min()"
    if text == "-2147483648":
        return "std::numeric_limits<std::int32_t>::min()"
    return text


def show(versions):
    return f"{versions.first}" if versions.first == versions.last else f"{versions.first}-{versions.last}"


def remark(field, within):
    parts = []
    if not field.versions.covers(within):
        parts.append(f"versions {show(field.versions)}")
    if field.is_optional:
        parts.append("may be null" if field.nullable == field.versions else f"may be null in {show(field.nullable)}")
    if field.tag is not None:
        parts.append(f"tag {field.tag}")
    return f"  ///< {', '.join(parts)}" if parts else ""


def minimum_bytes(message, fields, versions):
    """The fewest bytes that a structure of these fields takes on the wire, over all its versions."""

    def one(field, version, flexible):
        if field.tag is not None or version not in field.versions:
            return 0
        compact = flexible and not field.classic
        if field.is_array:
            return 1 if compact else 4
        if field.is_struct:
            return 1 if version in field.nullable else of(message.structs[field.type], version)
        fixed = PRIMITIVES[field.type][1]
        return fixed or (1 if compact else 2 if field.type == "string" else 4)

    def of(some, version):
        flexible = version in message.flexible
        return sum(one(field, version, flexible) for field in some) + (1 if flexible else 0)

    return max(1, min(of(fields, version) for version in versions))


def condition(versions, within):
    """The C++ test that `version`, known to lie within `within`, lies in `versions`; '' where it always does."""
    meet = versions.meet(within)
    if not meet:
        return "false"
    tests = []
    if meet.first > within.first:
        tests.append(f"version >= {meet.first}")
    if meet.last < within.last:
        tests.append(f"version <= {meet.last}")
    return " && ".join(tests)


def uses_default_test(message):
    """Structures of tagged fields (not arrays), which are written only where they differ from their default."""
    fields = sum(message.structs.values(), message.fields)
    return {f.type for f in fields if f.tag is not None and f.is_struct and not f.is_array and not f.is_optional}


def declare_struct(message, name, fields, indent):
    pad = " " * indent
    within = message.reach(name)
    out = [f"{pad}struct {name} {{"]
    out += [f"{pad}  {cpp_type(f)} {f.name}{cpp_default(f)};{remark(f, within)}" for f in fields]
    out += ["", f"{pad}  void encode(Writer& writer, std::int16_t version) const;"]
    out += [f"{pad}  void decode(Reader& reader, std::int16_t version);"]
    if name in uses_default_test(message):
        out.append(f"{pad}  bool operator==(const {name}&) const = default;")
    out += visit(within, fields, pad + "  ")
    out.append(f"{pad}}};")
    return out


def visit(within, fields, pad):
    out = [f"{pad}/// Calls f(name, member, may be null) for each field of `version`; `m` is a structure of this type."]
    out += [f"{pad}template <class M, class F>", f"{pad}static void each_field(M& m, std::int16_t version, F&& f) {{"]
    if not fields:
        return out + [f"{pad}  static_cast<void>(m), static_cast<void>(version), static_cast<void>(f);", f"{pad}}}"]
    out.append(f"{pad}  static_cast<void>(version);")
    for field in fields:
        test = condition(field.versions, within)
        null = "false"
        if field.is_optional:
            null = condition(field.nullable, field.versions.meet(within)) or "true"
        out.append(f"{pad}  {f'if ({test}) ' if test else ''}f(\"{field.name}\", m.{field.name}, {null});")
    return out + [f"{pad}}}"]


def header(message):
    own = {"<cstdint>", "<string_view>"}
    fields = sum(message.structs.values(), message.fields)
    own |= {"<vector>" for f in fields if f.is_array} | {"<optional>" for f in fields if f.is_optional}
    own |= {"<string>" for f in fields if f.type == "string"}
    own |= {"<limits>" for f in fields if "numeric_limits" in cpp_default(f)}
    out = [banner(message), "#pragma once", ""] + [f"#include {name}" for name in sorted(own)]
    out += ["", '#include "base/bytes.h"', '#include "base/ids.h"', '#include "wire/reader.h"', '#include "wire/writer.h"']
    out += ["", "namespace sluice::wire {", ""]
    answer = message.name.replace("Request", "Response") if message.key is not None else message.name
    if answer != message.name:
        out += [f"struct {answer};", ""]
    out.append(f"struct {message.name} {{")
    if answer != message.name:
        out.append(f"  using Response = {answer};")
    if message.key is not None:
        out.append(f"  static constexpr std::int16_t api_key = {message.key};")
    out.append(f'  static constexpr std::string_view message_name = "{message.name}";')
    out.append(f"  static constexpr std::int16_t version_min = {message.versions.first};")
    out.append(f"  static constexpr std::int16_t version_max = {message.versions.last};")
    flexible = message.flexible.first if message.flexible else 32767
    out.append(f"  static constexpr std::int16_t flexible_version_min = {flexible};")
    for name, members in message.structs.items():
        out += [""] + declare_struct(message, name, members, 2)
    out.append("")
    out += declare_struct(message, None, message.fields, 0)[1:]
    out += ["", "}  // namespace sluice::wire", ""]
    return "\n".join(out)


def banner(message):
    return f"// Generated by tools/gen_wire.py from schema/{message.source}; do not edit."


# ---- C++: encoding ----


class Body:
    """The statements of one function, indented."""

    def __init__(self, message, within):
        self.message = message
        self.within = within  # the versions that reach this place
        self.lines = []
        self.depth = 1

    def add(self, text):
        self.lines.append("  " * self.depth + text)

    def open(self, text):
        self.add(text + " {")
        self.depth += 1

    def close(self, text="}"):
        self.depth -= 1
        self.add(text)

    def flexible(self, field, versions):
        """A C++ expression: is the field's encoding compact?"""
        meet = self.message.flexible.meet(versions)
        if field.classic or not meet:
            return "false"
        return condition(meet, versions) or "true"


def plain_fields(body, fields, statements):
    """The statements of all fields without a tag; neighbours of the same versions share one test."""
    plain = [f for f in fields if f.tag is None and f.versions.meet(body.within)]
    for test, group in itertools.groupby(plain, lambda f: condition(f.versions, body.within)):
        if test:
            body.open(f"if ({test})")
        for field in group:
            statements(body, field, field.versions.meet(body.within))
        if test:
            body.close()


def is_default(field, value):
    """The C++ test that a tagged field need not be written."""
    if field.is_optional:
        return f"!{value}.has_value()" if field.default == "null" else f"({value}.has_value() && {value}->empty())"
    if field.is_array or field.type in ("string", "bytes", "records"):
        return f"{value}.empty()"
    if field.type == "uuid":
        return f"{value}.is_zero()"
    if field.is_struct:
        return f"{value} == {field.type}{{}}"
    if field.type == "bool":
        return value if field.default == "true" else f"!{value}"
    return f"{value} == {cpp_number(field.default or '0')}"


def encode_value(body, field, versions, writer="writer"):
    compact = body.flexible(field, versions)
    null = (condition(field.nullable, versions) or "true") if field.is_optional else None
    if field.is_array:
        encode_array(body, field, versions, compact, null, writer)
    elif field.is_struct:
        if field.is_optional:
            body.add(f"{writer}.presence({field.name}.has_value(), {null});")
            body.add(f"if ({field.name}) {field.name}->encode({writer}, version);")
        else:
            body.add(f"{field.name}.encode({writer}, version);")
    elif PRIMITIVES[field.type][1] is None:
        verb = PRIMITIVES[field.type][2]
        if field.is_optional:
            body.add(f"{writer}.nullable_{verb}({field.name}, {compact}, {null});")
        else:
            body.add(f"{writer}.{verb}({field.name}, {compact});")
    else:
        body.add(f"{writer}.{PRIMITIVES[field.type][2]}({field.name});")


def encode_array(body, field, versions, compact, null, writer):
    items = field.name
    if field.is_optional:
        body.open(f"if (!{field.name})")
        body.add(f"{writer}.null_array({compact}, {null});")
        body.close("} else {")
        body.depth += 1
        items = f"*{field.name}"
    size = f"{field.name}->size()" if field.is_optional else f"{field.name}.size()"
    body.add(f"{writer}.array_length({size}, {compact});")
    if field.is_struct:
        body.add(f"for (const auto& item : {items}) item.encode({writer}, version);")
    elif PRIMITIVES[field.type][1] is None:
        body.add(f"for (const auto& item : {items}) {writer}.{PRIMITIVES[field.type][2]}(item, {compact});")
    else:
        body.add(f"for (const auto item : {items}) {writer}.{PRIMITIVES[field.type][2]}(item);")
    if field.is_optional:
        body.close()


def encode_tags(body, tagged):
    flexible = body.message.flexible.meet(body.within)
    if not flexible:
        return
    test = condition(flexible, body.within)
    if not tagged:
        body.add(f"{f'if ({test}) ' if test else ''}writer.tag_count(0);")
        return
    body.open(f"if ({test})" if test else "")
    body.add("TagsWriter tags(writer);")
    for field in sorted(tagged, key=lambda f: f.tag):
        versions = field.versions.meet(flexible)
        extra = condition(versions, flexible)
        body.open(f"if ({extra + ' && ' if extra else ''}!({is_default(field, field.name)}))")
        body.add(f"Writer& tag_writer = tags.begin({field.tag});")
        encode_value(body, field, versions, "tag_writer")
        body.close()
    body.add("tags.finish();")
    body.close()


def encode_function(message, name, fields):
    body = Body(message, message.reach(name))
    if name is None:
        body.add("if (version < version_min || version > version_max) return writer.fail();")
    plain_fields(body, fields, encode_value)
    encode_tags(body, [f for f in fields if f.tag is not None])
    scope = f"{message.name}::{name}" if name else message.name
    return function(f"void {scope}::encode(Writer& writer, std::int16_t version) const", body.lines, "writer")


# ---- C++: decoding ----


def decode_value(body, field, versions):
    compact = body.flexible(field, versions)
    null = (condition(field.nullable, versions) or "true") if field.is_optional else None
    if field.is_array:
        decode_array(body, field, versions, compact, null)
    elif field.is_struct:
        if field.is_optional:
            body.open(f"if (reader.presence({null}))")
            # Clang holds a nested struct with member initialisers not default-constructible in place here.
            body.add(f"{field.name}.emplace({field.type}{{}}).decode(reader, version);")
            body.close("} else {")
            body.depth += 1
            body.add(f"{field.name}.reset();")
            body.close()
        else:
            body.add(f"{field.name}.decode(reader, version);")
    elif PRIMITIVES[field.type][1] is None:
        verb = PRIMITIVES[field.type][2]
        call = f"nullable_{verb}({compact}, {null})" if field.is_optional else f"{verb}({compact})"
        body.add(f"{field.name} = reader.{call};")
    else:
        body.add(f"{field.name} = reader.{PRIMITIVES[field.type][2]}();")


def decode_array(body, field, versions, compact, null):
    if field.is_struct:
        least = minimum_bytes(body.message, body.message.structs[field.type], versions)
        read = "item.decode(reader, version);"
    else:
        fixed, verb = PRIMITIVES[field.type][1:]
        least = fixed or 1
        read = f"item = reader.{verb}({'' if fixed else compact});"
    items = field.name
    if field.is_optional:
        call = f"nullable_array_length({compact}, {null}, {least}, sizeof({element(field)}))"
        body.open(f"if (const auto length = reader.{call})")
        items = f"{field.name}.emplace(*length)"
    else:
        body.add(f"{field.name}.resize(reader.array_length({compact}, {least}, sizeof({element(field)})));")
    body.open(f"for (auto& item : {items})")
    body.add("if (!reader.ok()) return;")
    body.add(read)
    body.close()
    if field.is_optional:
        body.close("} else {")
        body.depth += 1
        body.add(f"{field.name}.reset();")
        body.close()


def decode_tags(body, tagged):
    flexible = body.message.flexible.meet(body.within)
    if not flexible:
        return
    test = condition(flexible, body.within)
    if not tagged:
        body.add(f"{f'if ({test}) ' if test else ''}reader.skip_tags();")
        return
    body.open(f"if ({test})" if test else "")
    body.open("for (TagsReader tags(reader); tags.next();)")
    body.open("switch (tags.tag())")
    for field in sorted(tagged, key=lambda f: f.tag):
        versions = field.versions.meet(flexible)
        extra = condition(versions, flexible)
        body.open(f"case {field.tag}:")
        if extra:
            body.open(f"if (!({extra}))")
            body.add("tags.skip();")
            body.add("break;")
            body.close()
        decode_value(body, field, versions)
        body.add("break;")
        body.close()
    body.add("default:")
    body.add("  tags.skip();")
    body.close()
    body.close()
    body.close()


def decode_function(message, name, fields):
    body = Body(message, message.reach(name))
    if name is None:
        body.add("if (version < version_min || version > version_max) return reader.fail();")
    plain_fields(body, fields, decode_value)
    decode_tags(body, [f for f in fields if f.tag is not None])
    scope = f"{message.name}::{name}" if name else message.name
    return function(f"void {scope}::decode(Reader& reader, std::int16_t version)", body.lines, "reader")


def function(head, lines, stream):
    unused = [name for name in (stream, "version") if not re.search(rf"\b{name}\b", "\n".join(lines))]
    return [f"{head} {{"] + [f"  static_cast<void>({name});" for name in unused] + lines + ["}", ""]


def source(message):
    stem = snake(message.name)
    out = [banner(message), f'#include "wire/generated/{stem}.h"', "", "namespace sluice::wire {", ""]
    for name, fields in message.structs.items():
        out += encode_function(message, name, fields) + decode_function(message, name, fields)
    out += encode_function(message, None, message.fields) + decode_function(message, None, message.fields)
    return "\n".join(out + ["}  // namespace sluice::wire", ""])


def messages_header(messages):
    out = ["// Generated by tools/gen_wire.py from schema/; do not edit.", "// Every message, and their list.", "#pragma once", ""]
    out += [f'#include "wire/generated/{snake(m.name)}.h"' for m in sorted(messages, key=lambda m: snake(m.name))]
    out += ["", "namespace sluice::wire {", "", "/// Calls f.template operator()<Message>() for every request and response."]
    out += ["template <class F>", "constexpr void for_each_message(F&& f) {"]
    out += [f"  f.template operator()<{m.name}>();" for m in messages if m.key is not None]
    return "\n".join(out + ["}", "", "}  // namespace sluice::wire", ""])


# ---- writing ----


def outputs():
    messages = load_schema()
    files = {"messages.h": messages_header(messages)}
    for message in messages:
        files[snake(message.name) + ".h"] = header(message)
        files[snake(message.name) + ".cc"] = source(message)
    return files


def main(arguments):
    if arguments not in ([], ["--check"]):
        raise SystemExit(__doc__)
    files = outputs()
    present = {path.name for path in GENERATED.glob("*")} if GENERATED.exists() else set()
    if arguments:
        wrong = sorted(present - set(files))
        wrong += [name for name, text in files.items() if name not in present or (GENERATED / name).read_text() != text]
        if wrong:
            raise SystemExit(f"gen_wire.py: differs from schema/: {' '.join(wrong)}; run tools/gen_wire.py")
        return
    GENERATED.mkdir(parents=True, exist_ok=True)
    for name in present - set(files):
        (GENERATED / name).unlink()
    for name, text in files.items():
        path = GENERATED / name
        if name not in present or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
