"""The directories of a TIFF file: what pictures it holds, before any of them is decoded.

A directory (TIFF 6.0, section 2; BigTIFF for files above 4 GiB) is a list of entries: tag, type,
number of values, and the values or their place. Directories are chained, and one may point to more
of them (SubIFDs). Some programs write one directory for many planes and say their number in the
description only. Reading all this here, in plain integers, keeps what a broken file declares within
bounds.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lossless_inr_lite.errors import InputError

NEW_SUBFILE_TYPE = 254
SUBFILE_TYPE = 255
WIDTH = 256
LENGTH = 257
DESCRIPTION = 270
SOFTWARE = 305
SAMPLES_PER_PIXEL = 277
SUB_IFDS = 330
DEPTH = 32997
STK_PLANES = 33629  # UIC2Tag: as many values as there are planes
REDUCED = 1  # bits of the new subfile type
MASK = 4
OLD_REDUCED = 2  # a value of the old one

MAX_ENTRIES = 2**20  # of all directories together
MAX_DIRECTORIES = 2**15
MAX_ENTRIES_OF_ONE = 4096
MAX_LEVELS = 8  # of SubIFDs within SubIFDs
# Type -> struct's letter for the types that hold integers; and the bytes of a value of any type.
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}
INTEGERS[18] = "Q"
BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
BYTES |= {16: 8, 17: 8, 18: 8}
# These write a depth that is none.
WRONG_DEPTH = (b"Philips DP", b"ISS Vista")
IMAGEJ = re.compile(rb"^(images|channels|slices|frames)=([0-9]{1,9})[ \t\r]*$", re.MULTILINE)
SHAPED = re.compile(rb'(?:\{"shape": ?\[|shape=\()([0-9]{1,9}(?:, ?[0-9]{1,9}){0,15}),?[\])]')


class Entry(NamedTuple):
    """An entry of a directory: type, number of values, place of the first, and its own place."""

    kind: int
    length: int
    place: int
    own_place: int


@dataclass(frozen=True)
class Layout:
    """How numbers stand in a file: struct's letters for byte order, places and counts."""

    order: str
    place: str
    count: str
    entry: str
    tag: str  # of an entry, and the rest of it left out
    first: int  # where the place of the first directory stands
    place_bytes: int
    count_bytes: int
    entry_bytes: int


@dataclass(frozen=True, eq=False)
class Directory:
    """One directory of the file `data`, at `place`; `tags` are those of its entries, in order."""

    name: str
    data: bytes
    layout: Layout
    place: int
    tags: tuple[int, ...]
    next_place: int

    def entry(self, tag: int) -> Entry | None:
        """The first entry with a tag; None without one."""
        if tag not in self.tags:
            return None
        layout = self.layout
        number = self.tags.index(tag)
        own_place = self.place + layout.count_bytes + number * layout.entry_bytes
        _, kind, length, value = struct.unpack_from(layout.entry, self.data, own_place)
        place = own_place + layout.entry_bytes - layout.place_bytes
        if BYTES.get(kind, 0) * length > layout.place_bytes:
            (place,) = struct.unpack(layout.place, value)
        return Entry(kind, length, place, own_place)

    def values(self, tag: int, most: int = 64) -> tuple[int, ...]:
        """The first `most` integers of a tag; empty without it, or when it holds no integers.

        Raises InputError when they lie behind the end of the file.
        """
        entry = self.entry(tag)
        if entry is None or entry.kind not in INTEGERS:
            return ()
        count = min(entry.length, most)
        form = f"{self.layout.order}{count}{INTEGERS[entry.kind]}"
        if entry.place + struct.calcsize(form) > len(self.data):
            raise InputError(
                f"{self.name} is truncated: the values of its tag {tag} lie behind its end"
            )
        return struct.unpack_from(form, self.data, entry.place)

    def value(self, tag: int, otherwise: int) -> int:
        """The first integer of a tag, or `otherwise` without it."""
        return next(iter(self.values(tag, 1)), otherwise)

    def body(self, tag: int, most: int = 2**16) -> bytes:
        """The first `most` bytes of the values of a tag; empty without it."""
        entry = self.entry(tag)
        if entry is None or entry.kind not in BYTES:
            return b""
        length = min(entry.length * BYTES[entry.kind], most)
        return self.data[entry.place : entry.place + length]

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return self.value(WIDTH, 0)

    @property
    def height(self) -> int:
        """Rows."""
        return self.value(LENGTH, 0)

    @property
    def size(self) -> str:
        """Width and height, in words."""
        return f"{self.width} x {self.height}"

    @property
    def depth(self) -> int:
        """Planes that the directory itself declares (the tag ImageDepth of SGI)."""
        if self.body(SOFTWARE, 32).startswith(WRONG_DEPTH):
            return 1
        return self.value(DEPTH, 1)

    @property
    def is_copy(self) -> bool:
        """Whether it is marked as a smaller copy of another picture."""
        return bool(self.value(NEW_SUBFILE_TYPE, 0) & REDUCED) or (
            self.value(SUBFILE_TYPE, 0) == OLD_REDUCED
        )

    @property
    def is_mask(self) -> bool:
        """Whether it is marked as the mask of another picture."""
        return bool(self.value(NEW_SUBFILE_TYPE, 0) & MASK)


@dataclass(frozen=True)
class Planes:
    """The pictures of one directory: how many are declared, and how many are there.

    `kind` tells how several of them lie: "" for one, "depth" for planes that the directory itself
    declares, "stack" for planes one behind the other.
    """

    directory: Directory
    declared: int = 1
    there: int = 1
    kind: str = ""


@dataclass(frozen=True)
class Contents:
    """The pictures of a file in order, and what else is in it: copies and masks."""

    pictures: tuple[Planes, ...]
    copies: tuple[Directory, ...]
    masks: tuple[Directory, ...]

    @property
    def declared(self) -> int:
        """How many pictures the file declares."""
        return sum(planes.declared for planes in self.pictures)

    @property
    def there(self) -> int:
        """How many pictures are there."""
        return sum(planes.there for planes in self.pictures)

    def picture(self, number: int) -> tuple[Planes, int]:
        """The directory that holds a picture, and the number of the picture in it."""
        for planes in self.pictures:
            if number < planes.there:
                return planes, number
            number -= planes.there
        raise IndexError(number)


def layout_of(data: bytes) -> Layout:
    """How numbers stand in the file. Raises InputError for a header that is none of TIFF."""
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        return Layout(
            order,
            place=f"{order}Q",
            count=f"{order}Q",
            entry=f"{order}HHQ8s",
            tag=f"{order}H18x",
            first=8,
            place_bytes=8,
            count_bytes=8,
            entry_bytes=20,
        )
    return Layout(
        order,
        place=f"{order}I",
        count=f"{order}H",
        entry=f"{order}HHI4s",
        tag=f"{order}H10x",
        first=4,
        place_bytes=4,
        count_bytes=2,
        entry_bytes=12,
    )


class Reader:
    """Reads the directories of one file, each place once, within bounds."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data
        self.layout = layout_of(data)
        self.seen: set[int] = set()
        self.num_entries = 0

    def chain(self, place: int) -> Iterator[Directory]:
        """The directories from a place on, up to the last.

        Raises InputError when one lies outside of the file, and for a chain that is a circle.
        """
        while place:
            if place in self.seen:
                raise InputError(
                    f"{self.name} is broken: its directory at byte {place} comes twice"
                )
            self.seen.add(place)
            directory = self._directory(place)
            yield directory
            place = directory.next_place

    def first_chain(self) -> list[Directory]:
        """The directories that the header leads to, at least one."""
        try:
            (place,) = struct.unpack_from(self.layout.place, self.data, self.layout.first)
        except struct.error as error:
            raise InputError(f"{self.name} is truncated: it ends in its header") from error
        found = list(self.chain(place))
        if not found:
            raise InputError(f"{self.name} is a TIFF without a picture")
        return found

    def inside(self, parent: Directory, level: int = 1) -> Iterator[Directory]:
        """The directories that one points to, and those that they point to."""
        if level > MAX_LEVELS:
            raise InputError(f"{self.name} is broken: more than {MAX_LEVELS} levels of directories")
        for place in parent.values(SUB_IFDS, MAX_ENTRIES):
            # The first ones of a list are often chained to the others.
            while place and place not in self.seen:
                self.seen.add(place)
                child = self._directory(place)
                yield child
                yield from self.inside(child, level + 1)
                place = child.next_place

    def _beyond(self, place: int) -> InputError:
        return InputError(
            f"{self.name} is truncated or broken: its directory at byte {place} does not lie "
            f"within its {len(self.data)} bytes"
        )

    def _directory(self, place: int) -> Directory:
        layout = self.layout
        start = place + layout.count_bytes
        if start > len(self.data):
            raise self._beyond(place)
        (count,) = struct.unpack_from(layout.count, self.data, place)
        end = start + count * layout.entry_bytes
        if end + layout.place_bytes > len(self.data):
            raise self._beyond(place)
        self.num_entries += count
        if count > MAX_ENTRIES_OF_ONE or self.num_entries > MAX_ENTRIES:
            raise InputError(
                f"{self.name} declares more than {MAX_ENTRIES_OF_ONE} tags in a directory, or more "
                f"than {MAX_ENTRIES} in all"
            )
        if len(self.seen) > MAX_DIRECTORIES:
            raise InputError(f"{self.name} has more than {MAX_DIRECTORIES} directories")
        rows = struct.iter_unpack(layout.tag, self.data[start:end])
        tags = tuple(tag for (tag,) in rows)
        (next_place,) = struct.unpack_from(layout.place, self.data, end)
        return Directory(self.name, self.data, layout, place, tags, next_place)


def contents_of(
    name: str,
    data: bytes,
    copies_of: Callable[[list[Directory]], frozenset[int]],
    stack_room: Callable[[Directory], int],
) -> Contents:
    """The pictures of a TIFF file, and what is no picture of its own.

    - Copies that are marked as smaller ones, and masks, are none. They are when nothing else is
      there.
    - A directory inside another one (SubIFD) is one when it is no such copy and not smaller than
      the other one; or larger than it, whatever it is marked as.
    - One directory may hold many planes: see `Planes`.

    `copies_of` gets all directories of the chain and tells the places of those that are copies
    though nothing marks them. `stack_room` tells how many planes like its own lie in the file from
    the place of a directory's samples on.

    Raises InputError for directories outside of the file, circles, and too many of them.
    """
    reader = Reader(name, data)
    chain = reader.first_chain()
    unmarked = copies_of(chain)
    pictures: list[Planes] = []
    copies: list[Directory] = []
    masks: list[Directory] = []
    for number, directory in enumerate(chain):
        if directory.is_mask:
            masks.append(directory)
        elif directory.is_copy or directory.place in unmarked:
            copies.append(directory)
        else:
            pictures.append(_planes(chain, number, stack_room))
        for child in reader.inside(directory):
            pixels = directory.width * directory.height
            child_pixels = child.width * child.height
            if child.is_mask:
                masks.append(child)
            elif child_pixels > pixels or (child_pixels == pixels and not child.is_copy):
                pictures.append(_planes([child], 0, stack_room))
            else:
                copies.append(child)
    if not pictures:
        first = next(iter(copies or masks))
        (copies or masks).remove(first)
        pictures.append(_planes([first], 0, stack_room))
    return Contents(tuple(pictures), tuple(copies), tuple(masks))


def _planes(chain: list[Directory], number: int, stack_room: Callable[[Directory], int]) -> Planes:
    """How many pictures a directory of a chain holds."""
    directory = chain[number]
    if directory.depth != 1:
        return Planes(directory, directory.depth, directory.depth, "depth")
    declared = _declared(directory, is_first=number == 0)
    if declared == 1:
        return Planes(directory)
    with_own = 1
    for other in chain[number + 1 :]:
        if with_own == declared or _shaped(other) is not None:
            break
        with_own += not (other.is_copy or other.is_mask)
    if with_own == 1:
        there = min(declared, max(1, stack_room(directory)))
        return Planes(directory, declared, there, "stack")
    # The others have directories of their own; those that are missing are counted here.
    return Planes(directory, 1 + declared - with_own, 1)


def _declared(directory: Directory, is_first: bool) -> int:
    """How many pictures a directory declares for itself and those behind it."""
    stk = directory.entry(STK_PLANES)
    if stk is not None:
        return max(1, stk.length)
    shaped = _shaped(directory)
    if shaped is not None:
        return shaped
    text = directory.body(DESCRIPTION)
    if not is_first or not text.startswith(b"ImageJ="):
        return 1
    said = {key.decode(): int(value) for key, value in IMAGEJ.findall(text)}
    channels = said.get("channels", 1)
    planes = said.get("slices", 1) * said.get("frames", 1)
    images = said.get("images", 1)
    if len(said) == ("images" in said):  # the number alone
        return max(1, images)
    if channels == directory.value(SAMPLES_PER_PIXEL, 1):
        return max(1, planes)  # each picture holds all channels
    return max(1, planes * channels)


def _shaped(directory: Directory) -> int | None:
    """How many pictures tifffile says that a directory begins; None when it says nothing."""
    match = SHAPED.match(directory.body(DESCRIPTION))
    if match is None:
        return None
    samples = 1
    for side in match[1].split(b","):
        samples *= int(side)
    own = directory.width * directory.height * directory.value(SAMPLES_PER_PIXEL, 1)
    return max(1, samples // own) if own else 1
