"""Damaged and hostile containers: each must end in one clear error, soon, and leave no files.

``python benchmarks/fuzz_codec.py [--mutations 100000] [--seed 0] [--output fuzz_codec.json]``

Containers of all levels are truncated, flipped, spliced, filled with noise, and given absurd
headers; most get valid checksums again, so that the parts behind those are reached. What must not
happen: another exception than `FileFormatError`, other pictures than were coded, a second of time,
much memory, or a file in the folder.
"""

import argparse
import hashlib
import json
import re
import resource
import sys
import time
import zlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mutations import change_one_value, extended, flipped, noisy, spliced, truncated

from lossless_inr_lite.codec import decode, encode
from lossless_inr_lite.codec.adaptation import adapted, num_biases, pack_steps
from lossless_inr_lite.codec.coding import code_group
from lossless_inr_lite.codec.container import (
    ENVELOPE,
    HEADER_SIZE,
    CodedGroup,
    Container,
    GroupHeader,
    samples_digest,
)
from lossless_inr_lite.codec.files import decompress_file
from lossless_inr_lite.codec.learning import smallest_side
from lossless_inr_lite.codec.priors import load_prior, prior_digest
from lossless_inr_lite.codec.single_picture import unpack
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import Signal

ON_DISK = 50  # one in so many is also given to `decompress_file`
BODY = len(ENVELOPE.magic) + 1  # where the body begins: behind the mark and the version
INTACT_CHECKSUM = 2 / 3  # share of the mutations whose checksum is made right again


def seeds() -> list[tuple[bytes, list[Signal]]]:
    """Small containers of every level and the pictures in them."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:6, :7]
    smooth = 128 + 60 * np.sin(x / 2) + 20 * y
    wavy = smooth[..., None] + generator.integers(0, 6, (6, 7, 3))
    grey = [Signal(wavy[..., i : i + 1].astype(np.uint8), 8, f"grey_{i}.png") for i in range(3)]
    mixed = [
        Signal(wavy.astype(np.uint8), 8, "wavy.png"),
        Signal((wavy[:3, :4] * 250).astype(np.uint16), 16, "deep.png"),
    ]
    network, adaptation = _with_weights(grey[0])
    alone = [grey[0]]
    return [
        (encode(grey, "digits"), grey),
        (encode(mixed), mixed),
        (_container(alone, network), alone),
        (_container(alone, adaptation), alone),
    ]


def _with_weights(signal: Signal) -> tuple[CodedGroup, CodedGroup]:
    """A grey picture at level 0, and at level 2 with some adaptation, whether it pays or not."""
    words = signal.words[None]
    header = GroupHeader(shape=signal.samples.shape, num_bits=8, count=1, level=0, bits=0)
    weights = smallest_side(signal.samples[..., 0], [(4, 4, 4)], iterations=50)
    network = code_group(unpack(weights), words, header, weights)
    photo = load_prior("photo")
    header = GroupHeader(
        shape=signal.samples.shape,
        num_bits=8,
        count=1,
        level=2,
        prior="photo",
        weights=prior_digest("photo"),
        bits=0,
    )
    steps = pack_steps(np.resize(np.arange(5), num_biases(photo)))
    return network, code_group(adapted(photo, steps), words, header, steps)


def _container(signals: list[Signal], part: CodedGroup) -> bytes:
    names = [signal.name for signal in signals]
    return Container(names, [0] * len(names), [part], samples_digest(signals)).to_bytes()


def mutated(data: bytes, generator: np.random.Generator) -> bytes:
    """One random damage; in two of three cases the checksum of the file is made right again."""
    ways = (flipped, truncated, noisy, spliced, extended, _other_header, _other_header)
    changed = ways[generator.integers(len(ways))](data, generator)
    if generator.random() >= INTACT_CHECKSUM:
        return changed
    content = changed[: -ENVELOPE.digest_bytes]
    return content + hashlib.sha256(content).digest()[: ENVELOPE.digest_bytes]


def _other_header(data: bytes, generator: np.random.Generator) -> bytes:
    """The header with one value made absurd, packed again so that it can be read."""
    (size,) = HEADER_SIZE.unpack_from(data, BODY)
    start = BODY + HEADER_SIZE.size
    header = json.loads(zlib.decompress(data[start : start + size]))
    change_one_value(header, generator)
    packed = zlib.compress(json.dumps(header).encode())
    return data[:BODY] + HEADER_SIZE.pack(len(packed)) + packed + data[start + size :]


def outcome(data: bytes, signals: list[Signal]) -> str:
    """What became of a container: the error's first words, or that the pictures are the same.

    Raises AssertionError for other pictures.
    """
    try:
        decoded = decode(data)
    except FileFormatError as error:
        return " ".join(re.sub(r"[0-9]+|(?<=[ \[])'.*?'", "..", str(error)).split()[:6])
    pairs = zip(decoded, signals, strict=True)
    if not all(a.name == b.name and np.array_equal(a.samples, b.samples) for a, b in pairs):
        raise AssertionError("other pictures were decoded than were coded")
    return "the same pictures"


def left_files(data: bytes) -> int:
    """How many files a container that is not whole leaves in a folder, in whatever state."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "out"
        path = Path(name) / "x.lic"
        path.write_bytes(data)
        try:
            decompress_file(path, folder)
        except FileFormatError:
            return len(list(folder.rglob("*"))) if folder.exists() else 0
        return 0


def main() -> int:
    """Run the mutations, print what became of them, and write the record where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    containers = seeds()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    left = 0
    started = time.perf_counter()
    for number in range(options.mutations):
        data, signals = containers[generator.integers(len(containers))]
        damaged = mutated(data, generator)
        began = time.perf_counter()
        outcomes[outcome(damaged, signals)] += 1
        slowest = max(slowest, time.perf_counter() - began)
        if number % ON_DISK == 0:
            left += left_files(damaged)
        if number % 10_000 == 9_999:
            print(f"{number + 1} mutations, {time.perf_counter() - started:.0f} s", flush=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    facts = {
        "mutations": options.mutations,
        "seed": options.seed,
        "outcomes": dict(outcomes),
        "files_left": left,
        "slowest_seconds": slowest,
        "memory_growth_bytes": grown,
        "seconds": time.perf_counter() - started,
    }
    for text, count in outcomes.most_common():
        print(f"{count:7d}  {text} ...")
    print(
        f"slowest {slowest:.2f} s, memory grew by {grown / 2**20:.0f} MiB, {left} files left behind"
    )
    if options.output:
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": "fuzz_codec",
            "environment": environment(),
        }
        write_json(options.output, record | {"facts": facts, "fits": {}})
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
