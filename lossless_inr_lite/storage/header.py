"""What a saved network says of itself: enough to rebuild it, with every size bounded."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.fields import (
    Choice,
    Integer,
    ListOf,
    MapOf,
    Number,
    OrNone,
    RecordOf,
    Text,
    checked,
    plain,
)
from lossless_inr_lite.files import is_utf8
from lossless_inr_lite.networks import MAX_FEATURES, MAX_LAYERS
from lossless_inr_lite.signals import MAX_SAMPLES, SignalSpec
from lossless_inr_lite.signals.audio_files import SUBTYPES
from lossless_inr_lite.signals.bits import MAX_BITS, Kind
from lossless_inr_lite.signals.meaning import PLAIN, Meaning

# Bytes: what a file may spend on anything but weights.
MAX_HEADER = 2**17
MAX_CHANNELS = 4096
SHA256 = Text(64, pattern="[0-9a-f]{64}", min_length=64)


@dataclass(frozen=True)
class Header:
    """Everything in the file but the weights.

    Sizes are bounded, so that no file asks for absurd memory. The order of the fields is the order
    in the file.
    """

    package_version: Annotated[str, Text(100)]
    name: Annotated[str, Text(1000, escaped_bytes=True)]
    shape: Annotated[tuple[int, ...], ListOf(Integer(), 2, 3)]
    num_bits: Annotated[int, Integer(1, MAX_BITS)]
    kind: Annotated[Kind, Choice("unsigned", "signed", "float")]
    formulation: Annotated[str, Text(100)]
    network: Annotated[str, Text(100)]
    hidden_features: Annotated[int, Integer(1, MAX_FEATURES)]
    hidden_layers: Annotated[int, Integer(1, MAX_LAYERS)]
    loss: Annotated[str, Text(100)]
    options: Annotated[Mapping[str, float], MapOf(Number(), 20)]
    recipe: Annotated[str, Text(100)]
    seed: Annotated[int, Integer()]
    iterations: Annotated[int, Integer(low=0)]
    wrong_bits: Annotated[int, Integer(low=0)]
    num_parameters: Annotated[int, Integer(low=1)]
    sha256_samples: Annotated[str, SHA256]
    sha256_weights: Annotated[str, SHA256]
    sample_rate: Annotated[int | None, OrNone(Integer(1, 2**31 - 1))] = None
    subtype: Annotated[str | None, OrNone(Text(20))] = None
    tile: Annotated[int | None, OrNone(Integer(1, MAX_SAMPLES))] = field(default=None)
    meaning: Annotated[Meaning, RecordOf(Meaning)] = PLAIN

    def __post_init__(self) -> None:
        """Raise InputError when the fields do not suit each other."""
        is_sound = self.sample_rate is not None
        dimensions = 2 if is_sound else 3
        if len(self.shape) != dimensions:
            kind = "sound" if is_sound else "picture"
            raise InputError(f"shape {list(self.shape)} does not suit a {kind}")
        size = math.prod(self.shape)
        if min(self.shape) < 1 or size > 4 * MAX_SAMPLES or self.shape[-1] > MAX_CHANNELS:
            raise InputError(f"shape {list(self.shape)} is out of bounds")
        if is_sound and SUBTYPES.get(str(self.subtype), (0,))[0] != self.num_bits:
            raise InputError(f"subtype {self.subtype} does not have {self.num_bits} bits")

    @property
    def spec(self) -> SignalSpec:
        """The description of the signal."""
        return SignalSpec(
            self.name,
            self.shape,
            self.num_bits,
            self.kind,
            self.sample_rate,
            self.subtype,
            self.meaning,
        )

    @property
    def architecture(self) -> Architecture:
        """The description of the model."""
        return Architecture(
            formulation=self.formulation,
            network=self.network,
            hidden_features=self.hidden_features,
            hidden_layers=self.hidden_layers,
            loss=self.loss,
            tile=self.tile,
            options=dict(self.options),
        )

    def facts(self) -> dict[str, Any]:
        """The fields as plain JSON values, in the order of the file.

        A plain meaning is left out, as in files of older versions.
        """
        values = plain(self)
        facts = {name: values[name] for name in FILE_ORDER}
        if self.meaning != PLAIN:
            facts["meaning"] = self.meaning.facts
        return facts

    def to_json(self) -> str:
        """The header as it stands in a ``.safetensors`` file.

        Bytes of the name that are no UTF-8 cannot be written but in the escapes of JSON.
        """
        escaped = not is_utf8(self.name)
        return json.dumps(self.facts(), separators=(",", ":"), ensure_ascii=escaped)


# Files of older versions have this order; the same model and facts give the same bytes.
FILE_ORDER = (
    "package_version",
    "name",
    "shape",
    "num_bits",
    "kind",
    "sample_rate",
    "subtype",
    "formulation",
    "network",
    "hidden_features",
    "hidden_layers",
    "loss",
    "tile",
    "options",
    "recipe",
    "seed",
    "iterations",
    "wrong_bits",
    "num_parameters",
    "sha256_samples",
    "sha256_weights",
)


def model_facts(spec: SignalSpec, architecture: Architecture) -> dict[str, Any]:
    """The header's fields that describe the signal and the model."""
    return {"name": spec.name, **spec.facts, **vars(architecture)}


def checked_header(what: str, facts: object, error: type[InputError] = FileFormatError) -> Header:
    """Turn a JSON object into a header; raise `error`, which begins with `what`."""
    return checked(Header, facts, what, error)


def check_header(spec: SignalSpec, architecture: Architecture) -> None:
    """Raise InputError when no header could describe such a model."""
    blank = {
        "package_version": "",
        "recipe": "",
        "seed": 0,
        "iterations": 0,
        "wrong_bits": 0,
        "num_parameters": 1,
        "sha256_samples": "0" * 64,
        "sha256_weights": "0" * 64,
    }
    what = f"a fit of {spec.name[:100]} could not be saved: its header"
    checked_header(what, model_facts(spec, architecture) | blank, InputError)
