"""A ternary network as a small file, suffix .trits: what decoding needs and nothing else.

    LITT | version | coding | length of the header, 2 bytes | header, deflated
    | SHA-256 of the samples | a multiplier for every layer and group, 4 bytes each | trits
    | SHA-256 of all that stands before

The header is the one of `header`, without counts and checksums, against a dictionary of its usual
words. Reading needs numpy and constriction, and no torch.
"""

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lossless_inr_lite.architecture import LOGIT_LOSSES, Architecture, required
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import Envelope, inflated
from lossless_inr_lite.formulations import Formulation, get_formulation
from lossless_inr_lite.networks.ternary_layout import check_ternary, frequencies, layer_shapes
from lossless_inr_lite.signals import SignalSpec
from lossless_inr_lite.storage import trit_coding
from lossless_inr_lite.storage.header import MAX_HEADER, Header, checked_header, model_facts
from lossless_inr_lite.storage.integers import IntegerModel, IntegerNetwork, TernaryLayer

if TYPE_CHECKING:
    from lossless_inr_lite.model import Model
    from lossless_inr_lite.networks.ternary import BitLinear

DIGEST_BYTES = 32
ENVELOPE = Envelope(b"LITT", "file of trits", version=1, digest_bytes=DIGEST_BYTES)
CODINGS = ((trit_coding.pack, trit_coding.unpack), (trit_coding.encode, trit_coding.decode))
LARGEST_MULTIPLIER = 2**24
# Raw deflate, without zlib's own header.
RAW_DEFLATE = -15
# Fixed for ever: headers are deflated against it.
DICTIONARY = (
    b'{"formulation":"parallel_bits"bit_coordinate"bit_heads_gray","hidden_features":128,'
    b'"hidden_layers":2,"iterations":1000,"kind":"unsigned","loss":"bce","name":"kodim",'
    b'"network":"ternary","num_bits":8,"options":{"num_frequencies":6.0,"num_waves":36.0},'
    b'"package_version":"0.1.0","recipe":"ternary","sample_rate":null,"seed":0,'
    b'"shape":[32,32,3],"subtype":null,"tile":null,"wrong_bits":0}'
)


def check_packable(architecture: Architecture, spec: SignalSpec) -> Formulation:
    """Return the formulation; raise InputError when integers cannot decide the model's bits."""
    name = required("the formulation", architecture.formulation)
    formulation = get_formulation(name, architecture.tile)
    single_bits = formulation.digit_bits(spec) == 1 and formulation.digit_reach == 1
    if (
        architecture.network != "ternary"
        or not single_bits
        or architecture.loss not in LOGIT_LOSSES
    ):
        raise InputError(
            f"a {architecture.network} with formulation {name} and loss {architecture.loss} "
            "cannot be saved as .trits: that needs the network ternary, a formulation of single "
            "bits (none stretched) and a loss of logits"
        )
    return formulation


def packed(model: "Model") -> IntegerModel:
    """Return the integers of a trained ternary network.

    Raises InputError for a model that cannot be packed.
    """
    formulation = check_packable(model.architecture, model.spec)
    network: Any = model.network
    layers = [_packed_layer(layer) for layer in network.layers]
    integers = IntegerNetwork(layers, network.waves)
    return IntegerModel(model.spec, model.architecture, formulation, integers)


def _packed_layer(layer: "BitLinear") -> TernaryLayer:
    codes = layer.codes().cpu().numpy().astype(np.int8)
    multipliers = layer.multiplier().flatten().cpu().numpy().astype(np.int64)
    return TernaryLayer(codes, multipliers)


def to_bytes(model: IntegerModel, facts: Mapping[str, Any]) -> bytes:
    """Return the file of a packed model.

    `facts` are the header's fields that describe the run, with `sha256_samples`.
    """
    described = model_facts(model.spec, model.architecture) | dict(facts)
    sha256_samples = described.pop("sha256_samples")
    text = json.dumps(described, sort_keys=True, separators=(",", ":")).encode()
    deflate = zlib.compressobj(9, zlib.DEFLATED, RAW_DEFLATE, zdict=DICTIONARY)
    header = deflate.compress(text) + deflate.flush()
    layers = model.integers.layers
    flat = np.concatenate([layer.trits.reshape(-1) for layer in layers])
    encodings = [encode(flat) for encode, _ in CODINGS]
    coding = min(range(len(CODINGS)), key=lambda number: len(encodings[number]))
    multipliers = np.concatenate([layer.multipliers for layer in layers])
    parts = [
        bytes([coding]),
        len(header).to_bytes(2, "little"),
        header,
        bytes.fromhex(sha256_samples),
        multipliers.astype("<u4").tobytes(),
        encodings[coding],
    ]
    return ENVELOPE.sealed(b"".join(parts))


def read_trits(name: str, data: bytes) -> tuple[IntegerModel, Header]:
    """Return the model in a file's bytes and its header.

    Raises FileFormatError, which begins with `name`, when the file is truncated, altered, foreign
    or newer.
    """
    body = ENVELOPE.opened(data, name)
    if len(body) < 3 + DIGEST_BYTES or body[0] >= len(CODINGS):
        raise FileFormatError(f"{name} is damaged: it has no header, or an unknown coding of trits")
    coding = body[0]
    header_end = 3 + int.from_bytes(body[1:3], "little")
    samples_end = header_end + DIGEST_BYTES
    facts = _facts(name, body[3:header_end])
    facts["sha256_samples"] = body[header_end:samples_end].hex()
    facts["sha256_weights"] = data[-DIGEST_BYTES:].hex()
    facts["num_parameters"] = 1  # until the trits are counted
    header = checked_header(f"the header of {name}", facts)
    try:
        model = _model(header, body[samples_end:], coding)
    except InputError as error:
        raise FileFormatError(f"{name} cannot be used: {error}") from error
    count = sum(layer.trits.size for layer in model.integers.layers)
    return model, replace(header, num_parameters=count)


def _facts(name: str, deflated: bytes) -> dict[str, Any]:
    what = f"the header of {name}"
    text = inflated(deflated, MAX_HEADER, what, zdict=DICTIONARY, wbits=RAW_DEFLATE)
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{what} cannot be read") from error
    if not isinstance(facts, dict):
        raise FileFormatError(f"{what} is no JSON object")
    return facts


def _model(header: Header, data: bytes, coding: int) -> IntegerModel:
    """The model that a header and the bytes behind it describe. Raises InputError."""
    spec = header.spec
    architecture = header.architecture
    formulation = check_packable(architecture, spec)
    formulation.check(spec)
    problem = formulation.problem(spec)
    check_ternary(problem, header.hidden_features, header.hidden_layers, header.options)
    waves = frequencies(problem, **header.options)
    shapes = layer_shapes(problem, len(waves), header.hidden_features, header.hidden_layers)
    layers = _layers(shapes, data, coding)
    return IntegerModel(spec, architecture, formulation, IntegerNetwork(layers, waves))


def _layers(shapes: list[tuple[int, int, int]], data: bytes, coding: int) -> list[TernaryLayer]:
    """Multipliers and trits of all layers, one behind the other."""
    sizes = [math.prod(shape) for shape in shapes]
    groups = shapes[0][0]
    split = 4 * groups * len(shapes)
    if len(data) < split:
        raise FileFormatError("it ends before its multipliers do")
    _, decode = CODINGS[coding]
    flat = decode(data[split:], sum(sizes))
    multipliers = np.frombuffer(data[:split], "<u4").astype(np.int64).reshape(-1, groups)
    if multipliers.min() < 1 or multipliers.max() > LARGEST_MULTIPLIER:
        raise FileFormatError("it has a multiplier out of bounds")
    ends = np.cumsum(sizes)[:-1]
    return [
        TernaryLayer(part.reshape(shape), row)
        for part, shape, row in zip(np.split(flat, ends), shapes, multipliers, strict=True)
    ]
