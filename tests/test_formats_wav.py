"""WAV: headers of every kind, lengths that were not known, chunks around, and what is told."""

import os
import struct
import threading

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import write_audio, write_image
from lossless_inr_lite.signals.audio_files import check_audio_output
from lossless_inr_lite.signals.meaning import Meaning

SAMPLES = np.array([[1], [-2], [300], [-400], [5]], np.int16)
BODY = SAMPLES.tobytes()
UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0x80000000)
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(kind, body, length=None, filler=True, order="<"):
    declared = len(body) if length is None else length
    return kind + struct.pack(f"{order}I", declared) + body + bytes(filler and len(body) % 2)


def fmt(coding=1, channels=1, rate=8000, bits=16, align=None, order="<"):
    align = channels * -(-bits // 8) if align is None else align
    return struct.pack(f"{order}HHIIHH", coding, channels, rate, rate * align, align, bits)


def extended(bits, valid_bits, mask, channels=1, coding=1):
    plain = fmt(0xFFFE, channels, bits=bits)
    return plain + struct.pack("<HHIH", 22, valid_bits, mask, coding) + GUID_TAIL


def riff(*chunks, magic=b"RIFF", size=None, order="<"):
    content = b"WAVE" + b"".join(chunks)
    return magic + struct.pack(f"{order}I", len(content) if size is None else size) + content


PLAIN = (chunk(b"fmt ", fmt()), chunk(b"data", BODY))


@pytest.fixture
def loaded(tmp_path):
    """Bytes -> the signal of a file of them."""

    def load(data, name="s.wav", **options):
        (tmp_path / name).write_bytes(data)
        return lil.load_signal(tmp_path / name, **options)

    return load


def assert_kept(signal, tmp_path, suffix=".wav"):
    """What is written of a signal is read as the same one."""
    path = tmp_path / f"again{suffix}"
    assert check_audio_output(path, signal.spec) == ()
    rate = signal.sample_rate
    subtype = signal.subtype
    write_audio(path, signal.samples, signal.num_bits, rate, subtype, signal.meaning)
    back = lil.load_signal(path)
    assert (back.spec.facts, back.sha256) == (signal.spec.facts, signal.sha256)
    assert back.not_kept == ()


# Recognised by content ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.png", "x.flac", "x", "x.safetensors"])
def test_sound_is_sound_under_any_name(loaded, name):
    signal = loaded(riff(*PLAIN), name)
    assert (signal.read_from, signal.sample_rate) == ("WAV", 8000)
    assert np.array_equal(signal.samples, SAMPLES)


def test_a_picture_called_wav_is_a_picture(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    write_image(tmp_path / "x.png", picture, 8)
    (tmp_path / "x.png").rename(tmp_path / "x.wav")
    assert np.array_equal(lil.load_signal(tmp_path / "x.wav").samples, picture)
    with pytest.raises(InputError, match="not a sound file that can be read"):
        lil.load_audio(tmp_path / "x.wav")


@pytest.mark.parametrize("content", ["sound", "picture"])
def test_a_pipe_is_read_once(tmp_path, content):
    if content == "sound":
        data = riff(*PLAIN)
    else:
        write_image(tmp_path / "x.png", np.zeros((3, 4, 1), np.uint8), 8)
        data = (tmp_path / "x.png").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    signal = lil.load_signal(pipe)
    writer.join()
    assert (signal.sample_rate is not None) == (content == "sound")


KINDS = {
    "AIFF": (b"FORM\0\0\0\x40AIFFCOMM", "an AIFF sound"),
    "CAF": (b"caff\0\1\0\0desc", r"\(CAF\)"),
    "W64": (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", r"\(W64\)"),
    "AU": (b".snd\0\0\0\x18", r"\(AU\)"),
    "Ogg": (b"OggS\0\2", r"\(Ogg\)"),
    "MP3": (b"\xff\xfb\x90\x00", "an MP3 sound"),
    "MP3 behind ID3": (b"ID3\4\0\0\0\0\0\0\xff\xfb\x90\x00", "an MP3 sound"),
    "WavPack": (b"wvpk\0\0\0\0", "a WavPack sound"),
}


@pytest.mark.parametrize("suffix", [".wav", ".png"])
@pytest.mark.parametrize("kind", KINDS)
def test_other_sound_is_named(loaded, kind, suffix):
    start, what = KINDS[kind]
    with pytest.raises(InputError, match=f"{what}: WAV or FLAC is needed"):
        loaded(start + bytes(40), f"x{suffix}")


# Lengths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*UNKNOWN, 36, None])
@pytest.mark.parametrize("length", UNKNOWN)
def test_a_stream_without_a_length_goes_to_its_end(loaded, length, size):
    data = riff(chunk(b"fmt ", fmt()), chunk(b"data", BODY, length), size=size)
    if length == 0 and size is None:
        with pytest.raises(InputError, match="holds no samples"):
            loaded(data)
        return
    assert np.array_equal(loaded(data).samples, SAMPLES)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF024])
def test_where_the_size_is_unknown_a_length_beyond_the_end_is_none(loaded, size):
    data = riff(chunk(b"fmt ", fmt()), chunk(b"data", BODY, 5000), size=size)
    assert np.array_equal(loaded(data).samples, SAMPLES)


def test_a_stream_may_end_within_a_frame(loaded):
    signal = loaded(riff(chunk(b"fmt ", fmt()), chunk(b"data", BODY + b"x", 0xFFFFFFFF, False)))
    assert np.array_equal(signal.samples, SAMPLES)
    assert signal.not_kept == ("1 byte behind the last whole frame",)


@pytest.mark.parametrize("missing", [1, 2, 9])
def test_fewer_samples_than_declared_are_refused(loaded, missing):
    with pytest.raises(InputError, match=f"truncated: 10 bytes .* {10 - missing} found"):
        loaded(riff(*PLAIN)[:-missing])


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("known", [True, False])
def test_long_files_have_their_lengths_in_ds64(loaded, magic, known):
    sizes = (72 if known else 0, len(BODY) if known else 0, len(SAMPLES), 0)
    chunks = (
        chunk(b"ds64", struct.pack("<QQQI", *sizes)),
        chunk(b"fmt ", fmt()),
        chunk(b"data", BODY, 0xFFFFFFFF),
    )
    data = riff(*chunks, magic=magic, size=0xFFFFFFFF)
    assert np.array_equal(loaded(data).samples, SAMPLES)
    if known:
        with pytest.raises(InputError, match="truncated: 10 bytes"):
            loaded(data[:-1])


def test_long_files_without_ds64_are_broken(loaded):
    with pytest.raises(InputError, match="RF64 needs the chunk ds64"):
        loaded(riff(*PLAIN, magic=b"RF64"))


def test_more_than_allowed_is_refused_before_work(loaded):
    with pytest.raises(InputError, match="declares 5 frames of 1 channel,"):
        loaded(riff(*PLAIN), max_pixels=4)


# Chunks ---------------------------------------------------------------------------------------

AROUND = {
    "LIST": (chunk(b"LIST", b"INFOx"), ("texts (LIST INFO)",)),
    "LIST without filler": (chunk(b"LIST", b"INFOx", filler=False), ("texts (LIST INFO)",)),
    "bext": (chunk(b"bext", bytes(602)), ("what broadcasters note (bext)",)),
    "cue": (chunk(b"cue ", bytes(28)), ("cue points",)),
    "other": (chunk(b"abcd", b"12"), ("the chunk abcd",)),
    "JUNK": (chunk(b"JUNK", bytes(27)), ()),
    "fact": (chunk(b"fact", bytes(4)), ()),
}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("around", AROUND)
def test_chunks_around_the_samples_are_told(loaded, around, place):
    extra, told = AROUND[around]
    chunks = list(PLAIN)
    chunks.insert(place, extra)
    signal = loaded(riff(*chunks))
    assert np.array_equal(signal.samples, SAMPLES)
    assert signal.not_kept == told


def test_an_odd_number_of_bytes_and_its_filler(loaded):
    body = bytes([128, 129, 0])
    for filler in (True, False):
        signal = loaded(riff(chunk(b"fmt ", fmt(bits=8)), chunk(b"data", body, filler=filler)))
        assert signal.samples.ravel().tolist() == [0, 1, -128]
        assert signal.not_kept == ()


@pytest.mark.parametrize("behind", [b"", chunk(b"id3 ", b"ID3\4")])
def test_a_tag_in_front_is_told_once(loaded, behind):
    tag = b"ID3\4\0\0\0\0\0\7" + bytes(7)
    signal = loaded(tag + riff(chunk(b"fmt ", fmt()), chunk(b"data", SAMPLES.tobytes()), behind))
    assert np.array_equal(signal.samples, SAMPLES)
    assert signal.not_kept == ("an ID3 tag",)


def test_bytes_behind_the_end_are_told(loaded):
    assert loaded(riff(*PLAIN) + b"\xff" * 37).not_kept == ("37 bytes behind its end",)


def test_two_sounds_in_one_file_are_refused(loaded):
    piped = riff(chunk(b"fmt ", fmt()), chunk(b"data", BODY, 0xFFFFFFFF), size=0xFFFFFFFF)
    for data in (riff(*PLAIN), piped):
        with pytest.raises(InputError, match="holds two sounds"):
            loaded(data + data)
    with pytest.raises(InputError, match=r"holds 2 chunks of samples \(data\): one is needed"):
        loaded(riff(*PLAIN, PLAIN[1]))


def test_very_many_chunks_are_one_short_sentence(loaded):
    many = [chunk(b"%04d" % number, b"") for number in range(5000)]
    assert len(loaded(riff(*many, *PLAIN)).not_kept) == 9


# Headers --------------------------------------------------------------------------------------

REFUSED = {
    "float64": (fmt(3, bits=64), "coded as floats of 64 bits"),
    "integers of 64 bits": (fmt(bits=64), "coded as integers of 64 bits"),
    "A-law": (fmt(6, bits=8), "coded as A-law"),
    "mu-law": (fmt(7, bits=8), "coded as mu-law"),
    "ADPCM": (fmt(2, bits=4, align=256), "coded as Microsoft ADPCM"),
    "IMA": (fmt(0x11, bits=4, align=256), "coded as IMA ADPCM"),
    "MP3": (fmt(0x55, bits=0, align=1), "coded as MP3"),
    "unknown": (fmt(0x1234), "coded as number 0x1234"),
    "extended A-law": (extended(8, 8, 4, coding=6), "coded as A-law"),
    "no channel": (fmt(channels=0), "declares 0 channels"),
    "no rate": (fmt(rate=0), "declares 0 samples a second"),
    "no bits": (fmt(bits=0, align=2), "coded as integers of 0 bits"),
    "frames": (fmt(align=3), "contradicts itself: 1 channel of 16 bits make frames of 2 bytes"),
    "no frame": (fmt(align=0), "contradicts itself"),
    "valid bits": (extended(16, 17, 4), "contradicts itself: it declares 17 valid bits in 16"),
    "short": (fmt()[:15], "header .* has 15 bytes, at least 16"),
    "short extended": (extended(16, 16, 4)[:-1], "extended header has 39 bytes, 40 are needed"),
    "foreign": (extended(16, 16, 4)[:-1] + b"x", "a coding that is not known, with the GUID"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_read_is_named(loaded, what):
    header, sentence = REFUSED[what]
    with pytest.raises(InputError, match=sentence):
        loaded(riff(chunk(b"fmt ", header), PLAIN[1]))


def test_a_file_without_its_parts_is_broken(loaded):
    with pytest.raises(InputError, match=r"no headers \(fmt\)"):
        loaded(riff(PLAIN[1]))
    with pytest.raises(InputError, match=r"no chunks of samples \(data\)"):
        loaded(riff(PLAIN[0]))
    with pytest.raises(InputError, match="chunk LIST declares 900 bytes, 15 are there"):
        loaded(riff(chunk(b"LIST", b"INFO", 900), PLAIN[1])[:-7])
    with pytest.raises(InputError, match="where a chunk should begin"):
        loaded(riff(b"\xff" * 8, *PLAIN))


@pytest.mark.parametrize(
    ("bits", "valid_bits", "mask", "channels", "facts"),
    [
        (24, 20, 4, 1, {"valid_bits": 20}),
        (16, 12, 3, 2, {"valid_bits": 12}),
        (16, 16, 0x3F, 6, {"channel_mask": 0x3F}),
        (32, 24, 0x60F, 6, {"channel_mask": 0x60F, "valid_bits": 24}),
        (16, 16, 3, 1, {"channel_mask": 3}),
        (16, 0, 4, 1, {}),
        (16, 16, 4, 1, {}),
        (8, 8, 3, 2, {}),
        (24, 24, 0, 5, {}),
    ],
)
def test_what_an_extended_header_says_is_kept(
    loaded, tmp_path, bits, valid_bits, mask, channels, facts
):
    body = np.random.default_rng(bits).bytes(6 * channels * bits // 8)
    header = extended(bits, valid_bits, mask, channels)
    signal = loaded(riff(chunk(b"fmt ", header), chunk(b"data", body)))
    assert signal.meaning.facts == facts
    assert signal.num_bits == bits
    assert_kept(signal, tmp_path)
    peer, _ = soundfile.read(tmp_path / "again.wav", dtype="int32", always_2d=True)
    assert np.array_equal(peer >> 32 - bits, signal.samples)


def test_a_depth_between_bytes_has_valid_bits(loaded, tmp_path):
    signal = loaded(riff(chunk(b"fmt ", fmt(bits=12)), PLAIN[1]))
    assert (signal.num_bits, signal.meaning.facts) == (16, {"valid_bits": 12})
    assert_kept(signal, tmp_path)


def test_reversed_bytes_are_read(loaded):
    order = ">"
    data = riff(
        chunk(b"fmt ", fmt(order=order), order=order),
        chunk(b"data", SAMPLES.astype(">i2").tobytes(), order=order),
        magic=b"RIFX",
        order=order,
    )
    assert np.array_equal(loaded(data).samples, SAMPLES)


# Writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("shape", [(7, 1), (5, 2), (3, 6), (1, 1)])
def test_what_is_written_is_what_others_read(tmp_path, subtype, shape):
    bits = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}.get(subtype, 32)
    rng = np.random.default_rng(bits)
    samples = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape).astype(np.int32)
    if subtype == "FLOAT":
        samples = rng.normal(size=shape).astype(np.float32)
    write_audio(tmp_path / "s.wav", samples, bits, 44100, subtype)
    info = soundfile.info(tmp_path / "s.wav")
    assert (info.subtype, info.channels, info.samplerate) == (subtype, shape[1], 44100)
    dtype = "float32" if subtype == "FLOAT" else "int32"
    peer, _ = soundfile.read(tmp_path / "s.wav", dtype=dtype, always_2d=True)
    assert np.array_equal(peer if subtype == "FLOAT" else peer >> 32 - bits, samples)
    assert np.array_equal(lil.load_signal(tmp_path / "s.wav").samples, samples)


def test_what_wav_cannot_hold_is_refused_before_work(tmp_path):
    samples = np.zeros((1, 40_000), np.int16)
    with pytest.raises(InputError, match="40000 channels of 2 bytes a sample"):
        write_audio(tmp_path / "s.wav", samples, 16, 8000, "PCM_16")
    with pytest.raises(InputError, match=r"WAV cannot hold PCM_S8 sound: use \.flac"):
        write_audio(tmp_path / "s.wav", samples.astype(np.int8), 8, 8000, "PCM_S8")
    assert list(tmp_path.iterdir()) == []


def test_a_mask_that_flac_cannot_hold_is_named(tmp_path):
    spec = lil.Signal(
        np.zeros((5, 1), np.int16), 16, "s", 8000, "PCM_16", Meaning(valid_bits=12)
    ).spec
    assert check_audio_output(tmp_path / "s.flac", spec) == ("the 12 valid bits",)


# Nonsense -------------------------------------------------------------------------------------


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_in_a_sentence(tmp_path, data):
    whole = bytearray(riff(AROUND["LIST"][0], chunk(b"fmt ", extended(16, 12, 4)), PLAIN[1]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    path = tmp_path / "s.wav"
    path.write_bytes(whole[: data.draw(st.integers(12, len(whole)))])
    try:
        signal = lil.load_audio(path)
    except InputError:
        return  # anything else is a traceback
    assert signal.samples.size * signal.num_bits <= 8 * len(whole)


def test_the_cases_of_wav(shared):
    cases = shared / "cases"
    if not cases.is_dir():
        pytest.skip("the cases are not here")
    sentences = {
        "float64.wav": "floats of 64 bits",
        "one_byte_short.wav": "truncated: 800 bytes of samples declared, 799 found",
        "zero_frames.wav": "holds no samples",
    }
    lengths = {"real_piped.wav": 960}
    paths = sorted(cases.glob("*.wav"))
    assert paths
    for path in paths:
        if path.name in sentences:
            with pytest.raises(InputError, match=sentences[path.name]):
                lil.load_signal(path)
        else:
            signal = lil.load_signal(path)
            assert len(signal.samples) == lengths.get(path.name, 400), path.name
    assert lil.load_signal(cases / "ext51.wav").meaning.channel_mask == 0x3F
    assert lil.load_signal(cases / "ext24in32.wav").meaning.valid_bits == 24
    assert lil.load_signal(cases / "ext20in24.wav").meaning.valid_bits == 20
