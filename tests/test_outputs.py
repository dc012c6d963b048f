"""Outputs: never an input, never somebody else's file, never a device; links and umask are kept."""

import os
import socket
import stat
from pathlib import Path

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.codec.files import is_container
from lossless_inr_lite.files import check_not_input, replacing
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.storage.certificate import certificate_path
from lossless_inr_lite.storage.certify import check_output

DATA = Path(__file__).parent / "data"
NETWORK = DATA / "ternary_coordinate.trits"  # needs no torch
FIT = ["--recipe", "paper", "--hidden-features", "16", "--hidden-layers", "1"]
COMMANDS = ("fit", "decode", "expand", "compress")
# The suffix that each command's output must have, and words that come before its input.
SUFFIX = {"fit": ".safetensors", "decode": ".png", "expand": ".png", "compress": ".lic"}
OPTIONS = {
    "fit": [*FIT, "--max-iterations", "2"],
    "decode": [],
    "expand": ["--to", "16", "--method", "zero_padding"],
    "compress": [],
}


def grey(folder: Path, name: str = "grey.png", shape=(3, 4, 1), seed: int = 0) -> Path:
    path = folder / name
    samples = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    write_image(path.with_suffix(".png"), samples, 8)
    return path.with_suffix(".png").rename(path)


def source_of(command: str, folder: Path) -> Path:
    """An input of that command in a folder of the test."""
    if command != "decode":
        return grey(folder)
    path = folder / "net.trits"
    path.write_bytes(NETWORK.read_bytes())
    return path


def run(command: str, source: Path, output: Path, *more: str) -> int:
    return main([command, str(source), "-o", str(output), *OPTIONS[command], *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def short_fit(tiny):
    """A fit that has only begun, and has no certificate."""
    return lil.fit(
        tiny, recipe="paper", hidden_features=8, hidden_layers=1, max_iterations=1, certify=False
    )


# Inputs ------------------------------------------------------------------------------------------


def hard_link(source: Path, link: Path) -> None:
    os.link(source, link)


def symbolic_link(source: Path, link: Path) -> None:
    link.symlink_to(source.name)


def rename(source: Path, link: Path) -> None:
    source.rename(link)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("way", [hard_link, symbolic_link, rename])
@pytest.mark.parametrize("more", [(), ("--force",)])
def test_an_output_that_is_an_input_is_refused(command, way, more, tmp_path, capsys):
    source = source_of(command, tmp_path)
    output = tmp_path / f"same{SUFFIX[command]}"
    way(source, output)
    before = contents(tmp_path)
    if way is rename:
        source = Path(f"{tmp_path}/./../{tmp_path.name}", output.name)  # another spelling
    assert run(command, source, output, *more) == 2
    error = capsys.readouterr().err
    assert "is the same file as the input" in error
    assert len(error.splitlines()) == 1
    assert contents(tmp_path) == before


def test_a_certificate_that_would_replace_the_input_is_refused(tmp_path, capsys):
    source = grey(tmp_path, "x.json")
    before = source.read_bytes()
    assert run("fit", source, tmp_path / "x.safetensors", "--force") == 2
    assert "x.json is the same file as the input" in capsys.readouterr().err
    assert source.read_bytes() == before


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_of_many_inputs_is_enough(tmp_path, place):
    paths = [grey(tmp_path, f"{name}.png") for name in "abc"]
    os.link(paths[place], tmp_path / "x.lic")
    before = contents(tmp_path)
    assert main(["compress", *map(str, paths), "-o", str(tmp_path / "x.lic"), "--force"]) == 2
    assert contents(tmp_path) == before


def test_what_a_shell_makes_of_a_star_is_refused(tmp_path, capsys):
    paths = [str(grey(tmp_path, f"{name}.png")) for name in "abc"]
    before = contents(tmp_path)
    for force in ([], ["--force"]):
        assert main(["compress", "-o", *paths, *force]) == 2
        assert "must end in .lic" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_a_name_in_other_letters_is_the_same_file_where_the_system_says_so(tmp_path, monkeypatch):
    source = grey(tmp_path)
    monkeypatch.setattr(os.path, "samefile", lambda a, b: str(a).lower() == str(b).lower())
    with pytest.raises(lil.InputError, match="same file"):
        check_not_input(tmp_path / "GREY.PNG", [source])


# What is there already ---------------------------------------------------------------------------


def foreign_safetensors() -> bytes:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mine", [b"mine", foreign_safetensors(), b"\x89PNG\r\n\x1a\n"])
def test_what_is_not_ours_is_replaced_by_force_only(command, mine, tmp_path, capsys):
    source = source_of(command, tmp_path)
    output = tmp_path / f"mine{SUFFIX[command]}"
    output.write_bytes(mine)
    before = contents(tmp_path)
    assert run(command, source, output) == 2
    error = capsys.readouterr().err
    assert "is there already" in error
    assert "--force" in error
    assert len(error.splitlines()) == 1
    assert contents(tmp_path) == before
    if command != "fit":  # a fit takes seconds, and has a test of its own
        assert run(command, source, output, "--force") == 0
        assert output.read_bytes() != mine


@pytest.mark.parametrize("command", ["decode", "expand", "compress"])
def test_what_is_ours_or_empty_is_replaced(command, tmp_path):
    source = source_of(command, tmp_path)
    output = tmp_path / f"ours{SUFFIX[command]}"
    output.touch()
    assert run(command, source, output) == 0
    first = output.read_bytes()
    assert run(command, source, output) == 0
    assert output.read_bytes() == first


def test_networks_are_ours_by_their_content(tmp_path, short_fit):
    path = lil.save(short_fit, tmp_path / "a.safetensors")
    check_output(path)
    (tmp_path / "b.trits").write_bytes(path.read_bytes())
    check_output(tmp_path / "b.trits")
    (tmp_path / "c.safetensors").write_bytes(path.read_bytes()[:-100])
    check_output(tmp_path / "c.safetensors")  # cut off, and still ours
    (tmp_path / "d.safetensors").touch()
    (tmp_path / "d.json").touch()
    check_output(tmp_path / "d.safetensors")
    (tmp_path / "e.safetensors").write_bytes(foreign_safetensors())
    with pytest.raises(lil.InputError, match="is not a network of this package"):
        lil.save(short_fit, tmp_path / "e.safetensors")
    lil.save(short_fit, tmp_path / "e.safetensors", force=True)
    assert lil.decode(tmp_path / "e.safetensors").spec == short_fit.model.spec


def test_force_replaces_what_lies_beside_too(tmp_path, short_fit):
    (tmp_path / "x.json").write_text('{"mine": 1}')
    with pytest.raises(lil.InputError, match="is not a certificate"):
        check_output(tmp_path / "x.safetensors")
    lil.save(short_fit, tmp_path / "x.safetensors", force=True)
    assert not (tmp_path / "x.json").exists()  # this fit has no certificate


@pytest.mark.parametrize("command", ["decode", "expand"])
def test_a_picture_with_other_samples_stays(command, tmp_path, capsys):
    source = source_of(command, tmp_path)
    output = tmp_path / "x.png"
    assert run(command, source, output) == 0
    signal = lil.load_image(output)
    changed = signal.samples.copy()
    changed.flat[0] ^= 1  # the lowest bit, which expansion has only guessed
    write_image(output, changed, signal.num_bits)
    before = output.read_bytes()
    assert run(command, source, output) == 2
    assert "--force" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize("tail", [b"", b"x"])
def test_a_container_is_ours_when_it_is_whole(tmp_path, tail):
    path = tmp_path / "x.lic"
    path.write_bytes((DATA / "level1_grey.lic").read_bytes() + tail)
    assert is_container(path) == (tail == b"")


# Links and special files -------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["decode", "expand", "compress"])
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_stays_and_its_target_is_written(command, dangling, tmp_path):
    source = source_of(command, tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target = folder / f"target{SUFFIX[command]}"
    if not dangling:
        target.touch()
    link = tmp_path / f"link{SUFFIX[command]}"
    link.symlink_to(Path("elsewhere", target.name))
    assert run(command, source, link) == 0
    assert link.is_symlink()
    assert target.is_file()
    assert target.stat().st_size > 0
    assert [path.name for path in folder.iterdir()] == [target.name]


def test_a_link_into_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    source = grey(tmp_path)
    (tmp_path / "x.lic").symlink_to("no/such/folder/y.lic")
    assert run("compress", source, tmp_path / "x.lic") == 2
    assert "which is not there" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_link_to_something_else_is_no_way_around(tmp_path):
    source = grey(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "x.lic").symlink_to("mine.txt")
    assert run("compress", source, tmp_path / "x.lic") == 2
    assert (tmp_path / "mine.txt").read_text() == "mine"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("special", [pipe, unix_socket, link_to_a_device, folder, loop])
def test_what_is_no_file_is_refused_and_stays(command, special, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = source_of(command, tmp_path)
    output = tmp_path / f"x{SUFFIX[command]}"
    special(output)
    before = os.lstat(output)
    assert run(command, source, output, "--force") == 2
    error = capsys.readouterr().err
    assert "cannot write" in error
    assert len(error.splitlines()) == 1
    assert os.lstat(output).st_ino == before.st_ino
    assert os.lstat(output).st_mode == before.st_mode


@pytest.mark.parametrize("special", [pipe, link_to_a_device, loop])
def test_a_special_certificate_is_refused(special, tmp_path):
    special(tmp_path / "x.json")
    with pytest.raises(lil.InputError, match="cannot write"):
        check_output(tmp_path / "x.safetensors", force=True)


@pytest.mark.parametrize("special", [pipe, unix_socket, link_to_a_device, folder, loop])
def test_anything_in_the_way_of_a_restored_picture_is_refused(special, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [str(grey(tmp_path, f"{name}.png")) for name in "ab"]
    assert main(["compress", *paths, "-o", "x.lic"]) == 0
    out = tmp_path / "out"
    out.mkdir()
    special(out / "b.png")
    assert main(["decompress", "x.lic", "-o", "out"]) == 2
    assert [path.name for path in out.iterdir()] == ["b.png"]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    assert main(["decompress", str(DATA / "level1_grey.lic"), "-o", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out").read_text() == "mine"


def test_a_name_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    from lossless_inr_lite.codec import files

    assert main(["compress", str(grey(tmp_path)), "-o", str(tmp_path / "x.lic")]) == 0
    out = tmp_path / "out"

    def slow(path, *arguments):
        write_image(path, *arguments)
        (out / path.name).write_text("mine")

    monkeypatch.setattr(files, "write_image", slow)
    assert main(["decompress", str(tmp_path / "x.lic"), "-o", str(out)]) == 2
    assert contents(out) == {"grey.png": b"mine"}


# Permissions -------------------------------------------------------------------------------------


def modes(folder: Path) -> set[int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {stat.S_IMODE(path.stat().st_mode) for path in files}


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_all_new_files_have_what_the_umask_leaves(umask, tmp_path, short_fit):
    out = tmp_path / "out"
    before = os.umask(umask)
    try:
        lil.save(short_fit, out / "fit.safetensors")
        for command in ("decode", "expand", "compress"):
            source = source_of(command, tmp_path)
            assert run(command, source, out / f"{command}{SUFFIX[command]}") == 0
        assert main(["decompress", str(out / "compress.lic"), "-o", str(out / "deep" / "er")]) == 0
    finally:
        os.umask(before)
    assert modes(out) == {0o666 & ~umask}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_dir()}
    assert folders == {0o777 & ~umask}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to be root")
def test_groups_of_folders_and_owners_of_files_stay(tmp_path):
    os.chown(tmp_path, -1, 12345)
    tmp_path.chmod(0o2775)
    source = grey(tmp_path)
    assert source.stat().st_gid == 12345
    assert run("compress", source, tmp_path / "x.lic") == 0
    assert main(["decompress", str(tmp_path / "x.lic"), "-o", str(tmp_path / "out")]) == 0
    assert {path.stat().st_gid for path in tmp_path.rglob("*")} == {12345}
    os.chown(tmp_path / "x.lic", 4321, 12345)
    assert run("compress", source, tmp_path / "x.lic") == 0
    assert (tmp_path / "x.lic").stat().st_uid == 4321


def test_a_fit_writes_through_links_with_the_permissions_of_the_umask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = grey(tmp_path, shape=(2, 2, 1))
    (tmp_path / "disk").mkdir()
    (tmp_path / "net.safetensors").symlink_to("disk/real.safetensors")
    before = os.umask(0o027)
    try:
        assert run("fit", source, Path("net.safetensors")) == 3
        assert run("fit", source, Path("net.safetensors")) == 3  # it is ours now
    finally:
        os.umask(before)
    assert (tmp_path / "net.safetensors").is_symlink()
    made = [*(tmp_path / "disk").iterdir(), certificate_path(tmp_path / "net.safetensors")]
    made += (tmp_path / "net.safetensors.parts").iterdir()
    assert len(made) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o640}


def test_the_temporary_file_lies_beside_the_target_of_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to("disk/b.bin")
    with replacing(link) as temporary:
        assert temporary.parent == tmp_path / "disk"
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
    assert (tmp_path / "disk" / "b.bin").read_text() == "new"
