"""PGM and PPM: a short header in plain text, then the samples."""

import re

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.meaning import Meaning
from lossless_inr_lite.signals.signal import SignalSpec

CHANNELS = {".pgm": 1, ".ppm": 3}
HEADER = re.compile(rb"P[56](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s")
HEADER_BYTES = 4096


def read_netpbm(source: Source) -> Picture:
    """The samples of a binary PGM or PPM."""
    match = HEADER.match(source.data[:HEADER_BYTES])
    if match is None:
        raise InputError(
            f"{source.name} has no PGM/PPM header: width, height and largest value are needed"
        )
    width, height, largest = (int(number) for number in match.groups())
    source.check_size(height, width)
    if not 0 < largest < 65536:
        raise InputError(
            f"{source.name} declares the largest value {largest}: allowed are 1 to 65535"
        )
    dtype = np.dtype(">u2" if largest > 255 else "u1")
    channels = 3 if source.data.startswith(b"P6") else 1
    wanted = height * width * channels * dtype.itemsize
    body = source.data[match.end() :]
    if len(body) < wanted:
        raise InputError(
            f"{source.name} is truncated: {wanted} bytes of samples declared, {len(body)} found"
        )
    if body[wanted:].lstrip().startswith((b"P5", b"P6")):
        raise InputError(f"{source.name} holds more than one picture: a file with one is needed")
    samples = np.frombuffer(body[:wanted], dtype).reshape(height, width, channels)
    if samples.max() > largest:
        raise InputError(
            f"{source.name} holds the value {samples.max()}, above the largest that it declares, "
            f"{largest}"
        )
    num_bits = largest.bit_length()
    white = None if largest == 2**num_bits - 1 else largest
    return Picture(samples.astype(dtype.newbyteorder("=")), num_bits, Meaning(white=white))


def check_netpbm(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless the samples are unsigned, of 1 to 16 bits, and 1 or 3 channels."""
    suffix = name[name.rfind(".") :].lower()
    if CHANNELS[suffix] != spec.channels:
        raise InputError(f"{name} cannot hold {spec.channels} channels: .pgm holds 1, .ppm holds 3")
    if spec.num_bits > 16 or spec.kind != "unsigned":
        raise InputError(
            f"{name} cannot hold {spec.channels} channels of {spec.num_bits} {spec.kind} bits: "
            "use .tif"
        )


def netpbm_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PGM or PPM file of samples (H, W, 1) or (H, W, 3)."""
    height, width, channels = samples.shape
    mark = "P5" if channels == 1 else "P6"
    white = spec.meaning.white or 2**spec.num_bits - 1
    header = f"{mark}\n{width} {height}\n{white}\n"
    return header.encode() + samples.astype(">u2" if white > 255 else "u1").tobytes()


FORMAT = PictureFormat(
    name="PGM and PPM",
    suffixes=tuple(CHANNELS),
    reads="binary grey and colour of 1 to 16 bits, with any largest value",
    read=read_netpbm,
    starts_with=(b"P5", b"P6"),
    writes="grey (.pgm) and colour (.ppm), unsigned, of 1 to 16 bits",
    holds=frozenset({"white"}),
    check=check_netpbm,
    to_bytes=netpbm_bytes,
)
