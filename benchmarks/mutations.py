"""Damage to bytes and to JSON values, at random; what the fuzzing commands share."""

import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

# Values that a field may be given anywhere.
INTEGERS = [0, -1, 1, 2, 7, 255, 2**16, 2**20, 2**31, 2**63, 2**70]
NAMES = ["", "../x.png", "a/b.png", "x\x00.png", "CON.png", "digits", "x" * 300]
LISTS = [[], [2**20, 2**20, 1], [1, 1, 2**20], ["", ""]]
ABSURD = [*INTEGERS, 1.5, None, True, *NAMES, {}, *LISTS]
# Chance that the next level of a header is entered when a value is chosen.
DEEPER = 0.9
# The largest and smallest values of fields of 1, 2, 4 and 8 bytes, and those beside them.
EXTREMES = [
    0,
    1,
    2,
    3,
    4,
    8,
    16,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
    0x7FFFFFFFFFFFFFFF,
    0xFFFFFFFFFFFFFFFF,
]
FIELDS = ("B", "H", "I", "Q")

Damage = Callable[[bytes, np.random.Generator], bytes]
T = TypeVar("T")


def one_of(things: Sequence[T], generator: np.random.Generator) -> T:
    """One of some things, each as likely."""
    return things[int(generator.integers(len(things)))]


def flipped(data: bytes, generator: np.random.Generator) -> bytes:
    """Up to eight bits turned."""
    turned = bytearray(data)
    for place in generator.integers(0, 8 * len(data), generator.integers(1, 9)):
        turned[place // 8] ^= 1 << place % 8
    return bytes(turned)


def truncated(data: bytes, generator: np.random.Generator) -> bytes:
    """The start of the bytes."""
    return data[: generator.integers(0, len(data))]


def noisy(data: bytes, generator: np.random.Generator) -> bytes:
    """A short part replaced by noise."""
    start = int(generator.integers(0, len(data)))
    noise = generator.bytes(int(generator.integers(1, 40)))
    return data[:start] + noise + data[start + len(noise) :]


def spliced(data: bytes, generator: np.random.Generator) -> bytes:
    """Two neighbouring parts exchanged."""
    first, second, third = sorted(generator.integers(0, len(data), 3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def extended(data: bytes, generator: np.random.Generator) -> bytes:
    """Noise behind the end."""
    return data + generator.bytes(int(generator.integers(1, 100)))


def repeated(data: bytes, generator: np.random.Generator) -> bytes:
    """A part twice."""
    first, second = sorted(generator.integers(0, len(data) + 1, 2))
    return data[:second] + data[first:second] + data[second:]


def extreme(data: bytes, generator: np.random.Generator) -> bytes:
    """An extreme value in a field of 1, 2, 4 or 8 bytes, of either order."""
    kind = one_of(FIELDS, generator)
    order = one_of("<>", generator)
    size = struct.calcsize(f"{order}{kind}")
    value = one_of(EXTREMES, generator) & (256**size - 1)
    start = int(generator.integers(0, max(1, len(data) - size + 1)))
    return data[:start] + struct.pack(f"{order}{kind}", value) + data[start + size :]


ANY_DAMAGE: tuple[Damage, ...] = (
    flipped,
    truncated,
    noisy,
    spliced,
    extended,
    repeated,
    extreme,
    extreme,
)


def damaged(data: bytes, generator: np.random.Generator) -> bytes:
    """One damage of any kind; nothing becomes noise."""
    if not data:
        return generator.bytes(int(generator.integers(0, 20)))
    return one_of(ANY_DAMAGE, generator)(data, generator)


def change_one_value(header: dict | list, generator: np.random.Generator) -> None:
    """Make one value of a JSON object absurd, in place, at any depth."""
    holder = header
    key = _any_key(header, generator)
    while isinstance(holder[key], list | dict) and holder[key] and generator.random() < DEEPER:
        holder = holder[key]
        key = _any_key(holder, generator)
    holder[key] = one_of(ABSURD, generator)


def _any_key(holder: dict | list, generator: np.random.Generator) -> Any:
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    return one_of(keys, generator)
