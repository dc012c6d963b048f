"""Saved networks of either kind: the suffix says how the weights are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import as_path, read_bytes, replacing
from lossless_inr_lite.signals import Signal, SignalSpec
from lossless_inr_lite.storage.header import MAX_HEADER, Header, check_header
from lossless_inr_lite.storage.trits import ENVELOPE, check_packable, packed, read_trits
from lossless_inr_lite.storage.trits import to_bytes as trits_to_bytes

if TYPE_CHECKING:
    from lossless_inr_lite.model import Decoder, Model

SUFFIXES = (".safetensors", ".trits")
PART_MARK = b'"lossless_inr_lite.part"'  # see training.parts


def check_suffix(path: str | Path) -> str:
    """Return the suffix: .safetensors for weights as trained, .trits for ternary ones.

    Raises InputError for any other.
    """
    path = as_path(path)
    suffix = path.suffix
    if suffix not in SUFFIXES:
        raise InputError(
            f"cannot save a network as {path.name!r}: the suffix .safetensors is needed "
            "(or .trits, if ternary)"
        )
    return suffix


def check_storable(spec: SignalSpec, architecture: Architecture, suffix: str) -> None:
    """Raise InputError when no file of that suffix could hold such a model.

    This is asked before a fit is begun, so that none is lost after it.
    """
    check_header(spec, architecture)
    if suffix == ".trits":
        check_packable(architecture, spec)


def usual_suffix(model: "Model") -> str:
    """Return the form in which a model is certified: .trits where it can be packed."""
    try:
        check_packable(model.architecture, model.spec)
    except InputError:
        return ".safetensors"
    return ".trits"


def save_model(path: str | Path, model: "Model", facts: Mapping[str, Any]) -> Header:
    """Write the model atomically and return its header.

    `facts` are the header's fields that describe the run. The same model and facts give the same
    bytes. Raises InputError when the file cannot be written.
    """
    name = Path(path).name
    if check_suffix(path) == ".trits":
        data = trits_to_bytes(packed(model), facts)
        _, header = read_trits(name, data)
    else:
        from lossless_inr_lite.storage.weights import read_header, to_bytes

        data = to_bytes(model, facts)
        header = read_header(name, data)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return header


def read_model(path: str | Path) -> tuple["Decoder", Header]:
    """Return the model in a file and its header, every checksum verified.

    A file of trits needs no torch. Raises FileFormatError when the file is truncated, altered,
    foreign, or from a newer version.
    """
    path = as_path(path)
    return model_from_bytes(path.name, read_bytes(path, error=FileFormatError))


def model_from_bytes(name: str, data: bytes) -> tuple["Decoder", Header]:
    """Return the model in a file's bytes, as `read_model` does; `name` begins the errors.

    The content tells how the weights are kept, and the name only where the content does not.
    """
    if is_trits(data) or (name.endswith(".trits") and not is_safetensors(data)):
        return read_trits(name, data)
    from lossless_inr_lite.storage.weights import read_weights

    return read_weights(name, data)


def is_trits(data: bytes) -> bool:
    """Whether a file begins as one of trits does."""
    return data.startswith(ENVELOPE.magic)


def is_safetensors(data: bytes) -> bool:
    """Whether a file begins as a safetensors file does, of whatever origin."""
    length = int.from_bytes(data[:8], "little")
    return data[8:9] == b"{" and 2 <= length <= len(data) - 8


def is_part(data: bytes) -> bool:
    """Whether a file is one from which an unfinished fit goes on; its metadata has that mark."""
    length = int.from_bytes(data[:8], "little")
    return is_safetensors(data) and PART_MARK in data[8 : 8 + min(length, MAX_HEADER)]


def is_network(path: Path) -> bool:
    """Whether a file holds a network of this package, whole at least in its header."""
    try:
        data = read_bytes(path)
        if is_trits(data):
            read_trits(path.name, data)
        else:
            from lossless_inr_lite.storage.weights import read_header

            read_header(path.name, data)
    except InputError:
        return False
    return True


def decode(path: str | Path) -> Signal:
    """Return the signal that a saved network stands for. Raises FileFormatError as `read_model`."""
    model, _ = read_model(path)
    return model.signal()
