"""Files appear whole or not at all, leave nothing behind, and tell what is wrong with them."""

import multiprocessing
import os
import stat
import string
import time
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossless_inr_lite.errors import FileFormatError, InputError, counted
from lossless_inr_lite.files import (
    Envelope,
    check_writable,
    inflated,
    read_bytes,
    replacing,
    write_json,
)

ROUNDS = 300


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


# Writing ---------------------------------------------------------------------------------------


def test_a_file_appears_whole_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    with replacing(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, ".txt")
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with suppress(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_check_leaves_nothing_behind(tmp_path):
    assert check_writable(tmp_path / "a" / "b" / "c.txt") == tmp_path / "a" / "b" / "c.txt"
    assert check_writable(tmp_path / "d.txt") == tmp_path / "d.txt"
    assert list(tmp_path.iterdir()) == []


def test_a_check_leaves_an_existing_file_as_it_is(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("mine")
    before = path.stat()
    check_writable(path)
    assert path.read_text() == "mine"
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_check_does_not_climb_out_of_missing_folders(tmp_path):
    check_writable(tmp_path / "a" / ".." / ".." / ".." / "b" / "c.txt")
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "b").exists()
    assert not (tmp_path.parent.parent / "b").exists()


@pytest.mark.parametrize(
    "name",
    [
        ".",
        "file/a.txt",
        "file/b/a.txt",
        "link/a.txt",
        "x" * 300,
        "b/" + "x" * 300 + "/a.txt",
        "a." + "x" * 250,
        "a\0b.txt",
        "/proc/none/a.txt",
    ],
)
def test_a_place_where_no_file_can_be_is_an_error_at_once(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot write"):
        check_writable(tmp_path / name)
    with pytest.raises(InputError, match="cannot write"), replacing(tmp_path / name):
        pytest.fail("there is no place for a file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o027, 0o077])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "ours.json", {"a": 1})
        (tmp_path / "plain").write_text("made by open")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "ours.json") == 0o666 & ~umask == mode_of(tmp_path / "plain")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o400, 0o664, 0o755, 0o666])
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_replaced_file_keeps_its_permissions(tmp_path, mode, umask):
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(mode)
    before = os.umask(umask)
    try:
        with replacing(path) as temporary:
            shown = mode_of(temporary)
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert shown & 0o077 & ~mode == 0, "others may read what is not finished"
    assert path.read_text() == "new"
    assert mode_of(path) == mode


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def check_each_round(folder, start):
    for number in range(ROUNDS):
        start.wait()
        check_writable(folder / str(number) / "a" / "b" / "probe.txt")


def write_each_round(folder, start):
    """Make folders, wait, write into them: as any program does that knows nothing of the other."""
    for number in range(ROUNDS):
        start.wait()
        inside = folder / str(number) / "a" / "b"
        inside.mkdir(parents=True, exist_ok=True)
        time.sleep(0.0002 * (number % 4))
        (inside / "mine.txt").write_text("mine")


def exit_codes(*processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def test_a_check_never_removes_the_folders_of_another_process(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2, timeout=100)
    checks = context.Process(target=check_each_round, args=(tmp_path, start))
    writes = context.Process(target=write_each_round, args=(tmp_path, start))
    assert exit_codes(checks, writes) == [0, 0]
    assert len(list(tmp_path.glob("*/a/b/mine.txt"))) == ROUNDS
    assert not list(tmp_path.rglob("probe.txt"))


def write_many(folder, start, name):
    for number in range(ROUNDS):
        start.wait()
        write_json(folder / str(number) / "deep" / f"{name}.json", {"number": number})


def test_two_processes_write_into_the_same_new_folders(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2, timeout=100)
    first = context.Process(target=write_many, args=(tmp_path, start, "a"))
    second = context.Process(target=write_many, args=(tmp_path, start, "b"))
    assert exit_codes(first, second) == [0, 0]
    for number in range(ROUNDS):
        names = sorted(path.name for path in (tmp_path / str(number) / "deep").iterdir())
        assert names == ["a.json", "b.json"]


# Reading ---------------------------------------------------------------------------------------


def test_a_file_is_read_up_to_a_limit(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    assert read_bytes(path) == read_bytes(path, limit=5) == b"12345"
    with pytest.raises(FileFormatError, match=r"a\.bin is larger than 4 bytes"):
        read_bytes(path, limit=4)
    with pytest.raises(FileFormatError, match="is larger than 1000 bytes"):
        read_bytes("/dev/zero", limit=1000)


@pytest.mark.parametrize("name", ["missing", "", "x" * 300, "a\0b"])
@pytest.mark.parametrize("error", [InputError, FileFormatError])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, error):
    with pytest.raises(InputError, match=r"^cannot read ") as found:
        read_bytes(tmp_path / name, error=error)
    assert found.type is error
    assert "Errno" not in str(found.value)


def deflated(data, zdict=None, wbits=zlib.MAX_WBITS):
    options = {} if zdict is None else {"zdict": zdict}
    stream = zlib.compressobj(9, zlib.DEFLATED, wbits, **options)
    return stream.compress(data) + stream.flush()


@given(st.binary(max_size=200), st.none() | st.binary(min_size=1), st.sampled_from([15, -15]))
def test_what_was_deflated_comes_back(data, zdict, wbits):
    packed = deflated(data, zdict, wbits)
    assert inflated(packed, len(data), "it", zdict, wbits) == data


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_stream_that_is_not_whole_or_too_large_is_an_error(data, draw):
    packed = deflated(data)
    cut = draw.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(FileFormatError, match=r"^the header is cut off$"):
        inflated(packed[:cut], len(data), "the header")
    tail = draw.draw(st.binary(min_size=1, max_size=9))
    with pytest.raises(FileFormatError, match=f"has {counted(len(tail), 'byte')} behind its end"):
        inflated(packed + tail, len(data), "the header")
    limit = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(FileFormatError, match=f"is larger than {limit} bytes"):
        inflated(packed, limit, "the header")
    with pytest.raises(FileFormatError, match="the header cannot be inflated"):
        inflated(b"\xff" + packed, len(data), "the header")


# The envelope ----------------------------------------------------------------------------------

bodies = st.binary(max_size=60)
envelopes = st.builds(
    Envelope,
    magic=st.binary(min_size=4, max_size=8),
    kind=st.text(string.ascii_letters, min_size=1, max_size=9).map("file of {}".format),
    version=st.integers(1, 254),
    digest_bytes=st.sampled_from([8, 16, 32]),
)


@given(envelopes, bodies)
def test_a_body_comes_back(envelope, body):
    assert envelope.opened(envelope.sealed(body), "it") == body


@given(envelopes, bodies)
def test_an_envelope_is_what_its_docstring_draws(envelope, body):
    data = envelope.sealed(body)
    assert data.startswith(envelope.magic + bytes([envelope.version]) + body)
    assert len(data) == len(envelope.magic) + 1 + len(body) + envelope.digest_bytes


@given(envelopes, bodies, st.data())
def test_every_flipped_bit_is_an_error(envelope, body, draw):
    data = bytearray(envelope.sealed(body))
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(FileFormatError) as error:
        envelope.opened(bytes(data), "x.bin")
    expected = "is damaged or truncated: its bytes do not match their checksum"
    if place < len(envelope.magic):
        expected = f"is not a {envelope.kind}: its first bytes are others"
    if place == len(envelope.magic) and data[place] > envelope.version:
        expected = f"has format version {data[place]}, this package reads up to {envelope.version}"
    assert str(error.value).startswith(f"x.bin {expected}")


@given(envelopes, bodies, st.data())
def test_every_cut_and_tail_is_an_error(envelope, body, draw):
    data = envelope.sealed(body)
    cut = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(FileFormatError, match=r"^x\.bin is (damaged or )?truncated: "):
        envelope.opened(data[:cut], "x.bin")
    tail = draw.draw(st.binary(min_size=1, max_size=5))
    with pytest.raises(FileFormatError, match=r"^x\.bin is damaged or truncated: "):
        envelope.opened(data + tail, "x.bin")


@given(envelopes, bodies, st.integers(0, 255))
def test_another_version_is_an_error_whatever_its_checksum(envelope, body, version):
    data = Envelope(envelope.magic, envelope.kind, version, envelope.digest_bytes).sealed(body)
    if version == envelope.version:
        assert envelope.opened(data, "x.bin") == body
        return
    with pytest.raises(FileFormatError, match=rf"^x\.bin has format version {version}, this "):
        envelope.opened(data, "x.bin")


@given(envelopes, st.binary(max_size=100))
def test_any_other_bytes_are_an_error(envelope, data):
    with pytest.raises(FileFormatError, match=r"^x\.bin (is|has) "):
        envelope.opened(data, "x.bin")
