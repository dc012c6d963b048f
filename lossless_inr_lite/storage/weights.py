"""A model as one safetensors file: float32 weights and a header that rebuilds and checks everything else.

Nothing is ever unpickled. The header is one JSON object in the file's metadata, with its own SHA-256, and
holds the SHA-256 of the weights. What it declares is bounded before anything is allocated.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import replacing
from lossless_inr_lite.model import Model, named_weights
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.storage.header import MAX_HEADER, Header, first_error
from lossless_inr_lite.storage.trits import PackedModel, packed, read_trits, to_bytes

FORMAT = "lossless_inr_lite"
VERSION = 1
SUFFIXES = (".safetensors", ".trits")


def check_storable(model: Model) -> None:
    """Raise InputError when no file could hold this model; asked before a fit, so that none is lost after it."""
    blank = {
        "package_version": "",
        "recipe": "",
        "seed": 0,
        "iterations": 0,
        "wrong_bits": 0,
        "num_parameters": 1,
    }
    try:
        Header(
            name=model.spec.name,
            **model.spec.facts,
            **vars(model.architecture),
            **blank,
            sha256_samples="0" * 64,
            sha256_weights="0" * 64,
        )
    except ValidationError as error:
        raise InputError(
            f"a fit of {model.spec.name[:100]} could not be saved: {first_error(error)}"
        ) from error


def weights_sha256(weights: dict[str, torch.Tensor]) -> str:
    """Hash over names, types, shapes and little-endian bytes of the weights, in sorted order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def save_model(path: str | Path, model: Model, **facts: Any) -> Header:
    """Write the model atomically; `facts` are the header's fields that describe the run. Returns the header.

    The same model and facts give the same bytes. Raises InputError when the file cannot be written.
    """
    if check_suffix(path) == ".trits":
        return _save_trits(path, packed(model), facts)
    weights = dict(named_weights(model.network))
    spec, architecture = model.spec, model.architecture
    header = Header(
        name=spec.name,
        **spec.facts,
        **vars(architecture),
        num_parameters=sum(w.numel() for w in weights.values()),
        sha256_weights=weights_sha256(weights),
        **facts,
    )
    text = header.model_dump_json()
    envelope = {
        "version": VERSION,
        "header": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    metadata = {FORMAT: json.dumps(envelope)}  # one entry: safetensors keeps no order of its own
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights, metadata))
    return header


def _save_trits(path: str | Path, model: PackedModel, facts: dict[str, Any]) -> Header:
    sha256_samples = facts.pop("sha256_samples")
    data = to_bytes(
        model,
        {"name": model.spec.name, **model.spec.facts, **vars(model.architecture), **facts},
        sha256_samples,
    )
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return read_trits(Path(path), data)[1]


def check_suffix(path: str | Path) -> str:
    """The suffix, which says how a network is saved: .safetensors with all weights as trained, .trits ternary ones."""
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise InputError(
            f"cannot save a network as {Path(path).name!r}: the suffix .safetensors is needed (or .trits, if ternary)"
        )
    return suffix


def usual_suffix(model: Model) -> str:
    """The form in which a model is certified: .trits where it can be packed."""
    try:
        packed(model)
    except InputError:
        return ".safetensors"
    return ".trits"


def read_model(path: str | Path) -> tuple[Model, Header]:
    """The model in a file and its header, every checksum verified.

    Raises FileFormatError when the file is truncated, altered, foreign, or from a newer version.
    """
    path = Path(path)
    data = _read(path)
    if path.suffix == ".trits":
        return read_trits(path, data)
    header = _read_header(path, data)
    weights = _read_weights(path, data)
    if weights_sha256(weights) != header.sha256_weights:
        raise FileFormatError(f"{path.name} is damaged: its weights do not match their checksum")
    try:
        with torch.device("meta"):
            model = header.architecture.build(header.spec, seed=None)
        expected = {name: tuple(t.shape) for name, t in model.network.state_dict().items()}
    except InputError as error:
        raise FileFormatError(f"{path.name} cannot be used: {error}") from error
    if expected != {name: tuple(t.shape) for name, t in weights.items()}:
        raise FileFormatError(
            f"{path.name} is damaged: its weights are not those of the network it declares"
        )
    model.network.load_state_dict(weights, assign=True)
    return model, header


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error


def _read_header(path: Path, data: bytes) -> Header:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or length > len(data) - 8 or not data[8:9] == b"{":
        raise FileFormatError(f"{path.name} is truncated, or not a safetensors file")
    try:
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        envelope = json.loads(metadata[FORMAT]) if FORMAT in metadata else None
        if envelope is None:
            raise FileFormatError(f"{path.name} is a safetensors file, and not one of {FORMAT}")
        version, text, checksum = envelope["version"], envelope["header"], envelope["sha256"]
        intact = hashlib.sha256(text.encode()).hexdigest() == checksum
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path.name} is damaged: its header cannot be read") from error
    if isinstance(version, int) and version > VERSION:
        raise FileFormatError(
            f"{path.name} has format version {version}, this package reads up to {VERSION}: update it"
        )
    if version != VERSION or not intact:
        raise FileFormatError(f"{path.name} is damaged: its header does not match its checksum")
    if len(text) > MAX_HEADER:
        raise FileFormatError(
            f"{path.name} has a header of {len(text)} bytes: at most {MAX_HEADER} are allowed"
        )
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        raise FileFormatError(f"{path.name} has a bad header: {first_error(error)}") from error


def _read_weights(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    try:
        weights = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise FileFormatError(f"{path.name} is truncated or damaged: {error}") from error
    if any(
        tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all())
        for tensor in weights.values()
    ):
        raise FileFormatError(f"{path.name} is damaged: only finite float32 weights are allowed")
    return weights


def decode(path: str | Path) -> Signal:
    """The signal that a saved network stands for. Raises FileFormatError as `read_model` does."""
    return read_model(path)[0].signal()
