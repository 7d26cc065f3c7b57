"""kcat, which is librdkafka."""

import shutil

from broker import LeftOut, run
from check import Check

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LINES = "".join(f"line {i} {'x' * (i % 97)}\n" for i in range(50_000))


def kcat(broker, *arguments, text=None):
    if shutil.which("kcat") is None:
        raise LeftOut("kcat is not installed")
    return run(["kcat", "-q", "-b", broker.address, *arguments], text=text)


def every_codec(broker, _):
    for codec in CODECS:
        topic = f"codec-{codec}"
        kcat(broker, "-P", "-t", topic, "-z", codec, "-X", "enable.idempotence=true", text=LINES)
        got = kcat(broker, "-C", "-t", topic, "-o", "beginning", "-e")
        assert got == LINES, f"{codec}: {len(got)} bytes came back of {len(LINES)}"
    return f"{len(CODECS)} codecs, {LINES.count(chr(10))} lines each"


def group_goes_on(broker, _):
    kcat(broker, "-P", "-t", "events", text="".join(f"{i}\n" for i in range(1000)))
    group = ("-G", "readers", "-X", "auto.offset.reset=earliest")
    first = kcat(broker, *group, "-c", "400", "events").split()
    broker.kill()
    broker.start()
    second = kcat(broker, *group, "-e", "events").split()
    assert first + second == [str(i) for i in range(1000)], (len(first), len(second))
    return "400 before a kill -9 of the broker, 600 after it"


def acknowledged_is_kept(broker, _):
    kcat(broker, "-P", "-t", "events", "-X", "acks=all", text=LINES)
    broker.kill()
    broker.start()
    got = kcat(broker, "-C", "-t", "events", "-o", "beginning", "-e")
    assert got == LINES
    return "over a kill -9"


def offsets(broker, _):
    kcat(broker, "-P", "-t", "events", text="a\nb\nc\n")
    run(["kcat", "-b", broker.address, "-Q", "-t", "events:0:-2"])
    said = run(["kcat", "-b", broker.address, "-Q", "-t", "events:0:-1"])
    assert said.split() == ["events", "[0]", "offset", "3"], said


def checks():
    return [Check("kcat", "every codec", every_codec), Check("kcat", "a group over a restart", group_goes_on),
            Check("kcat", "acks=all over a kill", acknowledged_is_kept), Check("kcat", "offsets", offsets)]
