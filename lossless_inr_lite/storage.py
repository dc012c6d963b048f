"""A model as one safetensors file: float32 weights and a header that rebuilds and checks everything else.

Nothing is ever unpickled. The header is one JSON object in the file's metadata, with its own SHA-256, and
holds the SHA-256 of the weights. What it declares is bounded before anything is allocated.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError

from lossless_inr_lite.atomic import replacing
from lossless_inr_lite.audio_files import SUBTYPES
from lossless_inr_lite.bits import MAX_BITS
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.model import Architecture, Model, named_weights
from lossless_inr_lite.networks import MAX_FEATURES, MAX_LAYERS
from lossless_inr_lite.signals import MAX_SAMPLES, Signal, SignalSpec

FORMAT = "lossless_inr_lite"
VERSION = 1
MAX_HEADER = 16_384  # bytes; what a fit may spend on anything but weights
Sha256 = Field(pattern="^[0-9a-f]{64}$")


class Header(BaseModel):
    """Everything in the file but the weights. Sizes are bounded, so that no file asks for absurd memory."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    package_version: str = Field(max_length=100)
    name: str = Field(max_length=1000)
    shape: list[int] = Field(min_length=2, max_length=3)
    num_bits: int = Field(ge=1, le=MAX_BITS)
    kind: Literal["unsigned", "signed", "float"]
    sample_rate: int | None = Field(default=None, ge=1, le=2**31 - 1)
    subtype: str | None = Field(default=None, max_length=20)
    formulation: str = Field(max_length=100)
    network: str = Field(max_length=100)
    hidden_features: int = Field(ge=1, le=MAX_FEATURES)
    hidden_layers: int = Field(ge=1, le=MAX_LAYERS)
    loss: str = Field(max_length=100)
    tile: int | None = Field(default=None, ge=1, le=MAX_SAMPLES)
    options: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(max_length=20)
    recipe: str = Field(max_length=100)
    seed: int
    iterations: int = Field(ge=0)
    wrong_bits: int = Field(ge=0)
    num_parameters: int = Field(ge=1)
    sha256_samples: str = Sha256
    sha256_weights: str = Sha256

    @model_validator(mode="after")
    def _shape_is_bounded(self) -> "Header":
        if min(self.shape) < 1 or math.prod(self.shape) > 4 * MAX_SAMPLES or self.shape[-1] > 4096:
            raise ValueError(f"shape {self.shape} is out of bounds")
        sound = self.sample_rate is not None
        if len(self.shape) != (2 if sound else 3):
            raise ValueError(f"shape {self.shape} does not suit a {'sound' if sound else 'picture'}")
        if sound and SUBTYPES.get(str(self.subtype), (0,))[0] != self.num_bits:
            raise ValueError(f"subtype {self.subtype} does not have {self.num_bits} bits")
        return self

    @property
    def spec(self) -> SignalSpec:
        return SignalSpec(self.name, tuple(self.shape), self.num_bits, self.kind, self.sample_rate, self.subtype)

    @property
    def architecture(self) -> Architecture:
        return Architecture(
            self.formulation, self.network, self.hidden_features, self.hidden_layers, self.loss, self.tile, self.options
        )


def check_storable(model: Model) -> None:
    """Raise InputError when no file could hold this model; asked before a fit, so that none is lost after it."""
    blank = {"package_version": "", "recipe": "", "seed": 0, "iterations": 0, "wrong_bits": 0, "num_parameters": 1}
    try:
        Header(name=model.spec.name, **model.spec.facts, **vars(model.architecture), **blank,
               sha256_samples="0" * 64, sha256_weights="0" * 64)  # fmt: skip
    except ValidationError as error:
        raise InputError(f"a fit of {model.spec.name[:100]} could not be saved: {_first_error(error)}") from error


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'shape'}: {first['msg']}"


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
    if Path(path).suffix != ".safetensors":
        raise InputError(f"cannot save a network as {Path(path).name!r}: the suffix .safetensors is needed")
    weights = dict(named_weights(model.network))
    spec, architecture = model.spec, model.architecture
    header = Header(
        name=spec.name, **spec.facts, **vars(architecture),
        num_parameters=sum(w.numel() for w in weights.values()), sha256_weights=weights_sha256(weights), **facts,
    )  # fmt: skip
    text = header.model_dump_json()
    envelope = {"version": VERSION, "header": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    metadata = {FORMAT: json.dumps(envelope)}  # one entry: safetensors keeps no order of its own
    with replacing(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(weights, metadata))
    return header


def read_model(path: str | Path) -> tuple[Model, Header]:
    """The model in a file and its header, every checksum verified.

    Raises FileFormatError when the file is truncated, altered, foreign, or from a newer version.
    """
    path = Path(path)
    data = _read(path)
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
        raise FileFormatError(f"{path.name} is damaged: its weights are not those of the network it declares")
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
        raise FileFormatError(f"{path.name} has a header of {len(text)} bytes: at most {MAX_HEADER} are allowed")
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        raise FileFormatError(f"{path.name} has a bad header: {_first_error(error)}") from error


def _read_weights(path: Path, data: bytes) -> dict[str, torch.Tensor]:
    try:
        weights = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise FileFormatError(f"{path.name} is truncated or damaged: {error}") from error
    if any(tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise FileFormatError(f"{path.name} is damaged: only finite float32 weights are allowed")
    return weights


def decode(path: str | Path) -> Signal:
    """The signal that a saved network stands for. Raises FileFormatError as `read_model` does."""
    return read_model(path)[0].signal()
