"""The public data sets: their table, and `companion.data` against a server on this machine."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.companion import data, data_sets, downloads, unpacking
from lossless_inr_lite.companion.data import Origin, fetch
from lossless_inr_lite.companion.data_checks import check_folder
from lossless_inr_lite.companion.downloads import DownloadError, Patience
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.errors import FileFormatError, InputError, OutputError
from lossless_inr_lite.signals import write_audio, write_image

KODAK = ROOT.parent / "shared" / "data" / "kodak"
BRISK = Patience(timeout=0.3, attempts=3, pause=0.01)
HEIGHT = 12
WIDTH = 16


# A server that misbehaves as it is told ----------------------------------------------------------


class Served:
    """What a path gives, and how: see `Handler`. `ranges` are those that were asked for."""

    def __init__(self, content: bytes, **faults) -> None:
        self.content = content
        self.faults = faults
        self.ranges: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """Answers to GET, with ranges; a path's faults change that."""

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        served = self.server.paths.get(self.path)
        if served is None:
            self.send_error(404)
            return
        faults = served.faults
        asked = self.headers.get("Range", "")
        served.ranges.append(asked)
        if "redirect" in faults:
            self.send_response(302)
            self.send_header("Location", faults["redirect"])
            self.end_headers()
            return
        if faults.get("busy", 0) >= len(served.ranges):
            self.send_error(503)
            return
        if faults.get("hang"):
            self.server.released.wait(5)
            return
        content = served.content
        start = 0
        if asked and not faults.get("no_ranges"):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            given = start + faults.get("shift", 0)
            self.send_header("Content-Range", f"bytes {given}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if not faults.get("no_length"):
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content)
        if faults.get("cuts", 0) >= len(served.ranges):
            end = (start + end) // 2
        self.wfile.write(content[start:end])
        if faults.get("stall"):
            self.wfile.flush()
            self.server.released.wait(5)


@pytest.fixture
def server(monkeypatch):
    """A server whose `paths` a test fills: path -> Served. It is asked without a proxy."""
    monkeypatch.setenv("no_proxy", "*")
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.daemon_threads = True
    serving.paths = {}
    serving.released = threading.Event()
    serving.address = f"http://127.0.0.1:{serving.server_port}"
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
    thread.start()
    yield serving
    serving.released.set()
    serving.shutdown()
    serving.server_close()
    thread.join()


# Small data sets ---------------------------------------------------------------------------------


def noise(seed, bits, shape):
    """Samples that use all of their bits."""
    samples = np.random.default_rng(seed).integers(0, 2**bits, shape)
    return samples.astype(np.uint16 if bits > 8 else np.uint8)


def picture_bytes(number, folder, bits=8):
    """A small noisy PNG."""
    random = np.random.default_rng(number)
    samples = random.integers(0, 2**bits, (HEIGHT, WIDTH, 3)).astype(
        np.uint16 if bits > 8 else np.uint8
    )
    path = folder / f"made{number}.png"
    write_image(path, samples, bits)
    return path.read_bytes()


def file_facts(name, content, **more):
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "bytes": len(content), "sha256": digest, **more}


def small_set(files, base, **more):
    expected = {
        "kind": "picture",
        "count": 2,
        "names": r"small\d\.png",
        "channels": 3,
        "bits": 8,
        "shapes": [[HEIGHT, WIDTH]],
    }
    facts = {
        "name": "small",
        "title": "Small pictures",
        "page": "https://example.org/small",
        "licence": "CC0 1.0",
        "used_for": "tests",
        "checksums": "this test",
        "bases": [base],
        "files": files,
        "expected": expected,
    }
    return data_sets.DataSet.model_validate({**facts, **more})


@pytest.fixture
def contents(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    return {f"small{number}.png": picture_bytes(number, folder) for number in (1, 2)}


@pytest.fixture
def small(server, contents):
    """A data set of two pictures, which the server gives."""
    for name, content in contents.items():
        server.paths[f"/set/{name}"] = Served(content)
    files = [file_facts(name, content) for name, content in contents.items()]
    return small_set(files, f"{server.address}/set/")


@pytest.fixture
def known(small, tmp_path, monkeypatch):
    """The command line knows the small set, and one that has to be asked for."""
    asked = small.model_dump(mode="json", exclude={"name", "files"})
    asked |= {"ask": "write to its owner", "files": []}
    table = {"small": small.model_dump(mode="json", exclude={"name"}), "asked": asked}
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"schema_version": 1, "sets": table}))
    monkeypatch.setattr(data_sets, "SOURCES", path)
    monkeypatch.delenv("LOSSLESS_INR_DATA", raising=False)
    data_sets.data_sets.cache_clear()
    yield small
    data_sets.data_sets.cache_clear()


def names_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# The table ---------------------------------------------------------------------------------------


def test_the_table_is_whole():
    table = data_sets.data_sets()
    assert set(table) >= {"kodak", "div2k", "librispeech", "mnist", "fashion_mnist"}
    assert {name for name, chosen in table.items() if chosen.ask} == {"testimages", "fivek"}
    places = []
    for chosen in table.values():
        assert bool(chosen.files) != bool(chosen.ask)
        assert chosen.licence
        assert all(base.endswith("/") for base in chosen.bases)
        for file in chosen.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.bytes > 0
            places += [] if chosen.archive else [file.place]
    # All lie below one folder and are looked for by their names.
    assert len(set(places)) == len(places)


def test_the_checksums_of_kodak_are_the_published_list():
    """A public record of the suite gives the SHA-256 of its list of checksums."""
    files = data_sets.data_set("kodak").files
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert digest == "3eaa5bd52eb8c894d351cf607028f5d3d80e778fd0267eeff8c73d66539a25d5"
    assert len(files) == data_sets.data_set("kodak").expected.count == 24


def test_kodak_originals_have_these_checksums():
    if not KODAK.is_dir():
        pytest.skip("there are no pictures of the Kodak set")
    published = {file.name: file for file in data_sets.data_set("kodak").files}
    paths = sorted(KODAK.glob("*.png"))
    assert paths
    for path in paths:
        content = path.read_bytes()
        assert len(content) == published[path.name].bytes
        assert hashlib.sha256(content).hexdigest() == published[path.name].sha256


def test_names_of_members_are_found():
    pattern = data_sets.data_set("fivek").expected.names
    good = ("a4001-DSC_0001.tif", "A5000-jn_2007.TIFF", "a4999-x.tif")
    bad = ("a4000-x.tif", "a5001-x.tif", "a40011-x.tif", "a4001-x.dng")
    assert all(re.fullmatch(pattern, name) for name in good)
    assert not any(re.fullmatch(pattern, name) for name in bad)
    pattern = data_sets.data_set("div2k").expected.names
    assert [n for n in range(1100) if re.fullmatch(pattern, f"{n:04d}.png")] == [*range(801, 901)]


def test_the_page_tells_every_set():
    page = (ROOT / "book" / "data_sets.md").read_text(encoding="utf-8")
    for name, chosen in data_sets.data_sets().items():
        assert f"`{name}`" in page
        assert chosen.page in page
        if chosen.files:
            assert f"{chosen.bytes / 1e6:.1f} MB" in page


# Fetching ----------------------------------------------------------------------------------------


def test_a_set_is_fetched_checked_and_found_by_name(small, tmp_path, monkeypatch, contents, capsys):
    target = tmp_path / "data"
    place = fetch(small, target, Origin(), BRISK)
    assert names_below(target) == [
        "small",
        "small/small1.png",
        "small/small2.png",
        "small/source.json",
    ]
    assert (place / "small1.png").read_bytes() == contents["small1.png"]
    assert "2 of 2" in capsys.readouterr().out
    monkeypatch.setenv("LOSSLESS_INR_DATA", str(target))
    assert lil.load_image("small1").samples.shape == (HEIGHT, WIDTH, 3)


def test_the_command_shows_the_licence_first_and_does_nothing_twice(
    known, server, tmp_path, capsys
):
    target = tmp_path / "data"
    arguments = ["fetch", "small", "--to", str(target), "--timeout", "1"]
    assert data.main(arguments) == 0
    out = capsys.readouterr().out
    assert out.index("licence: CC0 1.0") < out.index("as expected")
    assert f"LOSSLESS_INR_DATA={target}" in out
    asked = [len(served.ranges) for served in server.paths.values()]
    before = [path.stat().st_mtime_ns for path in sorted(target.rglob("*"))]
    assert data.main(arguments) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert [len(served.ranges) for served in server.paths.values()] == asked
    assert [path.stat().st_mtime_ns for path in sorted(target.rglob("*"))] == before
    assert data.main(["check", "small", str(target / "small")]) == 0
    assert "checksums are the published ones" in capsys.readouterr().out


def test_the_variable_names_the_folder(known, tmp_path, monkeypatch):
    monkeypatch.setenv("LOSSLESS_INR_DATA", str(tmp_path / "data"))
    assert data.main(["fetch", "small"]) == 0
    assert (tmp_path / "data" / "small" / "small2.png").is_file()


@pytest.mark.parametrize(("answer", "fetched"), [("y\n", True), ("\n", False), ("", False)])
def test_on_a_terminal_the_licence_is_agreed_to(known, tmp_path, monkeypatch, answer, fetched):
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)
    code = data.main(["fetch", "small", "--to", str(tmp_path / "data")])
    assert code == (0 if fetched else 2)
    assert (tmp_path / "data" / "small").exists() == fetched


def test_a_stopped_fetch_says_so(known, tmp_path, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "unpack", stop)
    monkeypatch.setattr(data, "check_folder", stop)
    target = tmp_path / "data"
    assert data.main(["fetch", "small", "--to", str(target)]) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert not (target / "small").exists()
    assert not list(target.rglob("ready"))


def test_without_a_checkout_there_is_no_table(known, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data_sets, "SOURCES", tmp_path / "nowhere.json")
    data_sets.data_sets.cache_clear()
    assert data.main(["list"]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_the_list_shows_all(known, capsys):
    assert data.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "small: Small pictures" in out
    assert "by hand: write to its owner" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "asked"], "write to its owner"),
        (["fetch", "kodim"], "allowed are asked, small"),
        (["fetch", "small"], "LOSSLESS_INR_DATA"),
        (["fetch", "small", "--to", "x", "--from", "nowhere"], "is no folder"),
        (["fetch", "small", "--to", "x", "--mirror", "file:///etc"], "http and https"),
        (["fetch", "small", "--to", "x", "--attempts", "0"], "1 or more"),
        (["check", "small", "nowhere"], "is no folder"),
    ],
)
def test_wrong_orders_are_one_sentence(known, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert data.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not list((tmp_path / "x").rglob("*.png"))


def fails(chosen, target, *said, error=DownloadError, origin=None):
    """A fetch that fails with a message, and leaves no folder of the set."""
    with pytest.raises(error) as caught:
        fetch(chosen, target, origin or Origin(), BRISK)
    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (target / chosen.name).exists()


def test_a_file_that_is_not_there(small, server, tmp_path):
    del server.paths["/set/small2.png"]
    fails(small, tmp_path / "data", f"{server.address}/set/small2.png answers 404")
    # What had come is not asked for again.
    asked = len(server.paths["/set/small1.png"].ranges)
    fails(small, tmp_path / "data", "404")
    assert len(server.paths["/set/small1.png"].ranges) == asked


def test_no_network(small, tmp_path, server):
    server.shutdown()
    server.server_close()
    fails(small, tmp_path / "data", "cannot be reached", "3 times")


@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_a_server_that_hangs(small, server, tmp_path, fault):
    path = "/set/small1.png"
    content = server.paths[path].content
    server.paths[path] = Served(content, cuts=99, **{fault: True})
    started = time.perf_counter()
    fails(small, tmp_path / "data", "sends nothing for 0.3 s", "3 times")
    assert time.perf_counter() - started < 3


def test_a_wrong_checksum_names_both(small, server, tmp_path):
    content = bytes(len(server.paths["/set/small1.png"].content))
    server.paths["/set/small1.png"] = Served(content)
    wrong = hashlib.sha256(content).hexdigest()
    fails(small, tmp_path / "data", wrong, small.files[0].sha256)
    assert not list((tmp_path / "data").rglob("*small1*"))


@pytest.mark.parametrize("no_length", [False, True])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_of_another_size(small, server, tmp_path, change, no_length):
    """A shorter one without a length looks like one that was cut."""
    content = server.paths["/set/small1.png"].content
    other = content[:-1] if change < 0 else content + b"x"
    server.paths["/set/small1.png"] = Served(other, no_length=no_length)
    fails(small, tmp_path / "data", str(len(content)))


def test_a_cut_download_goes_on_where_it_ended(small, server, tmp_path):
    path = "/set/small1.png"
    content = server.paths[path].content
    server.paths[path] = Served(content, cuts=1)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert server.paths[path].ranges == ["", f"bytes={len(content) // 2}-"]


def test_the_next_run_goes_on_too(small, server, tmp_path):
    path = "/set/small1.png"
    content = server.paths[path].content
    server.paths[path] = Served(content, cuts=99)
    fails(small, tmp_path / "data", f"of {len(content)} bytes", "goes on behind byte")
    part = tmp_path / "data" / ".fetch-small" / ".part-small1.png"
    have = part.stat().st_size
    assert part.read_bytes() == content[:have]
    server.paths[path] = Served(content)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert server.paths[path].ranges == [f"bytes={have}-"]
    assert names_below(tmp_path / "data")[0] == "small"


def test_a_server_without_ranges_sends_all_again(small, server, tmp_path):
    path = "/set/small1.png"
    server.paths[path] = Served(server.paths[path].content, cuts=1, no_ranges=True)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert len(server.paths[path].ranges) == 2


def test_a_server_that_sends_another_range_is_asked_for_all(small, server, tmp_path):
    path = "/set/small1.png"
    server.paths[path] = Served(server.paths[path].content, cuts=1, shift=1)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert server.paths[path].ranges[-1] == ""


@pytest.mark.parametrize("length", [50, None, 10_000])
def test_a_part_of_another_file_is_given_up(small, server, tmp_path, length):
    """One of another content, one that is as long as the whole, and one that is longer."""
    size = len(server.paths["/set/small1.png"].content) if length is None else length
    part = tmp_path / "data" / ".fetch-small" / ".part-small1.png"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(size))
    fetch(small, tmp_path / "data", Origin(), BRISK)


def test_a_busy_server_is_asked_again(small, server, tmp_path):
    path = "/set/small1.png"
    server.paths[path] = Served(server.paths[path].content, busy=2)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert len(server.paths[path].ranges) == 3


def test_redirects_are_followed(small, server, tmp_path):
    server.paths["/set/small1.png"].faults["redirect"] = f"{server.address}/there"
    server.paths["/there"] = Served(server.paths["/set/small1.png"].content, cuts=1)
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert server.paths["/there"].ranges[1].startswith("bytes=")


def test_another_base_helps_out(small, server, tmp_path):
    bases = (f"{server.address}/gone/", *small.bases)
    fetch(small.model_copy(update={"bases": bases}), tmp_path / "data", Origin(), BRISK)


@pytest.mark.parametrize("root", ["/mirror/set", "/mirror"])
def test_a_mirror_replaces_the_hosts(small, server, tmp_path, contents, root):
    """Files lie on it under their own paths, or directly below."""
    for name, content in contents.items():
        server.paths[f"{root}/{name}"] = Served(content)
    elsewhere = small.model_copy(update={"bases": ("http://no-such-host.invalid/set/",)})
    fetch(elsewhere, tmp_path / "data", Origin(mirror=f"{server.address}/mirror/"), BRISK)


def test_files_that_were_downloaded_already(small, server, tmp_path, contents):
    server.paths.clear()
    source = tmp_path / "stick" / "below"
    source.mkdir(parents=True)
    (source / "small1.png").write_bytes(contents["small1.png"])
    origin = Origin(folder=tmp_path / "stick")
    fails(small, tmp_path / "data", "small2.png is not in", error=InputError, origin=origin)
    (source / "small2.png").write_bytes(contents["small1.png"])
    wrong = [file.sha256 for file in small.files]
    fails(small, tmp_path / "data", *wrong, error=InputError, origin=origin)
    (source / "small2.png").write_bytes(contents["small2.png"])
    fetch(small, tmp_path / "data", origin, BRISK)
    assert len(list(source.iterdir())) == 2


# What is there already, and the disk -------------------------------------------------------------


@pytest.mark.parametrize("change", ["differs", "missing", "file"])
def test_what_differs_is_never_replaced(known, server, tmp_path, capsys, change):
    target = tmp_path / "data"
    fetch(known, target, Origin(), BRISK)
    path = target / "small" / "small1.png"
    if change == "differs":
        path.write_bytes(b"mine")
    elif change == "missing":
        path.unlink()
    else:
        shutil.rmtree(target / "small")
        (target / "small").write_text("mine")
    before = names_below(target)
    capsys.readouterr()
    assert data.main(["fetch", "small", "--to", str(target)]) == 2
    error = capsys.readouterr().err
    assert "move it away" in error
    assert names_below(target) == before
    if change == "differs":
        assert known.files[0].sha256 in error
        assert path.read_bytes() == b"mine"


def test_a_disk_that_is_too_small_is_told_before_the_download(small, server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    fails(small, tmp_path / "data", "small needs up to", "are free there", error=OutputError)
    assert not any(served.ranges for served in server.paths.values())


def test_a_disk_that_becomes_full(small, tmp_path, monkeypatch):
    real = open

    def full(path, mode="r", *arguments, **keywords):
        if "b" in mode and ("w" in mode or "a" in mode) and ".part-" in str(path):
            return real("/dev/full", mode, *arguments, **keywords)
        return real(path, mode, *arguments, **keywords)

    monkeypatch.setattr(downloads, "open", full, raising=False)
    fails(small, tmp_path / "data", "No space left", error=OutputError)


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot write"):
        fetch(small, tmp_path / "file", Origin(), BRISK)


def test_two_fetches_of_one_set(small, tmp_path, server):
    """The second one is refused: a lock of the system tells."""
    fcntl = pytest.importorskip("fcntl")
    staging = tmp_path / "data" / ".fetch-small"
    staging.mkdir(parents=True)
    descriptor = os.open(staging / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        fails(small, tmp_path / "data", "another process fetches small", error=InputError)
    finally:
        os.close(descriptor)
    fetch(small, tmp_path / "data", Origin(), BRISK)


def test_what_a_killed_run_left_is_made_anew(small, tmp_path):
    ready = tmp_path / "data" / ".fetch-small" / "ready"
    ready.mkdir(parents=True)
    (ready / "small1.png").write_bytes(b"half")
    (ready.parent / "tmpabc").write_bytes(b"of pooch")
    fetch(small, tmp_path / "data", Origin(), BRISK)
    assert names_below(tmp_path / "data")[0] == "small"


def test_what_a_run_left_that_was_killed_at_its_end_goes(known, tmp_path):
    target = tmp_path / "data"
    fetch(known, target, Origin(), BRISK)
    (target / ".fetch-small").mkdir()
    (target / ".fetch-small" / "small1.png").write_bytes(b"left")
    assert data.main(["fetch", "small", "--to", str(target)]) == 0
    assert names_below(target)[0] == "small"


# Archives ----------------------------------------------------------------------------------------


def zipped(members, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path.read_bytes()


def tarred(members, path):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


PACKERS = {"set.zip": zipped, "set.tar.gz": tarred}
WANTED = {
    "members": [{"names": r"top/(small\d\.png)", "saved_as": r"\1"}],
    "most_bytes": 10_000,
    "most_members": 6,
}


def archive_set(server, tmp_path, name, members):
    content = PACKERS[name](members, tmp_path / name)
    server.paths[f"/{name}"] = Served(content)
    return small_set([file_facts(name, content)], f"{server.address}/", archive=WANTED)


@pytest.mark.parametrize("name", PACKERS)
def test_archives_are_unpacked(server, tmp_path, contents, name):
    members = [(f"top/{inside}", content) for inside, content in contents.items()]
    chosen = archive_set(server, tmp_path, name, [*members, ("top/README", b"hello")])
    target = tmp_path / "data"
    fetch(chosen, target, Origin(), BRISK)
    assert names_below(target)[1:] == ["small/small1.png", "small/small2.png", "small/source.json"]
    assert (target / "small" / "small2.png").read_bytes() == contents["small2.png"]
    data.check_there(chosen, target / "small")
    (target / "small" / "small2.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"small2\.png in it has the SHA-256"):
        data.check_there(chosen, target / "small")


@pytest.mark.parametrize(
    "record", [None, "", "[]", "[" * 100_000, '{"fetched": 1}', '{"fetched": {}, "sha256": {}}']
)
def test_an_archives_folder_without_its_record_is_left_alone(server, tmp_path, contents, record):
    members = [(f"top/{inside}", content) for inside, content in contents.items()]
    chosen = archive_set(server, tmp_path, "set.zip", members)
    place = tmp_path / "data" / "small"
    place.mkdir(parents=True)
    if record is not None:
        (place / "source.json").write_text(record)
    with pytest.raises(InputError, match=r"source\.json"):
        data.check_there(chosen, place)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("evil", ["../evil.png", "/tmp/evil.png", "top/../../evil.png", "a\\b"])
def test_names_that_lead_out_are_refused(server, tmp_path, contents, name, evil):
    members = [("top/small1.png", contents["small1.png"]), (evil, b"evil")]
    chosen = archive_set(server, tmp_path, name, members)
    fails(chosen, tmp_path / "data", "leads out", error=FileFormatError)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", PACKERS)
def test_bombs_are_refused(server, tmp_path, name):
    chosen = archive_set(server, tmp_path, name, [("top/small1.png", bytes(10_000_000))])
    fails(chosen, tmp_path / "data", "more than", "10000", error=FileFormatError)
    many = [(f"top/small{n}.png", b"x") for n in range(9)]
    chosen = archive_set(server, tmp_path, name, many)
    fails(chosen, tmp_path / "data", "more than 6 members", error=FileFormatError)


def test_a_zip_that_understates_its_sizes(tmp_path, contents):
    content = zipped([("top/small1.png", bytes(1_000_000))], tmp_path / "set.zip")
    small = (100).to_bytes(4, "little")
    (tmp_path / "set.zip").write_bytes(content.replace((1_000_000).to_bytes(4, "little"), small))
    (tmp_path / "out").mkdir()
    wanted = data_sets.Archive.model_validate(WANTED)
    with pytest.raises(FileFormatError):
        unpacking.unpack(tmp_path / "set.zip", tmp_path / "out", wanted)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_in_a_tar_are_refused(server, tmp_path, kind):
    link = tarfile.TarInfo("top/small1.png")
    link.type = kind
    link.linkname = "/etc/passwd"
    chosen = archive_set(server, tmp_path, "set.tar.gz", [(link, b"")])
    fails(chosen, tmp_path / "data", "which is no file", error=FileFormatError)


def test_links_in_a_zip_are_refused(server, tmp_path):
    link = zipfile.ZipInfo("top/small1.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    chosen = archive_set(server, tmp_path, "set.zip", [(link, b"/etc/passwd")])
    fails(chosen, tmp_path / "data", "which is no file", error=FileFormatError)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_damaged_archives(tmp_path, contents, name, keep):
    members = [(f"top/{inside}", content) for inside, content in contents.items()]
    content = PACKERS[name](members, tmp_path / name)
    (tmp_path / name).write_bytes(content[: int(keep * len(content))])
    (tmp_path / "out").mkdir()
    with pytest.raises(FileFormatError, match="is damaged"):
        unpacking.unpack(
            tmp_path / name, tmp_path / "out", data_sets.Archive.model_validate(WANTED)
        )


def test_an_archive_without_its_files(server, tmp_path):
    chosen = archive_set(server, tmp_path, "set.zip", [("top/README", b"hello")])
    fails(chosen, tmp_path / "data", "holds 0 files", "2 are expected", error=InputError)


def test_the_archives_of_the_table_take_what_they_should():
    speech = data_sets.data_set("librispeech")
    assert speech.archive is not None

    def place(name):
        return unpacking._target(Path("x.tar.gz"), name, Path("nowhere"), speech.archive)

    inside = "LibriSpeech/test-clean/61/70968"
    assert place(f"{inside}/61-70968-0000.flac") == Path("nowhere/61/70968/61-70968-0000.flac")
    assert place(f"{inside}/61-70968.trans.txt") == Path("nowhere/61/70968/transcripts.txt")
    assert place("LibriSpeech/README.TXT") is None
    pictures = data_sets.data_set("div2k").archive
    assert pictures is not None
    found = unpacking._target(Path("x"), "DIV2K_valid_HR/0801.png", Path("nowhere"), pictures)
    assert found == Path("nowhere/0801.png")


# What is in a folder -----------------------------------------------------------------------------


def pictures_in(folder, count=2, bits=8, shape=(HEIGHT, WIDTH, 3), stretched=False):
    folder.mkdir(exist_ok=True)
    for number in range(1, count + 1):
        samples = (
            np.random.default_rng(number)
            .integers(0, 2**bits, shape)
            .astype(np.uint16 if bits > 8 else np.uint8)
        )
        if stretched:
            samples = (samples >> 8) * 257
        write_image(folder / f"small{number}.png", samples, bits)
    return folder


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"count": 1}, r"holds 1 files .* small2\.png missing"),
        ({"bits": 16}, "16 bits a sample, and 8 are expected"),
        ({"shape": (WIDTH, HEIGHT, 3)}, "12 x 16"),
        ({"shape": (HEIGHT, WIDTH, 1)}, "1 channel,"),
    ],
)
def test_check_tells_what_differs(small, tmp_path, made, said):
    folder = pictures_in(tmp_path / "mine", **made)
    with pytest.raises(InputError, match=said):
        check_folder(small, folder)


def test_check_names_files_that_cannot_be_read(small, tmp_path):
    folder = pictures_in(tmp_path / "mine")
    (folder / "small1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"1 of 2 files .* \(small1\.png\)"):
        check_folder(small, folder)


def test_check_finds_stretched_pictures(known, tmp_path, capsys, monkeypatch):
    """The exit code tells a doubt from an error."""
    deep = known.expected.model_copy(update={"bits": 16})
    chosen = known.model_copy(update={"expected": deep, "files": (), "ask": "ask"})
    monkeypatch.setattr(data, "data_set", lambda name: chosen)
    genuine = pictures_in(tmp_path / "genuine", bits=16)
    assert data.main(["check", "small", str(genuine)]) == 0
    stretched = pictures_in(tmp_path / "stretched", bits=16, stretched=True)
    capsys.readouterr()
    assert data.main(["check", "small", str(stretched)]) == 1
    assert "0 of 2" in capsys.readouterr().out


def test_check_of_testimages_counts_40_pictures_of_16_bits(tmp_path, monkeypatch):
    chosen = data_sets.data_set("testimages")
    assert (chosen.expected.count, chosen.expected.bits) == (40, 16)
    tiny = chosen.expected.model_copy(update={"shapes": ((HEIGHT, WIDTH),)})
    chosen = chosen.model_copy(update={"expected": tiny})
    checked = check_folder(chosen, pictures_in(tmp_path / "mine", count=40, bits=16))
    assert checked.count == 40
    assert checked.looked_at == 24


def test_check_of_sound(tmp_path):
    speech = data_sets.data_set("librispeech")
    chosen = speech.model_copy(update={"expected": speech.expected.model_copy(update={"count": 1})})
    samples = np.random.default_rng(0).integers(-9000, 9000, (4000, 1)).astype(np.int16)
    write_audio(tmp_path / "1-2-3.flac", samples, 16, 16000, "PCM_16")
    assert check_folder(chosen, tmp_path).count == 1
    write_audio(tmp_path / "1-2-3.flac", samples, 16, 8000, "PCM_16")
    with pytest.raises(InputError, match="8000 Hz, and 16000 are expected"):
        check_folder(chosen, tmp_path)


def idx(shape, count_told=None):
    values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    told = (count_told or shape[0], *shape[1:])
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in told)
    return gzip.compress(head + values.tobytes(), mtime=0)


def test_idx_files_are_fetched_under_their_own_names(server, tmp_path):
    files = {"images.gz": idx((30, 4, 4)), "labels.gz": idx((30,))}
    for name, content in files.items():
        server.paths[f"/{name}"] = Served(content)
    shapes = {"images.gz": (30, 4, 4), "labels.gz": (30,)}
    facts = [file_facts(n, c, saved_as=f"my-{n}", shape=shapes[n]) for n, c in files.items()]
    expected = {"kind": "idx", "count": 2, "names": r"my-.*\.gz", "channels": 1, "bits": 8}
    chosen = small_set(facts, f"{server.address}/", expected=expected)
    place = fetch(chosen, tmp_path / "data", Origin(), BRISK)
    assert names_below(place) == ["my-images.gz", "my-labels.gz", "source.json"]
    data.check_there(chosen, place)
    (place / "my-images.gz").write_bytes(idx((30, 4, 4), count_told=31))
    with pytest.raises(InputError, match="30 x 4 x 4"):
        check_folder(chosen, place)
    (place / "my-images.gz").write_bytes(idx((1000, 4, 4)))
    with pytest.raises(InputError, match="larger than"):
        check_folder(chosen, place)
