"""The shipped priors: small trained networks in integers, known by their names and SHA-256.

The environment variable LOSSLESS_INR_PRIORS may name a folder with more. A container made with one
of those can only be decoded where it is at hand; "auto" never chooses it.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior
from lossless_inr_lite.codec.photo_prior import PhotoPrior
from lossless_inr_lite.codec.tensor_file import MAX_FILE, read_tensors
from lossless_inr_lite.errors import FileFormatError, check_choice
from lossless_inr_lite.files import read_bytes

FOLDER = Path(__file__).parent / "priors"
PRIORS_FOLDER = "LOSSLESS_INR_PRIORS"
SUFFIX = ".safetensors"
DIGEST_DIGITS = 16  # so many digits of the SHA-256 are kept in containers

Prior = CoordinatePrior | PhotoPrior


def prior_names(shipped: bool = False) -> list[str]:
    """All that are at hand, or only the `shipped` ones, in the order of the alphabet."""
    folders = [FOLDER] if shipped else _folders()
    return sorted(path.stem for folder in folders for path in folder.glob(f"*{SUFFIX}"))


def prior_bytes(name: str) -> bytes:
    """The file of a prior.

    Raises InputError for a name that is unknown and a file that cannot be read, FileFormatError
    for one that is too large.
    """
    check_choice("prior", name, prior_names())
    paths = [folder / f"{name}{SUFFIX}" for folder in _folders()]
    return read_bytes(next(path for path in paths if path.is_file()), MAX_FILE)


@cache
def load_prior(name: str, weights: str = "") -> Prior:
    """The prior of that name, whose SHA-256 begins with the digits `weights`.

    Raises InputError as `prior_bytes` does, and FileFormatError for another SHA-256 or a file that
    is no prior.
    """
    data = prior_bytes(name)
    if not hashlib.sha256(data).hexdigest().startswith(weights):
        raise FileFormatError(
            f"the container was made with another version of the prior {name!r} "
            "than this package has"
        )
    return prior_from(data, name)


def prior_from(data: bytes, name: str) -> Prior:
    """A prior from the bytes of its file; raises FileFormatError when they are not one."""
    what = f"the prior {name!r}"
    tensors = read_tensors(data, what)
    kind = CoordinatePrior if "prefixes" in tensors else PhotoPrior
    try:
        return kind.from_tensors(tensors)
    except FileFormatError as error:
        raise FileFormatError(f"{what} cannot be used: {error}") from error
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise FileFormatError(
            f"{what} cannot be used: it has other tensors than one has"
        ) from error


@cache
def prior_digest(name: str) -> str:
    """The beginning of the SHA-256 of a prior's file, as containers keep it."""
    return hashlib.sha256(prior_bytes(name)).hexdigest()[:DIGEST_DIGITS]


def _folders() -> list[Path]:
    more = os.environ.get(PRIORS_FOLDER)
    return [FOLDER, Path(more)] if more else [FOLDER]
