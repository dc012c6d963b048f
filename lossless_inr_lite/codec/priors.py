"""The shipped priors: small trained networks in whole numbers, each known by its name and its SHA-256.

The environment variable LOSSLESS_INR_PRIORS may name a folder with more. A container made with one of those can only
be decoded where it is at hand; "auto" never chooses it.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from safetensors.numpy import load

from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior
from lossless_inr_lite.codec.photo_prior import PhotoPrior
from lossless_inr_lite.errors import FileFormatError, check_choice

FOLDER = Path(__file__).parent / "priors"
PRIORS_FOLDER = "LOSSLESS_INR_PRIORS"


Prior = CoordinatePrior | PhotoPrior


def prior_names(shipped: bool = False) -> list[str]:
    """All that are at hand, or only the `shipped` ones."""
    return sorted(
        path.stem
        for folder in _folders()[: 1 if shipped else 2]
        for path in folder.glob("*.safetensors")
    )


def prior_bytes(name: str) -> bytes:
    """The file of a prior; raises InputError for an unknown one."""
    check_choice("prior", name, prior_names())
    paths = [folder / f"{name}.safetensors" for folder in _folders()]
    return next(path for path in paths if path.is_file()).read_bytes()


def _folders() -> list[Path]:
    more = os.environ.get(PRIORS_FOLDER)
    return [FOLDER, Path(more)] if more else [FOLDER]


@cache
def load_prior(name: str, weights: str = "") -> Prior:
    """A shipped prior, whose SHA-256 begins with `weights`; raises InputError or FileFormatError for others."""
    data = prior_bytes(name)
    if not hashlib.sha256(data).hexdigest().startswith(weights):
        raise FileFormatError(
            f"the container was made with another version of the prior {name!r} than this package has"
        )
    return prior_from(data)


def prior_from(data: bytes) -> Prior:
    """A prior from the bytes of its file."""
    tensors = load(data)
    return (
        CoordinatePrior.from_tensors(tensors)
        if "prefixes" in tensors
        else PhotoPrior.from_tensors(tensors)
    )


@cache
def prior_digest(name: str) -> str:
    """The beginning of its SHA-256, as containers keep it."""
    return hashlib.sha256(prior_bytes(name)).hexdigest()[:16]
