"""PBM, PGM, PPM and PAM: a short header in plain text, then the samples.

The formats are those of Netpbm's manual pages pbm, pgm, ppm and pam. In PBM 1 is black; here, as in
every other format, it is white.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.meaning import Colours, Meaning
from lossless_inr_lite.signals.signal import SignalSpec

# By the digit behind the P: bits, grey and colours in digits, the same in bytes, and PAM.
BITS_IN_DIGITS = b"P1"
BITS = b"P4"
PAM_MAGIC = b"P7"
IN_DIGITS = (b"P1", b"P2", b"P3")
CHANNELS = {b"P1": 1, b"P2": 1, b"P3": 3, b"P4": 1, b"P5": 1, b"P6": 3}
SUFFIX_CHANNELS = {".pgm": (1,), ".ppm": (3,), ".pnm": (1, 3)}
LARGEST = 65535
# Between the words of a header stand spaces and comments; a comment ends with its line. The last
# word ends with one space, or with the comment that begins right behind it.
SPACE = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])"
HEADER = re.compile(
    rb"\s*(?:(P[14])%(s)b+([0-9]+)%(s)b+([0-9]+)()%(s)b"
    rb"|(P[2356])%(s)b+([0-9]+)%(s)b+([0-9]+)%(s)b+([0-9]+)%(s)b)" % {b"s": SPACE}
)
PAM_HEADER = re.compile(rb"\s*P7[ \t\r]*\n(?:[^\n]*\n)*?[ \t]*ENDHDR[ \t\r]*\n")
LONGEST_HEADER = 2**16  # bytes, with its comments
SLACK = 4096  # bytes of spaces and comments among digits that are looked at first
NUMBERS = ("HEIGHT", "WIDTH", "DEPTH", "MAXVAL")
# Types of tuples: their number of channels.
TUPLES = {
    "BLACKANDWHITE": 1,
    "GRAYSCALE": 1,
    "RGB": 3,
    "BLACKANDWHITE_ALPHA": 2,
    "GRAYSCALE_ALPHA": 2,
    "RGB_ALPHA": 4,
    "CMYK": 4,
}
TUPLE_OF = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}
LONGEST_NUMBER = 9  # digits of a sample, with zeros in front


@dataclass(frozen=True)
class Header:
    """What a header declares, and the byte at which the samples begin."""

    magic: bytes
    width: int
    height: int
    channels: int
    largest: int
    begins: int
    tuple_type: str = ""

    @property
    def dtype(self) -> np.dtype:
        """The type of a sample in the file."""
        return np.dtype(">u2" if self.largest > 255 else "u1")

    @property
    def count(self) -> int:
        """The number of samples."""
        return self.height * self.width * self.channels

    @property
    def num_bytes(self) -> int:
        """The bytes of the samples; when they are written in digits, the fewest that do."""
        if self.magic == BITS:
            return self.height * -(-self.width // 8)
        if self.magic == BITS_IN_DIGITS:
            return self.count
        if self.magic in IN_DIGITS:
            return 2 * self.count - 1
        return self.count * self.dtype.itemsize


def read_netpbm(source: Source) -> Picture:
    """The samples of a PBM, PGM, PPM or PAM, in bytes or in digits.

    Several of them may stand in one file, one behind the other.
    """
    pages = list(_pages(replace(source, size=None)))
    header, _ = pages[source.chosen_page(len(pages))]
    source.check_size(header.height, header.width, header.channels)
    samples, _ = _samples(source, header)
    if samples.max() > header.largest:
        raise InputError(
            f"{source.name} holds the value {samples.max()}, above the largest that it declares, "
            f"{header.largest}"
        )
    if header.magic in (BITS, BITS_IN_DIGITS):
        samples = 1 - samples
    num_bits = header.largest.bit_length()
    white = None if header.largest == 2**num_bits - 1 else header.largest
    colours: Colours = "cmyk" if header.tuple_type == "CMYK" else ""
    phrases: list[str] = []
    if header.tuple_type and header.tuple_type not in TUPLES:
        phrases.append(f"the tuple type {header.tuple_type[:40]}")
    behind = len(source.data[pages[-1][1] :].strip())
    if behind:
        phrases.append(f"{counted(behind, 'byte')} behind its end")
    samples = samples.astype(header.dtype.newbyteorder("="))
    return Picture(samples, num_bits, Meaning(white=white, colours=colours), tuple(phrases))


def check_netpbm(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless the samples are unsigned, of 1 to 16 bits, and 1 or 3 channels."""
    suffix = name[name.rfind(".") :].lower()
    if spec.channels not in SUFFIX_CHANNELS[suffix]:
        raise InputError(
            f"{name} cannot hold {counted(spec.channels, 'channel')}"
            ": .pgm holds 1, .ppm holds 3, .pam 1 to 16"
        )
    _check_samples(name, spec)


def check_pbm(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless the samples are of 1 bit and 1 channel."""
    if spec.channels != 1 or spec.num_bits != 1 or spec.kind != "unsigned":
        raise InputError(
            f"{name} cannot hold {counted(spec.channels, 'channel')}"
            f" of {spec.num_bits} {spec.kind} bits: "
            "a .pbm holds 1 of 1"
        )


def check_pam(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless the samples are unsigned and of 1 to 16 bits."""
    colours = spec.meaning.colours
    if colours not in ("", "cmyk"):
        raise InputError(f"{name} cannot hold the colours {colours}: choose another suffix")
    _check_samples(name, spec)


def netpbm_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PGM or PPM file of samples (H, W, 1) or (H, W, 3)."""
    height, width, channels = samples.shape
    magic = "P5" if channels == 1 else "P6"
    white = _white(spec)
    return f"{magic}\n{width} {height}\n{white}\n".encode() + _raster(samples, white)


def pbm_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PBM file of samples (H, W, 1) of 1 bit, of which 1 is white."""
    height, width, _ = samples.shape
    return f"P4\n{width} {height}\n".encode() + np.packbits(1 - samples[..., 0], axis=1).tobytes()


def pam_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PAM file of samples (H, W, C)."""
    height, width, channels = samples.shape
    white = _white(spec)
    tuple_type = "CMYK" if spec.meaning.colours == "cmyk" else TUPLE_OF.get(channels)
    lines = [f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {white}\n"]
    if tuple_type:
        lines.append(f"TUPLTYPE {tuple_type}\n")
    return ("".join(lines) + "ENDHDR\n").encode() + _raster(samples, white)


def _pages(source: Source) -> Iterator[tuple[Header, int]]:
    """The pictures of a file, one behind the other: header, and where the samples end."""
    header = _header(source, 0)
    if header is None:
        raise InputError(
            f"{source.name} has no PGM/PPM header: width, height and largest value are needed "
            "(no largest value in PBM, lines up to ENDHDR in PAM)"
        )
    while header is not None:
        source.check_size(header.height, header.width, header.channels)
        there = len(source.data) - header.begins
        if there < header.num_bytes:
            least = "at least " if header.magic in IN_DIGITS else ""
            raise InputError(
                f"{source.name} is truncated: {least}{header.num_bytes} bytes of samples declared, "
                f"{there} found"
            )
        if header.magic in IN_DIGITS:
            _, ends = _samples(source, header)
        else:
            ends = header.begins + header.num_bytes
        yield header, ends
        header = _header(source, ends)


def _header(source: Source, position: int) -> Header | None:
    """The header at a position, behind spaces; None when there is none.

    Raises InputError for a largest value or a type of tuples that is not allowed.
    """
    ends = position + LONGEST_HEADER
    match = PAM_HEADER.match(source.data, position, ends)
    if match is not None:
        return _pam_header(source, match[0], match.end())
    match = HEADER.match(source.data, position, ends)
    if match is None:
        return None
    # A bitmap says no largest value: its group is empty.
    magic, *numbers = (group for group in match.groups() if group is not None)
    width, height, largest = (_number(source, digits or b"1") for digits in numbers)
    _check_largest(source, largest)
    return Header(magic, width, height, CHANNELS[magic], largest, match.end())


def _pam_header(source: Source, text: bytes, begins: int) -> Header:
    """The header of a PAM from its lines. Raises InputError when one is missing or wrong."""
    found: dict[str, int] = {}
    types: list[str] = []
    for line in text.decode("latin-1").strip().split("\n")[1:]:
        key, *values = line.split(None, 1) or [""]
        value = "".join(values).strip()
        if key in NUMBERS and value.isdecimal():
            found[key] = _number(source, value.encode("latin-1"))
        elif key == "TUPLTYPE":
            types.append(value)
    missing = [key for key in NUMBERS if key not in found]
    if missing:
        raise InputError(f"{source.name} has a PAM header without the number {missing[0]}")
    _check_largest(source, found["MAXVAL"])
    channels = found["DEPTH"]
    if channels < 1:
        raise InputError(f"{source.name} declares 0 channels: at least 1 is needed")
    tuple_type = " ".join(types)
    if TUPLES.get(tuple_type, channels) != channels:
        raise InputError(
            f"{source.name} declares {counted(channels, 'channel')}"
            f" of the type {tuple_type}, which has "
            f"{TUPLES[tuple_type]}"
        )
    return Header(
        PAM_MAGIC, found["WIDTH"], found["HEIGHT"], channels, found["MAXVAL"], begins, tuple_type
    )


def _number(source: Source, digits: bytes) -> int:
    significant = digits.lstrip(b"0")
    if len(significant) > LONGEST_NUMBER:
        raise InputError(
            f"{source.name} declares a number of {len(significant)} digits in its header"
        )
    return int(significant or b"0")


def _check_largest(source: Source, largest: int) -> None:
    if not 0 < largest <= LARGEST:
        raise InputError(
            f"{source.name} declares the largest value {largest}: allowed are 1 to {LARGEST}"
        )


def _samples(source: Source, header: Header) -> tuple[np.ndarray, int]:
    """The samples (H, W, C) of a picture as they stand in the file, and where they end.

    Raises InputError when they are written in digits, and fewer or others are there.
    """
    shape = header.height, header.width, header.channels
    if header.magic in IN_DIGITS:
        values, ends = _written_numbers(source, header)
        return values.reshape(shape), ends
    ends = header.begins + header.num_bytes
    body = source.data[header.begins : ends]
    if header.magic == BITS:
        lines = np.frombuffer(body, np.uint8).reshape(header.height, -1)
        return np.unpackbits(lines, axis=1, count=header.width)[..., None], ends
    return np.frombuffer(body, header.dtype).reshape(shape), ends


def _written_numbers(source: Source, header: Header) -> tuple[np.ndarray, int]:
    """Samples that are written in digits, and where the last one ends.

    As many bytes are looked at as the samples may take; more when there are many spaces.
    """
    data = source.data
    longest = 2 if header.magic == BITS_IN_DIGITS else 6
    wanted = header.count * longest + SLACK
    while True:
        ends = min(header.begins + wanted, len(data))
        text = data[header.begins : ends]
        if b"#" in text:  # comments become spaces
            text = re.sub(rb"#[^\r\n]*", lambda match: b" " * len(match[0]), text)
        raster = np.frombuffer(text, np.uint8)
        digits = raster - ord("0") <= 9
        starts, stops = _words(digits, header.magic == BITS_IN_DIGITS)
        # The last word may go on behind what was looked at.
        if len(starts) > header.count or ends == len(data):
            break
        wanted *= 2
    if len(starts) < header.count:
        raise InputError(
            f"{source.name} is truncated: {header.count} samples declared, {len(starts)} found"
        )
    starts = starts[: header.count]
    stops = stops[: header.count]
    end = int(stops[-1])
    spaces = raster[:end][~digits[:end]]
    others = spaces[~np.isin(spaces, np.frombuffer(b" \t\r\n\v\f", np.uint8))]
    if len(others):
        raise InputError(
            f"{source.name} holds {chr(others[0])!r} among its samples: digits and spaces are "
            "allowed"
        )
    lengths = stops - starts
    if lengths.max() > LONGEST_NUMBER:
        raise InputError(
            f"{source.name} holds a number of {lengths.max()} digits among its samples"
        )
    values = np.zeros(header.count, np.uint32)
    for place in range(int(lengths.max())):
        has_digit = place < lengths
        values[has_digit] = values[has_digit] * 10 + raster[starts[has_digit] + place] - ord("0")
    return values, header.begins + end


def _words(digits: np.ndarray, is_one_digit: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of digits start and stop; each digit is one of its own in bitmaps."""
    if is_one_digit:
        starts = np.flatnonzero(digits)
        return starts, starts + 1
    edges = np.diff(digits.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _check_samples(name: str, spec: SignalSpec) -> None:
    if spec.num_bits > 16 or spec.kind != "unsigned":
        raise InputError(
            f"{name} cannot hold {counted(spec.channels, 'channel')}"
            f" of {spec.num_bits} {spec.kind} bits: "
            "use .tif"
        )


def _white(spec: SignalSpec) -> int:
    """The largest value that is declared."""
    return spec.meaning.white or 2**spec.num_bits - 1


def _raster(samples: np.ndarray, largest: int) -> bytes:
    """Samples as bytes, or as two bytes each."""
    return samples.astype(">u2" if largest > 255 else "u1").tobytes()


FORMAT = PictureFormat(
    name="PGM and PPM",
    suffixes=tuple(SUFFIX_CHANNELS),
    reads="grey and colour with any largest value up to 65535, in bytes or in digits",
    read=read_netpbm,
    starts_with=(b"P2", b"P3", b"P5", b"P6"),
    writes="grey (.pgm) and colour (.ppm), unsigned, of 1 to 16 bits",
    holds=frozenset({"white"}),
    check=check_netpbm,
    to_bytes=netpbm_bytes,
)
PBM = PictureFormat(
    name="PBM",
    suffixes=(".pbm",),
    reads="grey of 1 bit, in bytes or in digits; black, 1 in the file, is read as 0",
    read=read_netpbm,
    starts_with=(b"P1", b"P4"),
    writes="grey of 1 bit",
    check=check_pbm,
    to_bytes=pbm_bytes,
)
PAM = PictureFormat(
    name="PAM",
    suffixes=(".pam",),
    reads="1 to 16 channels with any largest value up to 65535; CMYK by that name",
    read=read_netpbm,
    starts_with=(PAM_MAGIC,),
    writes="1 to 16 channels, unsigned, of 1 to 16 bits",
    holds=frozenset({"white", "colours"}),
    check=check_pam,
    to_bytes=pam_bytes,
)
