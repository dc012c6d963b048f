"""FLAC: what the file says of itself is checked, streams are read, and what is not kept is told."""

import hashlib
import io
import struct

import numpy as np
import pytest
import soundfile

import lossless_inr_lite as lil
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import write_audio
from lossless_inr_lite.signals.audio_files import check_audio_output
from lossless_inr_lite.signals.meaning import Meaning

CODES = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7}  # of depths in the header of a frame
CRC8 = 0x07
CRC16 = 0x8005


def crc(data, polynomial, width):
    value = 0
    for byte in data:
        value ^= byte << width - 8
        for _ in range(8):
            value <<= 1
            if value >> width:
                value ^= polynomial | 1 << width
    return value


def bits_of(number, count):
    return f"{number & (1 << count) - 1:0{count}b}"


def frame(block, number, num_bits, code=None):
    """One frame of verbatim samples (n, C), n at most 256, as RFC 9639 has it."""
    code = CODES.get(num_bits, 0) if code is None else code
    head = bytes([0xFF, 0xF8, 0x60, (block.shape[1] - 1) << 4 | code << 1, number, len(block) - 1])
    head += bytes([crc(head, CRC8, 8)])
    text = ""
    for channel in block.T:
        text += "00000010" + "".join(bits_of(int(sample), num_bits) for sample in channel)
    text += "0" * (-len(text) % 8)
    body = head + int(text, 2).to_bytes(len(text) // 8, "big")
    return body + struct.pack(">H", crc(body, CRC16, 16))


def md5_of(samples, num_bits):
    width = -(-num_bits // 8)
    raw = b"".join(
        int(x).to_bytes(4, "little", signed=True)[:width] for x in np.asarray(samples).ravel()
    )
    return hashlib.md5(raw).digest()


def block(kind, body, is_last=False):
    return bytes([kind | 0x80 * is_last]) + len(body).to_bytes(3, "big") + body


def flac(samples, num_bits, *, rate=8000, frames=None, md5=None, blocks=(), code=None, size=64):
    """A file of samples (T, C); STREAMINFO says `frames` and `md5` in place of the truth."""
    frames = len(samples) if frames is None else frames
    md5 = md5_of(samples, num_bits) if md5 is None else md5
    numbers = rate << 44 | (samples.shape[1] - 1) << 41 | (num_bits - 1) << 36 | frames
    info = struct.pack(">HH", size, size) + bytes(6) + numbers.to_bytes(8, "big") + md5
    head = block(0, info, not blocks)
    for number, (kind, body) in enumerate(blocks):
        head += block(kind, body, number == len(blocks) - 1)
    parts = [samples[start : start + size] for start in range(0, len(samples), size)]
    return b"fLaC" + head + b"".join(frame(part, i, num_bits, code) for i, part in enumerate(parts))


def noise(num_bits, channels=1, length=150):
    low = -(2 ** (num_bits - 1))
    rng = np.random.default_rng(num_bits)
    return rng.integers(low, -low, (length, channels)).astype(np.int32)


@pytest.fixture
def loaded(tmp_path):
    """Bytes -> the signal of a file of them."""

    def load(data, **options):
        (tmp_path / "s.flac").write_bytes(data)
        return lil.load_signal(tmp_path / "s.flac", **options)

    return load


# Depths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [None, 0])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("num_bits", [8, 12, 16, 20, 24, 32])
def test_every_depth_that_frames_name_is_exact(loaded, tmp_path, num_bits, channels, frames):
    samples = noise(num_bits, channels)
    signal = loaded(flac(samples, num_bits, frames=frames))
    container = -(-num_bits // 8) * 8
    assert signal.num_bits == container
    assert np.array_equal(signal.samples, samples << container - num_bits)
    told = num_bits != container
    phrase = f"the depth of {num_bits} bits, in the upper bits of {container}"
    assert signal.not_kept == ((phrase,) if told else ())
    suffix = ".flac" if num_bits == 8 else ".wav"
    write_audio(tmp_path / f"back{suffix}", signal.samples, signal.num_bits, 8000, signal.subtype)
    back = lil.load_signal(tmp_path / f"back{suffix}")
    assert (back.spec.facts, back.sha256) == (signal.spec.facts, signal.sha256)


@pytest.mark.parametrize("num_bits", [4, 10, 15, 17, 23, 25])
def test_other_depths_are_named(loaded, num_bits):
    with pytest.raises(InputError, match=f"holds {num_bits} bits a sample: libsndfile"):
        loaded(flac(noise(num_bits), num_bits))


def test_a_depth_that_only_the_header_says(loaded):
    """16 bits are read then; 20 are not, since the library is told another depth."""
    assert np.array_equal(loaded(flac(noise(16), 16, code=0)).samples, noise(16))
    with pytest.raises(InputError, match="holds 20 bits a sample"):
        loaded(flac(noise(20), 20, code=0))


def test_a_depth_that_is_said_twofold_is_refused(loaded):
    with pytest.raises(InputError, match="declares 24 bits a sample, and its first frame 16"):
        loaded(flac(noise(24), 24, code=CODES[16]))


# Lengths and sums -----------------------------------------------------------------------------


@pytest.mark.parametrize("md5", [None, bytes(16)])
def test_a_stream_is_read_to_its_end(loaded, md5):
    samples = noise(16, 2)
    assert np.array_equal(loaded(flac(samples, 16, frames=0, md5=md5)).samples, samples)


def test_another_md5_is_refused(loaded):
    with pytest.raises(InputError, match="damaged: its samples do not match the MD5"):
        loaded(flac(noise(16), 16, md5=b"0123456789abcdef"))


@pytest.mark.parametrize(("frames", "sentence"), [(149, "more than the 149"), (151, "150 found")])
@pytest.mark.parametrize("md5", [None, bytes(16)])
def test_another_length_is_refused(loaded, frames, sentence, md5):
    with pytest.raises(InputError, match=sentence):
        loaded(flac(noise(16), 16, frames=frames, md5=md5))


@pytest.mark.parametrize("frames", [None, 0])
@pytest.mark.parametrize("place", [-1, -30, -200, 45])
@pytest.mark.parametrize("is_cut", [True, False])
def test_damage_is_refused(loaded, frames, place, is_cut):
    data = bytearray(flac(noise(16), 16, frames=frames))
    if is_cut:
        del data[place:]
    else:
        data[place] ^= 0x10
    with pytest.raises(InputError, match=r"s\.flac .*(broken|truncated|damaged)"):
        loaded(bytes(data))


def test_a_long_silence_in_few_bytes_is_bounded(loaded):
    samples = np.zeros((2**20, 2), np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, "PCM_16", format="FLAC")
    data = bytearray(file.getvalue())
    with pytest.raises(InputError, match="declares 1048576 frames of 2 channels"):
        loaded(bytes(data), max_pixels=100_000)
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # no length
    with pytest.raises(InputError, match="holds 65536 frames of 2 channels, more than the 100000"):
        loaded(bytes(data), max_pixels=100_000)
    assert np.array_equal(loaded(bytes(data)).samples, samples)


def test_nonsense_lengths_end_in_a_sentence(loaded):
    with pytest.raises(InputError, match="--max-pixels"):
        loaded(flac(noise(16), 16, frames=2**36 - 1))


# What else stands in the file -----------------------------------------------------------------


def comments(*texts):
    packed = [struct.pack("<I", len(text)) + text for text in (b"x", *texts)]
    return packed[0] + struct.pack("<I", len(texts)) + b"".join(packed[1:])


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([(4, comments())], ()),
        ([(4, comments(b"TITLE=a"))], ("a comment",)),
        ([(4, comments(b"TITLE=a", b"ARTIST=b"))], ("2 comments",)),
        ([(1, bytes(9)), (3, bytes(18))], ()),
        ([(2, b"abcd")], ("data of a program",)),
        ([(6, bytes(32)), (6, bytes(32))], ("a picture",)),
        ([(5, bytes(396))], ("a cue sheet",)),
    ],
)
def test_what_is_not_kept_is_told(loaded, blocks, told):
    signal = loaded(flac(noise(16), 16, blocks=blocks))
    assert np.array_equal(signal.samples, noise(16))
    assert signal.not_kept == told


@pytest.mark.parametrize("length", [0, 16, 300])
@pytest.mark.parametrize("frames", [None, 0])
def test_tags_around_are_passed_over(loaded, length, frames):
    tag = b"ID3\4\0\0" + bytes([0, 0, length >> 7, length & 0x7F]) + bytes(length)
    data = flac(noise(16), 16, frames=frames)
    for before in (tag, tag + tag):
        signal = loaded(before + data)
        assert np.array_equal(signal.samples, noise(16))
        assert signal.not_kept == ("an ID3 tag",)
    behind = loaded(data + b"TAG" + bytes(125))
    assert np.array_equal(behind.samples, noise(16))
    assert behind.not_kept == ("an ID3 tag",)


def test_bytes_behind_the_end_are_told(loaded):
    signal = loaded(flac(noise(16), 16) + bytes(200))
    assert np.array_equal(signal.samples, noise(16))
    assert signal.not_kept == ("bytes behind its end",)


def test_two_sounds_in_one_file_are_refused(loaded):
    for data in (flac(noise(16), 16), flac(noise(16), 16, frames=0)):
        with pytest.raises(InputError, match="several sounds, one behind the other"):
            loaded(data + data)


def test_a_file_without_its_parts_is_broken(loaded):
    data = flac(noise(16), 16)
    with pytest.raises(InputError, match="no block STREAMINFO"):
        loaded(b"fLaC" + block(4, comments(), True) + data[42:])
    with pytest.raises(InputError, match="no frame of samples"):
        loaded(data[:42])
    with pytest.raises(InputError, match="truncated: it ends within the blocks"):
        loaded(data[:20])
    with pytest.raises(InputError, match="declares 0 samples a second"):
        loaded(flac(noise(16), 16, rate=0))


def rate_frame(block, number, num_bits, code, extra=b"", is_variable=False):
    """A frame whose header names a rate by its code, and by what follows the header's number."""
    plain = frame(block, number, num_bits)
    head = bytes([0xFF, 0xF9 if is_variable else 0xF8, 0x60 | code]) + plain[3:6] + extra
    head += bytes([crc(head, CRC8, 8)])
    body = head + plain[7:-2]
    return body + struct.pack(">H", crc(body, CRC16, 16))


def file_of_frames(samples, rate, frames):
    head = flac(samples, 16, rate=rate)[:42]
    return head + b"".join(frames)


RATE_CODES = [(9, b"", 44100), (12, bytes([96]), 96000), (13, struct.pack(">H", 12345), 12345)]
RATE_CODES += [(14, struct.pack(">H", 4411), 44110), (4, b"", 8000)]


@pytest.mark.parametrize(("code", "extra", "rate"), RATE_CODES)
def test_a_rate_that_changes_in_a_frame_is_refused(loaded, code, extra, rate):
    samples = noise(16, length=192)
    parts = [samples[start : start + 64] for start in range(0, 192, 64)]
    same = [rate_frame(part, i, 16, code, extra) for i, part in enumerate(parts)]
    assert np.array_equal(loaded(file_of_frames(samples, rate, same)).samples, samples)
    silent = [frame(part, i, 16) for i, part in enumerate(parts)]
    changed = [silent[0], same[1], silent[2]]
    sentence = f"it declares 22050 Hz, and its frame 1 has {rate} Hz: a sound of one rate is needed"
    with pytest.raises(InputError, match=sentence):
        loaded(file_of_frames(samples, 22050, changed))


def test_what_looks_like_a_frame_inside_a_frame_is_none(loaded):
    """Samples that spell the header of another rate: only the number of the frame is wrong."""
    spelt = rate_frame(noise(16, length=64), 7, 16, 9)[:8].ljust(8, b"\0")
    samples = noise(16, length=64)
    samples[10:14, 0] = np.frombuffer(spelt, ">i2")
    signal = loaded(flac(samples, 16, rate=8000))
    assert np.array_equal(signal.samples, samples)


@pytest.mark.parametrize("is_variable", [False, True])
def test_a_stream_without_its_header_is_named(loaded, is_variable):
    data = rate_frame(noise(16, length=64), 0, 16, 9, is_variable=is_variable)
    with pytest.raises(InputError, match=r"but a FLAC stream without its header \(fLaC\)"):
        loaded(data)


def test_bytes_before_the_header_are_named(loaded):
    with pytest.raises(InputError, match="but bytes of something else before a FLAC sound"):
        loaded(b"some words, then " + flac(noise(16), 16))


# Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 65535, 65540, 96000, 655350])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 8])
def test_what_can_be_written_comes_back(tmp_path, rate, subtype, channels):
    num_bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}[subtype]
    samples = noise(num_bits, channels)
    write_audio(tmp_path / "s.flac", samples, num_bits, rate, subtype)
    back = lil.load_signal(tmp_path / "s.flac")
    assert (back.subtype, back.sample_rate, back.not_kept) == (subtype, rate, ())
    assert np.array_equal(back.samples, samples)


@pytest.mark.parametrize(
    ("subtype", "rate", "channels", "sentence"),
    [
        ("FLOAT", 8000, 1, "FLAC cannot hold FLOAT sound"),
        ("PCM_32", 8000, 1, "FLAC cannot hold PCM_32 sound"),
        ("PCM_U8", 8000, 1, "FLAC cannot hold PCM_U8 sound"),
        ("PCM_16", 65537, 1, "cannot hold 65537 Hz"),
        ("PCM_16", 655360, 1, "cannot hold 655360 Hz"),
        ("PCM_16", 8000, 9, "cannot hold 9 channels"),
    ],
)
def test_what_it_cannot_hold_is_refused_before_work(tmp_path, subtype, rate, channels, sentence):
    num_bits = {"PCM_U8": 8, "PCM_16": 16}.get(subtype, 32)
    dtype = np.float32 if subtype == "FLOAT" else np.int32
    signal = lil.Signal(np.zeros((9, channels), dtype), num_bits, "s", rate, subtype)
    with pytest.raises(InputError, match=rf"{sentence}.*use \.wav"):
        check_audio_output(tmp_path / "s.flac", signal.spec)
    with pytest.raises(InputError, match=sentence):
        write_audio(tmp_path / "s.flac", signal.samples, num_bits, rate, subtype)
    assert list(tmp_path.iterdir()) == []
    assert check_audio_output(tmp_path / "s.wav", signal.spec) == ()


def test_valid_bits_that_flac_cannot_say_are_named(tmp_path):
    signal = lil.Signal(noise(16), 16, "s", 8000, "PCM_16", Meaning(valid_bits=12))
    assert check_audio_output(tmp_path / "s.flac", signal.spec) == ("the 12 valid bits",)


def test_the_cases_of_flac(shared):
    cases = shared / "cases"
    if not cases.is_dir():
        pytest.skip("the cases are not here")
    signals = {path.stem: lil.load_signal(path) for path in cases.glob("*.flac")}
    assert signals
    plain = signals["plain"].samples
    for name in ("streamed", "streamed_nomd5", "id3"):
        assert np.array_equal(signals[name].samples, plain), name
    assert np.array_equal(
        signals["bits20"].samples.astype(np.int64) << 8, signals["bits32"].samples
    )
    assert np.array_equal(
        signals["real_streamed"].samples.astype(np.int64) << 8, signals["bits20"].samples
    )
