"""A reader of the safetensors layout, for the files of priors.

The layout: the size of the header (8 bytes, little-endian), the header (JSON: for each name the
type, the shape, and where its bytes begin and end), and the bytes of all tensors, little-endian.
Decoding a picture should need numpy and the range coder alone, and the layout is this simple: so
it is read here, and the library safetensors is needed only where priors are trained.
"""

import json
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.fields import Choice, Integer, ListOf, checked

# Priors are integers; these are the layout's names of the types.
DTYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
SIZE_BYTES = 8
MAX_HEADER = 2**20  # bytes
MAX_FILE = 2**26  # bytes: a prior is a thousandth of that
METADATA = "__metadata__"  # the one name in the header that is no tensor


@dataclass(frozen=True)
class TensorEntry:
    """What the header says of one tensor; offsets count from the end of the header."""

    dtype: Annotated[str, Choice(*DTYPES)]
    shape: Annotated[tuple[int, ...], ListOf(Integer(0, MAX_FILE), 0, 4)]
    data_offsets: Annotated[tuple[int, int], ListOf(Integer(0, MAX_FILE), 2, 2)]


def read_tensors(data: bytes, what: str) -> dict[str, np.ndarray]:
    """The tensors of a file by name, as read-only arrays in this machine's byte order.

    `what` begins the error ("the prior 'digits'"). Raises FileFormatError for data that are not in
    the layout, that declare other sizes than they have, and for types other than integers.
    """
    if len(data) < SIZE_BYTES:
        raise FileFormatError(f"{what} is cut off: it has only {len(data)} bytes")
    size = int.from_bytes(data[:SIZE_BYTES], "little")
    start = SIZE_BYTES + size
    if size > MAX_HEADER or start > len(data):
        raise FileFormatError(f"{what} declares a header of {size} bytes, and has {len(data)}")
    try:
        header = json.loads(data[SIZE_BYTES:start])
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{what} has a header that cannot be read") from error
    if not isinstance(header, dict):
        raise FileFormatError(f"{what} has a header that is not a JSON object")
    body = memoryview(data)[start:]
    tensors: dict[str, np.ndarray] = {}
    for name, facts in header.items():
        if name != METADATA:
            entry = checked(TensorEntry, facts, f"{what}, tensor {name[:40]!r},")
            tensors[name] = _tensor(body, entry, f"{what}, tensor {name[:40]!r},")
    return tensors


def _tensor(body: memoryview, entry: TensorEntry, what: str) -> np.ndarray:
    dtype = np.dtype(DTYPES[entry.dtype])
    first, end = entry.data_offsets
    count = math.prod(entry.shape)
    if end > len(body) or end - first != count * dtype.itemsize:
        raise FileFormatError(
            f"{what} declares {count} integers in the bytes {first} to {end} of {len(body)}"
        )
    tensor = np.frombuffer(body[first:end], dtype).reshape(entry.shape)
    return tensor.astype(dtype.newbyteorder("="), copy=False)
