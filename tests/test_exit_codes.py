"""Exit codes: 1 is a difference that verify found and nothing else; every error is one sentence."""

import errno
import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite import commands
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.storage import certify
from lossless_inr_lite.training.parts import keep_if_possible

resource = pytest.importorskip("resource", reason="limits of a process are those of POSIX systems")

DATA = Path(__file__).parent / "data"
NETWORK = str(DATA / "ternary_coordinate.trits")
CONTAINER = str(DATA / "level1_grey.lic")
PICTURE = str(DATA / "colour.png")
ERRORS = ("ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "EACCES", "EFBIG", "ESTALE")
# Each command that writes, and what it writes.
WRITERS = {
    "decode": ["decode", NETWORK, "-o", "out.png"],
    "expand": ["expand", PICTURE, "--to", "16", "--method", "zero_padding", "-o", "out.png"],
    "compress": ["compress", PICTURE, "-o", "out.lic"],
    "decompress": ["decompress", CONTAINER, "-o", "out"],
}
FIT = ["fit", "two.png", "-o", "disk/net.safetensors", "--recipe", "paper", "--hidden-features"]
FIT += ["16", "--hidden-layers", "1", "--max-iterations", "2"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one_sentence(captured: str) -> str:
    assert "Traceback" not in captured
    (line,) = captured.splitlines()
    assert line.startswith("error: ")
    return line


def refused(number: int):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "somewhere")

    return refuse


# Errors of the system ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize(
    ("call", "name"),
    [*(("write_bytes", name) for name in ERRORS), ("replace", "EIO"), ("open", "ENOSPC")],
)
def test_a_refused_file_is_one_sentence(command, name, call, here, monkeypatch, capsys):
    number = getattr(errno, name)
    if call == "write_bytes":
        monkeypatch.setattr(Path, "write_bytes", refused(number))
    else:
        monkeypatch.setattr(os, call, refused(number))
    assert main(WRITERS[command]) == 2
    assert os.strerror(number) in one_sentence(capsys.readouterr().err)
    monkeypatch.undo()
    assert [path for path in here.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("command", ["info", "verify", "decode", "decompress", "compress"])
@pytest.mark.parametrize("name", ["EIO", "EMFILE", "ESTALE", "EACCES"])
def test_an_input_that_cannot_be_read_is_one_sentence(command, name, here, monkeypatch, capsys):
    arguments = WRITERS.get(command, [command, NETWORK])
    if command == "verify":
        arguments = [command, NETWORK, PICTURE]
    number = getattr(errno, name)
    monkeypatch.setattr("lossless_inr_lite.files.open", refused(number), raising=False)
    assert main(arguments) == 2
    assert os.strerror(number) in one_sentence(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(5, "Input/output error"), "error: Input/output error"),
        (OSError(5, "Input/output error", "disk.bin"), "error: disk.bin: Input/output error"),
        (OSError("sndfile library not found"), "error: sndfile library not found"),
        (MemoryError(), "error: out of memory"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "no"), "error: something unexpected happened, U"),
        (ZeroDivisionError("x\ny"), "error: something unexpected happened, ZeroDivisionError: x"),
        (RecursionError("too deep"), "error: something unexpected happened, RecursionError"),
        (ModuleNotFoundError("no", name="torch.x"), "error: this command needs the package torch,"),
        (ImportError("broken.so"), "error: something unexpected happened, ImportError: broken.so"),
    ],
)
def test_whatever_is_raised_ends_with_2(error, message, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr(commands, "_facts", fail)
    assert main(["info", PICTURE]) == 2
    assert one_sentence(capsys.readouterr().err).startswith(message)


def test_an_interrupted_command_ends_with_3(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "_facts", interrupt)
    assert main(["info", PICTURE]) == 3
    assert capsys.readouterr().err == "interrupted: what was saved is kept\n"


def test_a_warning_is_one_line(monkeypatch, capsys):
    def warning(*_):
        warnings.warn("something\nodd", RuntimeWarning, stacklevel=1)
        return {}

    monkeypatch.setattr(commands, "_facts", warning)
    assert main(["info", PICTURE]) == 0
    assert capsys.readouterr().err == "warning: something\\nodd\n"


# Processes ---------------------------------------------------------------------------------------


def process(*arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment = plain | options.pop("env", {})
    command = [sys.executable, "-m", "lossless_inr_lite", *arguments]
    return subprocess.run(command, env=environment, check=False, **options)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device here")
@pytest.mark.parametrize(
    "arguments", [["info", CONTAINER], ["--help"], ["fit", "-h"], ["--version"]]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_an_error(arguments, unbuffered):
    with open("/dev/full", "wb") as full:
        done = process(
            *arguments, stdout=full, stderr=subprocess.PIPE, env={"PYTHONUNBUFFERED": unbuffered}
        )
    assert done.returncode == 2
    assert "cannot write to standard output: No space" in one_sentence(done.stderr.decode())


def test_a_closed_pipe_is_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = process("info", CONTAINER, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 2
    assert "standard output: Broken pipe" in one_sentence(done.stderr.decode())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device here")
def test_a_full_standard_error_changes_no_exit_code():
    with open("/dev/full", "wb") as full:
        assert process("info", "missing.png", stderr=full).returncode == 2
        assert process("info", CONTAINER, stderr=full, stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict"])
def test_a_terminal_may_know_ascii_alone(encoding, here):
    name = os.fsdecode("é\u202f😀\xff".encode() + b"\xff.png")
    write_image("plain.png", np.zeros((2, 2, 1), np.uint8), 8)
    Path("plain.png").rename(name)
    plain = {"PYTHONIOENCODING": encoding}
    lines = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": plain}
    done = process("compress", name, "-o", "é\u202f.lic", **lines)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"\\xe9\\u202f.lic: 1 picture,")
    done = process("info", name + "x", **lines)
    assert done.returncode == 2
    assert b"\\udcff.pngx does not exist" in done.stderr


def test_a_limit_of_the_size_of_files_is_one_sentence(here):
    write_image("noise.png", np.random.default_rng(0).integers(0, 256, (30, 30, 1), np.uint8), 8)
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))}
    done = process("compress", "noise.png", "-o", "x.lic", stderr=subprocess.PIPE, **small)
    assert done.returncode == 2
    assert one_sentence(done.stderr.decode()) == "error: cannot write x.lic: File too large"
    assert os.listdir() == ["noise.png"]


def test_a_pipe_is_read_once(here):
    data = Path(PICTURE).read_bytes()
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "input": data}
    assert process("compress", "/dev/stdin", "-o", "x.lic", **both).returncode == 0
    both["input"] = Path("x.lic").read_bytes()
    assert b'"container of pictures"' in process("info", "/dev/stdin", **both).stdout
    assert process("decompress", "/dev/stdin", "-o", "out", **both).returncode == 0
    assert os.listdir("out") == ["stdin.png"]


@pytest.mark.parametrize("file", ["colour.png", "tone.wav", "ternary_tone.trits", "level0.lic"])
def test_a_named_pipe_is_read_as_its_file(file, here, capsys):
    assert main(["info", str(DATA / file)]) == 0
    expected = capsys.readouterr().out
    os.mkfifo(file)
    writer = threading.Thread(target=lambda: Path(file).write_bytes((DATA / file).read_bytes()))
    writer.start()
    assert main(["info", file]) == 0
    writer.join()
    assert capsys.readouterr().out == expected


def test_verify_alone_says_1(here, capsys):
    samples = lil.load_image(PICTURE).samples.copy()
    samples.flat[0] ^= 1
    write_image("changed.png", samples, 8)
    network = str(DATA / "ternary_colour.trits")
    assert main(["verify", network, PICTURE]) == 0
    assert main(["verify", network, "changed.png"]) == 1
    assert main(["verify", network, "missing.png"]) == 2
    assert main(["verify", PICTURE, PICTURE]) == 2
    assert capsys.readouterr().err.count("error: ") == 2


# What info knows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "facts"),
    [
        ("level1_photo.lic", {"kind": "container of pictures", "num_pictures": 2}),
        ("ternary_tone.trits", {"formulation": "bit_heads_gray", "sample_rate": 8000}),
        ("ternary_colour.trits.json", {"kind": "certificate of a network", "lossless": True}),
        ("fast_tone.safetensors", {"recipe": "fast"}),
        ("deep.png", {"read_from": "PNG", "not_kept": [], "meaning": {}}),
        ("tone.wav", {"read_from": "WAV"}),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".bin", ".png", ".lic", ".safetensors"])
def test_info_goes_by_the_content(file, facts, suffix, here, capsys):
    name = f"x{suffix}" if suffix else file
    Path(name).write_bytes((DATA / file).read_bytes())
    if suffix and file.endswith(".wav"):
        pytest.skip("sound is known by its suffix")
    assert main(["info", name]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in facts} == facts


def test_info_of_a_container_tells_how_it_is_coded(capsys):
    assert main(["info", CONTAINER]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == (DATA / "level1_grey.lic").stat().st_size
    assert found["names"] == ["grey24.png", "grey.png"]
    pixels = sum(np.prod(group["shape"]) * group["num_pictures"] for group in found["groups"])
    assert found["bits_per_pixel"] == pytest.approx(8 * found["bytes"] / pixels)
    for group in found["groups"]:
        assert group["level"] == 1
        assert group["prior"] in ("digits", "fashion", "photo")
        assert group["num_bits"] == 8


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.lic", b"", "x.lic is empty|truncated"),
        ("x.lic", b"hello", "not a container of pictures"),
        ("x.trits", b"hello", "not a file of trits"),
        ("x.safetensors", b"hello there", "truncated, or not a safetensors file"),
        ("x.json", b"{}", "no certificate of a network"),
        ("x.txt", b"hello", "not a picture that can be read"),
        ("x.png", b"\x8aLIC\r\n\x1a\n", "truncated"),
    ],
)
def test_info_tells_truly_what_a_file_is_not(name, content, message, here, capsys):
    Path(name).write_bytes(content)
    assert main(["info", name]) == 2
    assert re.search(message, one_sentence(capsys.readouterr().err))


# A fit that has ended ----------------------------------------------------------------------------


@pytest.fixture
def fitting(here):
    """A picture to fit, and the folder that will be full."""
    write_image("two.png", np.arange(4, dtype=np.uint8).reshape(2, 2, 1), 8)
    (here / "disk").mkdir()
    return here / "disk"


def full_disk(folder: Path, monkeypatch, name: str = "") -> None:
    """From now on no file whose name ends with `name` can be made in `folder`."""
    replace = os.replace

    def refuse(source, target):
        if folder in Path(target).absolute().parents and str(target).endswith(name):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)


def test_a_fit_survives_a_full_disk(fitting, monkeypatch, capsys):
    full_disk(fitting, monkeypatch)
    assert main(FIT) == 2
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: cannot write disk/net.safetensors.parts/state.safetensors")
    assert "cannot write disk/net.safetensors: No space left on device: it is kept in" in error
    kept = Path(error.partition("it is kept in ")[2].partition(",")[0])
    assert lil.decode(kept).samples.shape == (2, 2, 1)
    kept.unlink()
    kept.parent.rmdir()


def test_a_fit_that_no_folder_takes_is_told(fitting, monkeypatch, capsys):
    full_disk(Path("/"), monkeypatch)
    assert main(FIT) == 2
    assert "no other folder takes it either" in capsys.readouterr().err


def test_weights_are_kept_when_their_certificate_has_no_room(fitting, monkeypatch, capsys):
    full_disk(fitting, monkeypatch, ".json")
    assert main(FIT) == 2
    error = one_sentence(capsys.readouterr().err)
    assert "the fit is saved in disk/net.safetensors" in error
    assert "without a certificate" in error
    assert lil.decode("disk/net.safetensors").samples.shape == (2, 2, 1)


def test_weights_are_kept_when_the_certificate_fails(fitting, monkeypatch, capsys):
    monkeypatch.setattr(certify, "certify_fit", refused(errno.EMFILE))
    assert main(FIT) == 2
    assert "Too many open files" in one_sentence(capsys.readouterr().err)
    assert (fitting / "net.safetensors").is_file()


def test_info_knows_what_a_fit_keeps_on_the_way(fitting, capsys):
    assert main(FIT) == 3
    capsys.readouterr()
    assert main(["info", "disk/net.safetensors.parts/state.safetensors"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "part of an unfinished fit"
    assert found["fit"]["signal"]["shape"] == [2, 2, 1]


def test_what_cannot_be_kept_on_the_way_is_a_warning(here, monkeypatch):
    full_disk(here, monkeypatch)
    with pytest.warns(RuntimeWarning, match="No space left on device: the fit goes on"):
        keep_if_possible(here / "state.safetensors", b"state")


@pytest.fixture
def small_disk(here):
    """A disk of 24 KiB, where this user may have one."""
    place = here / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount here")
    if done.returncode != 0:
        pytest.skip("this user cannot mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("command", [*WRITERS, "fit"])
def test_a_small_disk_loses_nothing(command, small_disk, monkeypatch, capsys):
    write_image("two.png", np.arange(4, dtype=np.uint8).reshape(2, 2, 1), 8)
    arguments = FIT if command == "fit" else WRITERS[command]
    (small_disk / "mine").write_bytes(bytes(24 * 1024))
    (small_disk.parent / "disk").symlink_to("small")
    arguments = [name.replace("out", "small/out", 1) for name in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in error
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["mine"]
    if command == "fit":
        assert Path(error.partition("it is kept in ")[2].partition(",")[0]).is_file()
