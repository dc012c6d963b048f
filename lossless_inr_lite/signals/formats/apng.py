"""Animated PNG: which pictures a file holds, and each as it is seen.

The format is the PNG specification (W3C, third edition, 2025), sections 4.8 and 11.3.6.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.formats.png_chunks import PngFile

CONTROL = ">IIIIIHHBB"  # number, width, height, x, y, delay as a fraction, disposal, blending
KEEP = 0  # disposal: what is done with a frame when its time is over
CLEAR = 1
RESTORE = 2
REPLACE = 0  # blending: how a frame comes onto what is there
OVER = 1


class Frame(NamedTuple):
    """A rectangle of the canvas that is drawn, and the data of its picture."""

    width: int
    height: int
    x: int
    y: int
    disposal: int
    blending: int
    bodies: list[bytes]

    @property
    def place(self) -> tuple[slice, slice]:
        """Where the frame lies on the canvas (H, W)."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True)
class Animation:
    """The frames of a file, in their order; none when it is not animated.

    The picture that programs without animation show is the first frame, or one of its own.
    """

    frames: list[Frame] = field(default_factory=list)
    begins_with_default: bool = True

    @property
    def num_pictures(self) -> int:
        """The pictures that the file holds; a default picture of its own comes first."""
        if not self.frames:
            return 1
        return len(self.frames) + (0 if self.begins_with_default else 1)

    @property
    def what(self) -> str:
        """What these pictures are, in the plural."""
        return "frames" if self.begins_with_default else "pictures (a default one, then frames)"


def animation_of(file: PngFile) -> Animation:
    """The animation in a PNG file.

    Raises InputError when frames are missing, out of order or outside of the canvas.
    """
    frames: list[Frame] = []
    declared = 0
    begins_with_default = False
    has_data = False
    numbers: list[int] = []
    for kind, body, _ in file.chunks:
        if kind == b"acTL" and not has_data:
            declared = int.from_bytes(body[:4])
        elif kind == b"fcTL":
            frames.append(_frame(file, body))
            numbers.append(int.from_bytes(body[:4]))
        elif kind == b"IDAT":
            begins_with_default = begins_with_default or (bool(frames) and not has_data)
            has_data = True
        elif kind == b"fdAT":
            if not frames:
                raise InputError(f"{file.name} is broken: it has data of a frame before the frame")
            frames[-1].bodies.append(body[4:])
            numbers.append(int.from_bytes(body[:4]))
    if not declared:
        return Animation()
    if declared != len(frames):
        raise InputError(
            f"{file.name} declares an animation of {declared} frames, and {len(frames)} are there"
        )
    if numbers != list(range(len(numbers))):
        raise InputError(f"{file.name} holds the parts of an animation in a wrong order")
    if begins_with_default:
        frames[0].bodies[:] = file.bodies(b"IDAT")
    for number, frame in enumerate(frames):
        if not frame.bodies:
            raise InputError(f"{file.name} holds no data of its frame {number}")
    return Animation(frames, begins_with_default)


def shown(
    file: PngFile, frames: Iterable[Frame], decode: Callable[[bytes], np.ndarray]
) -> np.ndarray:
    """The canvas (H, W, C) when the last of `frames` is seen; the last channel is alpha.

    `decode` gives the samples (H, W, C) of a PNG file, with alpha.

    Raises InputError where half-transparent samples come onto others: the specification leaves the
    rounding open, and no result would be the exact one.
    """
    canvas = np.zeros(0)
    left: tuple[Frame, np.ndarray] | None = None
    for number, frame in enumerate(frames):
        samples = decode(file.picture(frame.width, frame.height, frame.bodies))
        if number == 0:
            canvas = np.zeros((file.height, file.width, samples.shape[-1]), samples.dtype)
        if left is not None:
            _dispose(canvas, *left)
        before = canvas[frame.place].copy()
        left = frame, before
        drawn = samples if frame.blending == REPLACE else _over(file.name, number, samples, before)
        canvas[frame.place] = drawn
    return canvas


def _frame(file: PngFile, body: bytes) -> Frame:
    if len(body) != struct.calcsize(CONTROL):
        raise InputError(f"{file.name} is broken: a frame is described by 26 bytes (fcTL)")
    _, width, height, x, y, _, _, disposal, blending = struct.unpack(CONTROL, body)
    is_inside = x + width <= file.width and y + height <= file.height
    if not is_inside or not width or not height:
        raise InputError(
            f"{file.name} declares a frame of {width} x {height} at ({x}, {y}), outside of its "
            f"{file.width} x {file.height} pixels"
        )
    if disposal > RESTORE or blending > OVER:
        raise InputError(
            f"{file.name} declares disposal {disposal} and blending {blending} of a frame: "
            "PNG has 0 to 2, and 0 or 1"
        )
    return Frame(width, height, x, y, disposal, blending, [])


def _dispose(canvas: np.ndarray, frame: Frame, before: np.ndarray) -> None:
    """Take a frame from the canvas when its time is over."""
    if frame.disposal == CLEAR:
        canvas[frame.place] = 0
    elif frame.disposal == RESTORE:
        canvas[frame.place] = before


def _over(name: str, number: int, samples: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Samples over those below, both (H, W, C) with alpha last."""
    full = np.iinfo(samples.dtype).max
    alpha = samples[..., -1:]
    below_shows = below[..., -1:] > 0
    is_mixed = (alpha > 0) & (alpha < full) & below_shows
    if is_mixed.any():
        raise InputError(
            f"{name} lays half-transparent samples over others in frame {number}, and the "
            "specification leaves open how to round them: only frames before it can be read"
        )
    return np.where((alpha == 0) & below_shows, below, samples)
