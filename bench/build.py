"""Builds the baseline and the load generator from pinned sources, and tells versions."""
import json
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / "build/bench"
CACHE = pathlib.Path(os.environ.get("SLUICE_CACHE") or pathlib.Path.home() / ".cache/sluice")


def crates() -> dict[str, pathlib.Path]:
    """The directories of the pinned crates, fetched where they are missing. Cargo.lock holds their checksums."""
    if not shutil.which("cargo"):
        raise SystemExit("bench: nothing was measured: the baseline needs cargo, which brings the sources of simdjson and "
                         "mimalloc; install it (apt-get install cargo, or rustup) and try again")
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", ROOT / "bench/sources/Cargo.toml"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return {p["name"]: pathlib.Path(p["manifest_path"]).parent for p in json.loads(done.stdout)["packages"]}


def programs() -> pathlib.Path:
    """The directory of `baseline` and `produce`, up to date."""
    sources = crates()
    simdjson = next(sources["simdjson-sys"].rglob("simdjson.cpp")).parent
    mimalloc = sources["libmimalloc-sys"] / "c_src/mimalloc"
    configure = ["cmake", "-S", ROOT / "bench", "-B", TREE, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                 f"-DCMAKE_PREFIX_PATH={CACHE / 'prefix'}", f"-DSIMDJSON_SOURCE={simdjson}", f"-DMIMALLOC_SOURCE={mimalloc}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", TREE, "--quiet"], check=True)
    return TREE


def versions() -> dict[str, str]:
    """What took part."""
    found = {"commit": output("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"),
             "g++": output("g++", "-dumpfullversion")}
    for name, file, pattern in (("arrow", "include/arrow/util/config.h", r'ARROW_VERSION_STRING "([^"]+)"'),
                                ("librdkafka", "lib/pkgconfig/rdkafka-static.pc", r"Version: (\S+)")):
        path = CACHE / "prefix" / file
        match = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
        found[name] = match[1] if match else "of the system"
    return found


def output(*command) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
