"""The wheel, not the checkout: the seven commands in an environment with what the wheel asks for.

The environments are new and hold nothing but the wheel and links to the installed packages that it
requires. So nothing is downloaded, and a requirement that is not declared is not there.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
# A decoder of small files answers within a second; a busy machine gets some more.
SECONDS = 5.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the checkout, so that no build folder is left in it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "lossless_inr_lite",
        source / "lossless_inr_lite",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(source), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (built,) = source.glob("*.whl")
    return built


class Environment:
    """A new environment with a wheel and links to some installed distributions."""

    def __init__(self, folder: Path, wheel: Path, names: Sequence[str]) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self.folder = folder / "work"
        self.folder.mkdir()
        variables = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", variables))
        self.install(wheel, site)
        linked: set[str] = set()
        for name in names:
            self.link(name, site, linked)

    def install(self, wheel: Path, site: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)

    def link(self, name: str, site: Path, linked: set[str]) -> None:
        """Link a distribution and all that it requires."""
        if name in linked:
            return
        linked.add(name)
        found = distribution(name)
        for top in top_names(found):
            target = site / top
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))))
        for requirement in required(found):
            self.link(requirement, site, linked)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m lossless_inr_lite`` from a folder of its own."""
        return self.execute("-m", "lossless_inr_lite", *arguments)

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            env=clean,
            capture_output=True,
            text=True,
        )


def top_names(found: Distribution) -> set[str]:
    """The files and folders in site-packages that belong to a distribution."""
    assert found.files is not None
    tops = {file.parts[0] for file in found.files}
    return {top for top in tops if top not in ("..", "__pycache__", "bin")}


def required(found: Distribution) -> Iterator[str]:
    """Names of what a distribution requires here, without extras."""
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def dependencies() -> list[str]:
    """What the project's own metadata requires, without extras."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line).name for line in project["dependencies"]]


@pytest.fixture(scope="module")
def library(wheel, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("library"), wheel, dependencies())


@pytest.fixture(scope="module")
def decoder(wheel, tmp_path_factory) -> Environment:
    """What decoding integers needs: numpy and the coder."""
    return Environment(tmp_path_factory.mktemp("decoder"), wheel, ["numpy", "constriction"])


def test_the_seven_commands_work_from_the_wheel(library, tmp_path):
    picture = str(DATA / "colour.png")
    network = str(tmp_path / "net.safetensors")
    fitted = library.run("fit", picture, "-o", network)
    assert fitted.returncode == 0, fitted.stderr
    assert "certified lossless" in fitted.stdout
    assert library.run("verify", network, picture).returncode == 0
    decoded = library.run("decode", network, "-o", str(tmp_path / "back.png"))
    assert "the same samples as" in decoded.stdout, decoded.stderr
    info = library.run("info", network)
    assert json.loads(info.stdout)["lossless"] is True
    expanded = library.run("expand", picture, "--to", "12", "-o", str(tmp_path / "deep.ppm"))
    assert expanded.returncode == 0, expanded.stderr
    container = str(tmp_path / "two.lic")
    compressed = library.run("compress", picture, str(DATA / "grey.png"), "-o", container)
    assert compressed.returncode == 0, compressed.stderr
    restored = library.run("decompress", container, "-o", str(tmp_path / "out"))
    assert restored.returncode == 0, restored.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"colour.png", "grey.png"}
    assert not list(library.folder.iterdir())


def test_sound_works_from_the_wheel(library, tmp_path):
    network = str(tmp_path / "net.safetensors")
    fitted = library.run("fit", str(DATA / "tone.wav"), "-o", network)
    assert fitted.returncode == 0, fitted.stderr
    assert library.run("verify", network, str(DATA / "tone.wav")).returncode == 0


def test_an_embedded_picture_names_the_package_that_is_missing(library, tmp_path):
    done = library.run("info", "astronaut")
    assert done.returncode == 2
    assert "pip install scikit-image" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["torch", "pydantic", "safetensors", "imagecodecs", "scipy"])
def test_the_decoder_has_no(decoder, module):
    done = decoder.execute("-c", f"import {module}")
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("suffix", [".png", ".ppm"])
def test_trits_decode_with_numpy_and_constriction(decoder, tmp_path, suffix):
    network = str(DATA / "ternary_colour.trits")
    out = tmp_path / f"back{suffix}"
    started = time.perf_counter()
    done = decoder.run("decode", network, "-o", str(out))
    assert time.perf_counter() - started < SECONDS
    assert done.returncode == 0, done.stderr
    assert "the same samples as colour" in done.stdout
    assert json.loads(decoder.run("info", network).stdout)["lossless"] is True
    if suffix == ".ppm":
        assert decoder.run("verify", network, str(out)).returncode == 0


@pytest.mark.parametrize(
    ("container", "names"),
    [
        ("level0.lic", {"grey24.png"}),
        ("level1_grey.lic", {"grey24.png", "grey.png"}),
        ("level1_photo.lic", {"colour24.png", "deep.png"}),
    ],
)
def test_containers_decode_with_numpy_and_constriction(decoder, tmp_path, container, names):
    import numpy as np

    import lossless_inr_lite as lil

    folder = tmp_path / "out"
    done = decoder.run("decompress", str(DATA / container), "-o", str(folder))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == names
    for name in names:
        restored = lil.load_image(folder / name)
        assert np.array_equal(restored.samples, lil.load_image(DATA / name).samples)


def test_what_needs_more_says_so_in_one_sentence(decoder, tmp_path):
    done = decoder.run("decode", str(DATA / "fast_colour.safetensors"), "-o", "back.png")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "needs the package" in done.stderr


@pytest.mark.parametrize("code", ["import lossless_inr_lite", "--help"])
def test_answers_come_at_once(library, code):
    arguments = ["-m", "lossless_inr_lite", "--help"] if code == "--help" else ["-c", code]
    done = library.execute("-X", "importtime", *arguments)
    assert done.returncode == 0
    assert "torch" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    microseconds = sum(int(line.split("|")[0].split(":")[1]) for line in lines[1:])
    assert microseconds < 1_000_000
