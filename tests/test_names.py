"""Names: whatever a file system takes is read, coded, printed and restored, to the byte."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.codec import decode, encode
from lossless_inr_lite.codec.files import compress_files, decompress_file, restored_as
from lossless_inr_lite.codec.names import LONGEST, num_bytes, shortened
from lossless_inr_lite.commands import say
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import local_name, portable_name
from lossless_inr_lite.signals import Signal, SignalSpec
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.signals.image_files import write_image

posix = pytest.mark.skipif(os.name != "posix", reason="the names are those of POSIX systems")
DATA = Path(__file__).parent / "data"
SAMPLES = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
NAMES = {
    "narrow no-break space": "Screenshot 9.41\u202fAM.png",
    "no-break space": "a\xa0b.png",
    "soft hyphen": "a\xadb.png",
    "emoji": "😀👩\u200d🔬.png",
    "persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.png",
    "decomposed": "u\u0308ber.png",
    "other direction": "a\u202egnp.png",
    "marks of other systems": 'a:b?c*d|e\\f"<g>.png',
    "a device of another system": "NUL.png",
    "dash": "-x.png",
    "dashes": "--output.png",
    "tilde": "~tilde.png",
    "a user": "~root",
    "spaces and dots": " x .png. ",
    "dots": "...png",
    "only a suffix": ".png",
    "end of line": "a\nb\rc\u2028d.png",
    "escape": "\x1b[31mred\x07.png",
    "comma": "a,b.png",
    "percent": "100%s.png",
    "longest": "n" * 251 + ".png",
    "longest in bytes": "é" * 125 + "n.png",
    "longest of another format": "j" * 251 + ".jpg",
    "no suffix": "picture",
    "not UTF-8": os.fsdecode(b"b\xff\xc3.png"),
    "all but UTF-8": os.fsdecode(b"\x80" * 251 + b".png"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(name: str) -> Path:
    """A PNG file of that name, whatever its suffix; the test is left out where there is none."""
    write_image("plain.png", SAMPLES, 8)
    try:
        return Path("plain.png").rename(name)
    except (OSError, ValueError):
        pytest.skip("this file system has no such names")


@posix
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_command_takes_every_name(name, here, capfd):
    make(name)
    assert main(["compress", "-o", "x.lic", "--", name]) == 0
    assert main(["info", "x.lic"]) == 0
    restored = json.loads("".join(capfd.readouterr().out.partition("{")[1:]))["names"]
    assert main(["decompress", "x.lic", "-o", "out"]) == 0
    (path,) = (here / "out").iterdir()
    assert [portable_name(path.name)] == restored
    kept = path.name if len(os.fsencode(name)) > 251 else path.name.removesuffix(".png")
    assert name.startswith(kept.removesuffix(".png"))
    assert np.array_equal(lil.load_image(path).samples, SAMPLES)
    assert main(["info", "--", name]) == 0
    assert (
        main(["expand", "--to", "16", "--method", "zero_padding", "-o", "e.png", "--", name]) == 0
    )
    captured = capfd.readouterr()
    assert captured.err == ""
    assert len(captured.out[captured.out.rindex("}") :].splitlines()) == 2  # one line of expand's


@posix
def test_names_that_are_kept_are_kept_to_the_byte(here):
    own = [name for name in NAMES.values() if Path(name).suffix == ".png"]
    paths = [make(name) for name in own]
    compress_files(paths, Path("x.lic"))
    decompress_file(Path("x.lic"), Path("out"))
    assert sorted(os.listdir(b"out")) == sorted(os.fsencode(name) for name in own)


@posix
@pytest.mark.parametrize("suffix", [".safetensors", ".trits"])
@pytest.mark.parametrize("kind", ["not UTF-8", "end of line", "persian", "longest", "tilde"])
def test_a_network_keeps_the_name(suffix, kind, here, capfd):
    make(NAMES[kind])
    recipe = ["--recipe", "ternary" if suffix == ".trits" else "fast"]
    out = f"x{suffix}"
    limits = ["--hidden-features", "16", "--max-iterations", "1"]
    assert main(["fit", "-o", out, *recipe, *limits, "--", NAMES[kind]]) in (0, 3)
    assert lil.decode(out).name == portable_name(Path(NAMES[kind]).stem)
    assert main(["info", out]) == 0
    assert main(["decode", out, "-o", "back.png"]) == 0
    assert main(["verify", "--", out, NAMES[kind]]) in (0, 1)
    assert "Traceback" not in capfd.readouterr().err


@posix
def test_outputs_may_have_every_name(here):
    make("plain.png")
    for number, name in enumerate(NAMES.values()):
        stem = name[: -len(Path(name).suffix)] if Path(name).suffix else name
        output = f"{stem[:200]}.lic"
        assert main(["compress", f"--output={output}", "plain.png"]) == 0
        assert main(["decompress", f"--output=out{number}", "--", output]) == 0


def test_only_a_name_that_is_no_text_is_escaped_in_a_header():
    _, header = lil.read_model(DATA / "ternary_coordinate.trits")
    assert '"name":"über"' in replace(header, name="über").to_json()
    assert '"name":"\\udcff"' in replace(header, name="\udcff").to_json()


def test_a_literal_tilde_wins_over_the_home_folder(here, monkeypatch):
    home = here / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    (home / "x.png").touch()
    assert embedded_path("~/x.png") == home / "x.png"
    (here / "~").mkdir()
    (here / "~" / "x.png").touch()
    assert embedded_path("~/x.png") == Path("~/x.png")
    with pytest.raises(InputError, match="does not exist"):
        embedded_path("~nobody-of-this-name/x.png")


@pytest.mark.parametrize(
    ("name", "message"),
    [("x" * 300, "File name too long"), ("a\0b", "null byte"), ("loop", "symbolic link")],
)
def test_what_cannot_be_read_is_told_truly(name, message, here):
    (here / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=message) as error:
        embedded_path(name)
    assert len(str(error.value)) < 400


def test_a_folder_that_is_closed_is_told_truly(monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(InputError, match=r"cannot read closed/x\.png: Permission denied"):
        embedded_path("closed/x.png")


# Portable names ----------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name)
)
def test_any_bytes_come_back(name):
    portable = portable_name(os.fsdecode(name))
    assert num_bytes(portable) == len(name)
    if os.name == "posix":
        assert os.fsencode(local_name(portable)) == name
    signal = Signal(SAMPLES, 8, portable)
    assert decode(encode([signal]))[0].name == portable


@posix
def test_the_system_may_know_ascii_alone(here):
    """The bytes of a name are the same, whatever encoding the system has for names."""
    make("é\u202f.png")
    compress_files([Path("é\u202f.png")], Path("utf8.lic"))
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (
        ["compress", "é\u202f.png", "-o", "ascii.lic"],
        ["decompress", "utf8.lic", "-o", "out"],
    ):
        command = [sys.executable, "-m", "lossless_inr_lite", *arguments]
        done = subprocess.run(
            command, env={**os.environ, **plain}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert Path("ascii.lic").read_bytes() == Path("utf8.lic").read_bytes()
    assert os.listdir("out") == ["é\u202f.png"]


# Suffixes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".é", "." + "s" * 30])
@pytest.mark.parametrize("name", ["a", "a" * 255, "é" * 127, "\udcff" * 255])
def test_a_name_that_gets_too_long_is_cut(name, suffix):
    cut = shortened(name, suffix)
    assert num_bytes(cut) <= LONGEST
    assert cut.endswith(suffix)
    assert name.startswith(cut.removesuffix(suffix))


@pytest.mark.parametrize(
    ("name", "shape", "num_bits", "kind", "restored"),
    [
        ("a.png", (2, 2, 3), 8, "unsigned", "a.png"),
        ("a.PNG", (2, 2, 3), 8, "unsigned", "a.PNG"),
        ("a.jpg", (2, 2, 3), 8, "unsigned", "a.jpg.png"),
        ("a", (2, 2, 1), 16, "unsigned", "a.png"),
        ("a.pgm", (2, 2, 3), 8, "unsigned", "a.pgm.png"),
        ("a.ppm", (2, 2, 1), 8, "unsigned", "a.ppm.png"),
        ("a.png", (2, 2, 1), 16, "signed", "a.png.tif"),
        ("a.png", (2, 2, 5), 8, "unsigned", "a.png.tif"),
        ("a.tif", (2, 2, 5), 8, "unsigned", "a.tif"),
    ],
)
def test_a_suffix_that_cannot_hold_the_picture_gets_another(name, shape, num_bits, kind, restored):
    assert restored_as(name, SignalSpec("a", shape, num_bits, kind)).name == restored


def test_what_no_suffix_holds_is_refused(monkeypatch):
    def never(path, spec):
        raise InputError(f"{path} cannot hold it")

    monkeypatch.setattr("lossless_inr_lite.codec.files.check_image_output", never)
    with pytest.raises(InputError, match=r"a\.jpg could not be restored: a\.jpg\.png cannot"):
        restored_as("a.jpg", SignalSpec("a", (2, 2, 1), 8))


# Names that are the same to some file systems ----------------------------------------------------


def test_names_may_differ_in_their_letters_only(here):
    make("case.png")
    make("CASE.png")
    if len(list(here.glob("*.png"))) < 2:
        pytest.skip("this file system does not tell them apart")
    assert main(["compress", "case.png", "CASE.png", "-o", "x.lic"]) == 0
    assert main(["decompress", "x.lic", "-o", "out"]) == 0
    assert sorted(os.listdir("out")) == ["CASE.png", "case.png"]


def test_names_that_are_the_same_here_are_refused(here, monkeypatch, capsys):
    """As on a file system that does not tell capitals from small letters."""
    Path("x.lic").write_bytes(encode([Signal(SAMPLES, 8, name) for name in ("a.png", "A.png")]))
    lexists = os.path.lexists

    def without_case(path):
        folder = Path(path).parent
        there = [name.lower() for name in os.listdir(folder)] if folder.is_dir() else []
        return Path(path).name.lower() in there or lexists(path)

    monkeypatch.setattr(os.path, "lexists", without_case)
    assert main(["decompress", "x.lic", "-o", "out"]) == 2
    assert "are the same for the file system" in capsys.readouterr().err
    assert os.listdir("out") == []


def test_two_pictures_of_one_name_are_told(here, capsys):
    for folder in ("one", "two"):
        (here / folder).mkdir()
        make("same.png").rename(f"{folder}/same.png")
    assert main(["compress", "one/same.png", "two/same.png", "-o", "x.lic"]) == 2
    assert "the same file name, 'same.png'" in capsys.readouterr().err


# On the terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_name_is_printed_in_one_line(name, encoding):
    buffer = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(buffer, encoding=encoding)) as stream:
        say(f"{name}: done")
        stream.flush()
    printed = buffer.getvalue().decode(encoding)
    assert len(printed.splitlines()) == 1
    assert "\x1b" not in printed
    assert printed.endswith(": done" + os.linesep)
