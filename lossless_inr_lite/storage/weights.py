"""A model as one safetensors file: float32 weights, and a header that rebuilds and checks the rest.

Nothing is ever unpickled. The header is one JSON object in the file's metadata, with its own
SHA-256, and holds the SHA-256 of the weights. What it declares is bounded before anything is
allocated.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.model import Model, build_shape, named_weights
from lossless_inr_lite.storage.header import MAX_HEADER, Header, checked_header, model_facts

FORMAT = "lossless_inr_lite"
VERSION = 1


def weights_sha256(weights: Mapping[str, torch.Tensor]) -> str:
    """Hash names, types, shapes and little-endian bytes of the weights, in sorted order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def to_bytes(model: Model, facts: Mapping[str, Any]) -> bytes:
    """Return the file of a model; `facts` are the header's fields that describe the run.

    The same model and facts give the same bytes.
    """
    weights = dict(named_weights(model.network))
    sizes = {
        "num_parameters": sum(tensor.numel() for tensor in weights.values()),
        "sha256_weights": weights_sha256(weights),
    }
    described = model_facts(model.spec, model.architecture) | dict(facts) | sizes
    text = checked_header("the header", described, InputError).to_json()
    envelope = {
        "version": VERSION,
        "header": text,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    # One entry: safetensors keeps no order of its own.
    metadata = {FORMAT: json.dumps(envelope)}
    return safetensors.torch.save(weights, metadata)


def read_weights(name: str, data: bytes) -> tuple[Model, Header]:
    """Return the model in a file's bytes and its header, every checksum verified.

    Raises FileFormatError, which begins with `name`, when the file is truncated, altered, foreign,
    or from a newer version.
    """
    header = read_header(name, data)
    weights = _read_tensors(name, data)
    if weights_sha256(weights) != header.sha256_weights:
        raise FileFormatError(f"{name} is damaged: its weights do not match their checksum")
    try:
        model = build_shape(header.architecture, header.spec)
    except InputError as error:
        raise FileFormatError(f"{name} cannot be used: {error}") from error
    state = model.network.state_dict()
    expected = {key: tuple(tensor.shape) for key, tensor in state.items()}
    found = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    if expected != found:
        raise FileFormatError(
            f"{name} is damaged: its weights are not those of the network it declares"
        )
    model.network.load_state_dict(weights, assign=True)
    return model, header


def read_header(name: str, data: bytes) -> Header:
    """Return the header alone. Raises FileFormatError, which begins with `name`."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or length > len(data) - 8 or data[8:9] != b"{":
        raise FileFormatError(f"{name} is truncated, or not a safetensors file")
    text = _sealed_text(name, data[8 : 8 + length])
    if len(text) > MAX_HEADER:
        raise FileFormatError(
            f"{name} has a header of {len(text)} bytes: at most {MAX_HEADER} are allowed"
        )
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{name} is damaged: its header cannot be read") from error
    return checked_header(f"the header of {name}", facts)


def _sealed_text(name: str, metadata_bytes: bytes) -> str:
    """The header's text, whose checksum and version are right."""
    try:
        metadata = json.loads(metadata_bytes).get("__metadata__") or {}
        sealed = metadata.get(FORMAT)
        envelope = None if sealed is None else json.loads(sealed)
    except (ValueError, RecursionError, AttributeError, TypeError) as error:
        raise FileFormatError(f"{name} is damaged: its header cannot be read") from error
    if envelope is None:
        raise FileFormatError(f"{name} is a safetensors file, and not one of {FORMAT}'s networks")
    try:
        version = envelope["version"]
        text = envelope["header"]
        intact = hashlib.sha256(text.encode()).hexdigest() == envelope["sha256"]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise FileFormatError(f"{name} is damaged: its header cannot be read") from error
    if isinstance(version, int) and version > VERSION:
        raise FileFormatError(
            f"{name} has format version {version}, this package reads up to {VERSION}: update it"
        )
    if version != VERSION or not intact:
        raise FileFormatError(f"{name} is damaged: its header does not match its checksum")
    return text


def _read_tensors(name: str, data: bytes) -> dict[str, torch.Tensor]:
    try:
        weights = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise FileFormatError(f"{name} is truncated or damaged: {error}") from error
    for tensor in weights.values():
        if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise FileFormatError(f"{name} is damaged: only finite float32 weights are allowed")
    return weights
