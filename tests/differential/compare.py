"""Two answers in the common spelling: where they differ, and which class of difference that is."""
import pathlib
import re

import codec

KEYS = ("api_key", "name", "topic", "topic_name", "partition_index", "partition", "index", "group_id", "group",
        "transactional_id", "resource_name", "member_id", "topic_id", "broker_id", "node_id", "log_dir")
ROW = re.compile(r'X\(\w+, (-?\d+), "(\w+)"')
ERRORS = {int(number): name for number, name in
          ROW.findall((codec.ROOT / "src/wire/error_list.h").read_text(encoding="utf-8"))}
ABSENT = "absent"
SEGMENT_MS = 7 * 86_400_000  # segment.ms: Kafka begins a new segment where timestamps jump by more
NAMED = re.compile(r"(configs|api_keys|features)\[\w+=([^\]]*)\]")  # these say which one differs
BROKER_SETTING = re.compile(r"resource_name=node#\d+\]\.configs\[[^\]]*\]$")


def key_of(items):
    """The field by which the structures of a list are told apart, if there is one."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in KEYS:
        values = [str(item.get(key)) for item in items]
        if all(key in item for item in items) and len(set(values)) == len(values):
            return key
    return None


def differences(ours, theirs, path=""):
    """[(path, ours, theirs)]"""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in sorted(ours.keys() | theirs.keys()):
            found += differences(ours.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}" if path else key)
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return of_lists(ours, theirs, path)
    return [] if ours == theirs else [(path, ours, theirs)]


def of_lists(ours, theirs, path):
    ours, again = without_repeats(ours, theirs)
    if again:
        return differences(ours, again[0], path) + [(f"{path}[again]", ABSENT, item) for item in again[1]]
    theirs, more = without_repeats(theirs, ours)
    if more:
        return differences(more[0], theirs, path) + [(f"{path}[again]", item, ABSENT) for item in more[1]]
    key = key_of(ours or theirs)
    if key is not None and (not theirs or key_of(theirs) == key):
        mine = {str(item[key]): item for item in ours}
        other = {str(item[key]): item for item in theirs}
        found = []
        for name in sorted(mine.keys() | other.keys()):
            found += differences(mine.get(name, ABSENT), other.get(name, ABSENT), f"{path}[{key}={name}]")
        return found
    if path.endswith("records") and jumps_after(theirs, ours):
        return [(f"{path}[after a jump of time]", ours[len(theirs)], ABSENT)]
    found = []
    for i in range(max(len(ours), len(theirs))):
        found += differences(ours[i] if i < len(ours) else ABSENT, theirs[i] if i < len(theirs) else ABSENT, f"{path}[{i}]")
    return found


def jumps_after(some, more):
    """Do `more` batches begin with `some`, and go on after a time in which Kafka begins a new segment?"""
    if not some or len(more) <= len(some) or more[: len(some)] != some:
        return False
    last, following = some[-1].get("max_timestamp"), more[len(some)].get("max_timestamp")
    if "now" in (last, following):
        return last != following
    return None not in (last, following) and abs(following - last) > SEGMENT_MS


def without_repeats(ours, theirs):
    """(ours, (theirs without what is named again, that)) where only ours names each thing once; else (ours, None)."""
    key = next((k for k in KEYS if theirs and all(isinstance(item, dict) and k in item for item in theirs)), None)
    if key is None or key_of(ours) != key or key_of(theirs) == key:
        return ours, None
    first, more = {}, []
    for item in theirs:
        name = str(item[key])
        if name in first:
            more.append(item)
        first.setdefault(name, item)
    return ours, (list(first.values()), more)


def brief(value, path):
    if path.endswith("error_code"):
        return ERRORS.get(value, str(value))
    if path.endswith("session_id"):
        return "none" if value == 0 else "a session"
    if path.endswith("group_state"):
        return str(value)
    if isinstance(value, dict) and list(value) in (["rest"], ["part of"]):
        return "the beginning of a batch"
    if isinstance(value, (dict, list)):
        return "present"
    if isinstance(value, str) and value.startswith(("malformed", "unresolved")):
        return value.split(":")[0].split()[0]
    if value is None or isinstance(value, bool) or value in ("closed", "waiting", ABSENT, "no answer"):
        return str(value).lower()
    return "another"


def label(name, path, ours, theirs):
    """The class of a difference: the API, the field without its indices, and what the two said where that is one of few."""
    given = path
    path = NAMED.sub(r"\1[:\2]", path)
    if name in ("AlterConfigs", "IncrementalAlterConfigs"):
        path = re.sub(r"\[resource_name=(?:node#\d+)?\]", "[:broker]", path)
    plain = re.sub(r"\[(?:\d+|\w+=[^\]]*)\]", "[]", path).replace("[:", "[")
    mine, other = brief(ours, path), brief(theirs, path)
    if name == "DescribeConfigs" and BROKER_SETTING.search(given) and ABSENT in (ours, theirs):
        return f"{name} a broker's setting: {mine}, Kafka {other}"
    if name == "ListOffsets" and is_earlier(path, theirs, ours):
        return f"{name} {plain}: a later one or none, Kafka an earlier one"
    if mine == other == "another":
        return f"{name} {plain}: another value".replace("  ", " ")
    return f"{name} {plain}: {mine}, Kafka {other}".replace("  ", " ")


def is_earlier(path, some, other):
    """Of ListOffsets: does `some` tell of a record that lies before the one of `other`, or where that has none?"""
    if not isinstance(some, int) or not isinstance(other, int):
        return False
    if path.endswith("offset"):
        return other == -1 or 0 <= some < other
    return other == -1 or (path.endswith("timestamp") and some > other)


def classes(name, ours, theirs):
    """{class: (path, ours, theirs)} of one pair of answers."""
    found = {}
    for path, mine, other in differences(ours, theirs):
        found.setdefault(label(name, path, mine, other), (path, mine, other))
    return found


class Table:
    """The differences that have a reason: lines of `PATTERN | REASON` (a pattern ending in * matches beginnings)."""

    def __init__(self, path):
        self.rows = []
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                pattern, _, reason = line.partition(" | ")
                self.rows.append((pattern.strip(), reason.strip()))

    def reason(self, name):
        for pattern, reason in self.rows:
            if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name):
                return reason
        return None
