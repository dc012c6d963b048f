"""What a saved network says of itself: enough to rebuild it, every size bounded."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.model import Architecture
from lossless_inr_lite.networks import MAX_FEATURES, MAX_LAYERS
from lossless_inr_lite.signals.audio_files import SUBTYPES
from lossless_inr_lite.signals.bits import MAX_BITS
from lossless_inr_lite.signals.signal import MAX_SAMPLES, SignalSpec

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
            raise ValueError(
                f"shape {self.shape} does not suit a {'sound' if sound else 'picture'}"
            )
        if sound and SUBTYPES.get(str(self.subtype), (0,))[0] != self.num_bits:
            raise ValueError(f"subtype {self.subtype} does not have {self.num_bits} bits")
        return self

    @property
    def spec(self) -> SignalSpec:
        return SignalSpec(
            self.name, tuple(self.shape), self.num_bits, self.kind, self.sample_rate, self.subtype
        )

    @property
    def architecture(self) -> Architecture:
        return Architecture(
            self.formulation,
            self.network,
            self.hidden_features,
            self.hidden_layers,
            self.loss,
            self.tile,
            self.options,
        )


def first_error(error: ValidationError) -> str:
    """Where the first mistake is, and what it is."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'shape'}: {first['msg']}"


def checked_header(path: Path, facts: dict[str, Any], **checksums: str) -> Header:
    """The header of a file of trits, whose number of parameters is yet to be counted."""
    try:
        return Header.model_validate({"num_parameters": 1, **facts, **checksums})
    except ValidationError as error:
        raise FileFormatError(f"{path.name} has a bad header: {first_error(error)}") from error
