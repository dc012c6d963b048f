"""A ternary network as a small file, suffix .trits: what decoding needs and nothing else.

    LITT | version | coding | length of the header, 2 bytes | header, deflated | SHA-256 of the samples
    | a multiplier a layer and group, 4 bytes each | trits | SHA-256 of all that stands before

The header is the one of `storage`, without checksums, against a dictionary of its usual words.
"""

import hashlib
import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lossless_inr_lite.devices import check_memory
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.ternary import BitLinear, Ternary
from lossless_inr_lite.storage import trit_coding as trits
from lossless_inr_lite.storage.header import MAX_HEADER, Header, checked_header
from lossless_inr_lite.storage.integers import IntegerNetwork, TernaryLayer

MAGIC, VERSION, DIGEST = b"LITT", 1, 32
CODINGS = ((trits.pack, trits.unpack), (trits.encode, trits.decode))
# Fixed for ever: files are read against it.
WORDS = (
    b'{"formulation":"parallel_bits"bit_coordinate"bit_heads_gray","hidden_features":128,"hidden_layers":2,'
    b'"iterations":1000,"kind":"unsigned","loss":"bce","name":"kodim","network":"ternary","num_bits":8,'
    b'"options":{"num_frequencies":6.0,"num_waves":36.0},"package_version":"0.1.0","recipe":"ternary",'
    b'"sample_rate":null,"seed":0,"shape":[32,32,3],"subtype":null,"tile":null,"wrong_bits":0}'
)


@dataclass
class PackedModel(Model):
    """A model whose bits are decided by whole numbers; its `network` has shapes and no weights."""

    integers: IntegerNetwork

    def decode(
        self, batch: int = 8192, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> tuple[np.ndarray, float]:
        """Words, and the smallest distance of a sum from the other decision, in steps of a half.

        `batch` positions at a time; precision and device are not asked, since there is one way to add whole numbers.
        """
        check_memory(self._decode_memory(), "cpu")
        points = self.formulation.whole_coordinates(self.spec)
        problem = self.formulation.problem(self.spec)
        bits = np.empty((problem.groups, len(points), problem.out_features), np.uint8)
        margin = math.inf
        for start in range(0, len(points), batch):
            for group, sums in enumerate(self.integers.totals(points[start : start + batch])):
                bits[group, start : start + batch] = sums > 0
                margin = min(margin, float(np.abs(2 * sums - 1).min()) / 2)
        return self.formulation.words(bits, self.spec), margin


def packed(model: Model) -> PackedModel:
    """The whole numbers of a trained ternary network. Raises InputError for what cannot be packed."""
    if isinstance(model, PackedModel):
        return model
    network = packable(model)
    layers = [_layer(layer) for layer in network.layers]
    return PackedModel(**vars(model), integers=IntegerNetwork(layers, network.waves))


def packable(model: Model) -> Ternary:
    """The model's network when whole numbers can decide its bits; raises InputError when they cannot."""
    chosen, posed = model.architecture, model.formulation
    bits = posed.digit_bits(model.spec) == 1 and posed.digit_reach == 1 and model.loss.logits
    if not isinstance(model.network, Ternary) or not bits:
        raise InputError(
            f"a {chosen.network} with formulation {chosen.formulation} and loss {chosen.loss} cannot be saved as "
            ".trits: that needs the network ternary, a formulation of single bits (none stretched) and a loss of logits"
        )
    return model.network


def _layer(layer: BitLinear) -> TernaryLayer:
    codes = layer.codes().cpu().numpy().astype(np.int8)
    return TernaryLayer(codes, layer.multiplier().flatten().cpu().numpy().astype(np.int64))


def to_bytes(model: PackedModel, facts: dict[str, Any], sha256_samples: str) -> bytes:
    """The file of a packed model; `facts` are the header's fields but its counts and checksums."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=WORDS)
    header = deflate.compress(text) + deflate.flush()
    layers = model.integers.layers
    flat = np.concatenate([layer.trits.reshape(-1) for layer in layers])
    coding, data = min(enumerate(code(flat) for code, _ in CODINGS), key=lambda c: len(c[1]))
    multipliers = np.concatenate([layer.multipliers for layer in layers]).astype("<u4").tobytes()
    head = MAGIC + bytes([VERSION, coding]) + len(header).to_bytes(2, "little") + header
    body = head + bytes.fromhex(sha256_samples) + multipliers + data
    return body + hashlib.sha256(body).digest()


def read_trits(path: Path, data: bytes) -> tuple[PackedModel, Header]:
    """The model in a file and its header. Raises FileFormatError when it is truncated, altered, foreign or newer."""
    if data[:4] != MAGIC or len(data) < 8 + 2 * DIGEST:
        raise FileFormatError(f"{path.name} is truncated, or not a file of trits")
    if data[4] > VERSION:
        raise FileFormatError(
            f"{path.name} has format version {data[4]}, this package reads up to {VERSION}: update it"
        )
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(body).digest() != digest or data[4] != VERSION or data[5] >= len(CODINGS):
        raise FileFormatError(f"{path.name} is damaged: its bytes do not match their checksum")
    end = 8 + int.from_bytes(body[6:8], "little")
    samples, rest = body[end : end + DIGEST].hex(), body[end + DIGEST :]
    facts = _inflated(path, body[8:end])
    header = checked_header(path, facts, sha256_samples=samples, sha256_weights=digest.hex())
    try:
        with torch.device("meta"):
            model = header.architecture.build(header.spec, seed=None)
        network = packable(model)
        layers, count = _layers(network, rest, data[5])
    except InputError as error:
        raise FileFormatError(f"{path.name} cannot be used: {error}") from error
    header = header.model_copy(update={"num_parameters": count})
    return PackedModel(**vars(model), integers=IntegerNetwork(layers, network.waves)), header


def _inflated(path: Path, data: bytes) -> dict[str, Any]:
    inflate = zlib.decompressobj(-15, zdict=WORDS)
    try:
        text = inflate.decompress(data, MAX_HEADER)
        facts = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path.name} is damaged: its header cannot be read") from error
    if not inflate.eof or not isinstance(facts, dict):
        raise FileFormatError(f"{path.name} is damaged: its header cannot be read")
    return facts


def _layers(network: Ternary, data: bytes, coding: int) -> tuple[list[TernaryLayer], int]:
    """Layers of whole numbers, and how many trits they have in all."""
    shapes = [tuple(layer.weight.shape) for layer in network.layers]
    sizes, groups = [int(np.prod(shape, dtype=object)) for shape in shapes], shapes[0][0]
    split = 4 * groups * len(shapes)
    if len(data) < split:
        raise FileFormatError("it ends before its multipliers do")
    flat = CODINGS[coding][1](data[split:], sum(sizes))
    multipliers = np.frombuffer(data[:split], "<u4").astype(np.int64).reshape(len(shapes), groups)
    if not 1 <= multipliers.min() <= multipliers.max() <= 2**24:
        raise FileFormatError("it has a multiplier out of bounds")
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    layers = [
        TernaryLayer(p.reshape(s), m) for p, s, m in zip(parts, shapes, multipliers, strict=True)
    ]
    return layers, sum(sizes)
