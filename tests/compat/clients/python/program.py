"""What the programs of this folder share: the command line, and the records they write."""

import sys
import time

COUNT = 1000
PARTITIONS = 4


class LeftOut(Exception):
    """The client has no such thing."""


def value(tag, i):
    return f"{tag} {i} {'x' * (i % 97)}".encode()


def wait_until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what}"


def main(checks):
    """Runs sys.argv's check; `checks` maps names to functions of the bootstrap servers."""
    bootstrap, name = sys.argv[1:]
    try:
        if name not in checks:
            raise LeftOut(f"the client has no {name}")
        print(checks[name](bootstrap))
    except LeftOut as reason:
        print(reason)
        sys.exit(77)
