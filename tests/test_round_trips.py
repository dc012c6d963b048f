"""What is accepted comes back: every writer against every reader, also when the suffix lies."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.codec.files import compress_files, decompress_file, restored_as
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import Signal, SignalSpec, load_image, load_signal, untold
from lossless_inr_lite.signals.audio_files import SUBTYPES, check_audio_output, write_audio
from lossless_inr_lite.signals.bits import from_words
from lossless_inr_lite.signals.image_files import WRITABLE, check_image_output, write_image
from lossless_inr_lite.signals.meaning import PLAIN, Meaning
from lossless_inr_lite.storage.header import check_header, checked_header, model_facts

LIES = (*WRITABLE, ".jpg", ".dcm", ".lic", "")
CASES = Path(__file__).parents[2] / "shared" / "data" / "cases"
sides = st.sampled_from([1, 1, 2, 3, 7, 16])
# Every example makes a folder, and coding takes its time.
few = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def meanings(draw, num_bits: int, channels: int) -> Meaning:
    """Plain ones, and some of what each format can say."""
    choices = [PLAIN, PLAIN, Meaning(orientation=6)]
    if num_bits > 1:
        choices.append(Meaning(white=2**num_bits - 2))
    if channels == 1:
        choices.append(Meaning(colours="white_is_zero"))
    if channels in (2, 4):
        choices.append(Meaning(alpha="associated"))
    if channels == 4:
        choices.append(Meaning(colours="cmyk"))
    return draw(st.sampled_from(choices))


@st.composite
def pictures(draw) -> Signal:
    """Noise, or a constant, of any shape, depth, kind and number of channels."""
    shape = (draw(sides), draw(sides), draw(st.integers(1, 5)))
    if draw(st.integers(0, 19)) == 0:  # long ones too, which some packages get wrong
        shape = (*draw(st.sampled_from([(1, 300), (300, 1), (2, 99)])), shape[2])
    num_bits = draw(st.integers(1, 17))
    kind = draw(st.sampled_from(["unsigned", "unsigned", "signed"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    words = rng.integers(0, 2**num_bits, shape, np.uint32)
    if draw(st.booleans()):
        words[...] = words.flat[0]
    meaning = draw(meanings(num_bits, shape[2]))
    if meaning.white is not None:
        words = np.minimum(words, meaning.white)
    return Signal(from_words(words, num_bits, kind), num_bits, "x", meaning=meaning)


@contextmanager
def folder() -> Iterator[Path]:
    """A new one for each example: hypothesis calls a test many times."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def assert_same(back: Signal, truth: SignalSpec, samples: np.ndarray) -> None:
    """The same samples of the same kind, that mean the same as far as the file can say it."""
    unsaid = untold(truth.meaning, back)
    facts = {name: value for name, value in truth.meaning.facts.items() if name not in unsaid}
    assert (back.samples.shape, back.num_bits, back.kind) == (
        truth.shape,
        truth.num_bits,
        truth.kind,
    )
    assert np.array_equal(back.samples, samples)
    assert back.meaning.facts == facts


@few
@given(pictures(), st.sampled_from(WRITABLE))
def test_what_can_be_written_is_read_as_it_was(signal, suffix):
    """This is what `decode` does: a check before any work, and then the file."""
    with folder() as here:
        path = here / f"x{suffix}"
        try:
            left_out = check_image_output(path, signal.spec)
        except InputError:
            with pytest.raises(InputError):
                write_image(path, signal.samples, signal.num_bits, signal.meaning)
            assert not path.exists()
            return
        write_image(path, signal.samples, signal.num_bits, signal.meaning)
        back = load_image(path)
        assert_same(back, signal.spec, signal.samples)
        assert len(untold(signal.meaning, back)) == len(left_out)
        assert back.not_kept == ()


@few
@given(pictures(), st.sampled_from(WRITABLE), st.sampled_from(LIES))
def test_what_compress_accepts_decompress_restores(signal, suffix, lie):
    with folder() as here:
        try:
            write_image(here / f"x{suffix}", signal.samples, signal.num_bits, signal.meaning)
        except InputError:
            return
        path = (here / f"x{suffix}").rename(here / f"file{lie}")
        read = load_image(path)
        try:
            compress_files([path], here / "x.lic")
        except InputError:
            assert read.num_bits > 16  # nothing else is refused
            assert not (here / "x.lic").exists()
            return
        decompress_file(here / "x.lic", here / "out")
        (restored,) = (here / "out").iterdir()
        assert restored.name.startswith("file")
        assert_same(load_image(restored), read.spec, read.samples)


@few
@given(pictures())
def test_a_header_says_all_of_a_signal(signal):
    """So a network says of its signal what was read, and `decode` can write it."""
    architecture = Architecture("bit_coordinate", "siren", 16, 1, "bce", None, {})
    check_header(signal.spec, architecture)
    rest = dict.fromkeys(["seed", "iterations", "wrong_bits"], 0)
    texts = {"package_version": "", "recipe": "", "num_parameters": 1}
    sums = dict.fromkeys(["sha256_samples", "sha256_weights"], "0" * 64)
    facts = model_facts(signal.spec, architecture) | rest | texts | sums
    assert checked_header("the header", facts).spec == signal.spec


@few
@given(
    st.sampled_from(list(SUBTYPES)),
    st.sampled_from([".wav", ".flac"]),
    st.sampled_from([1, 2, 5, 300]),
    st.integers(1, 6),
    st.sampled_from([1, 8000, 44100, 192000]),
)
def test_sound_that_can_be_written_is_read_as_it_was(subtype, suffix, length, channels, rate):
    num_bits, dtype = SUBTYPES[subtype]
    kind = "float" if dtype == "float32" else "signed"
    rng = np.random.default_rng(length)
    samples = rng.normal(size=(length, channels)).astype(np.float32)
    if kind == "signed":
        words = rng.integers(0, 2**num_bits, (length, channels), np.uint32)
        samples = from_words(words, num_bits, kind)
    with folder() as here:
        path = here / f"x{suffix}"
        try:
            check_audio_output(path, SignalSpec("x", samples.shape, num_bits, kind, rate, subtype))
        except InputError:
            return
        write_audio(path, samples, num_bits, rate, subtype)
        back = load_signal(path)
        assert (back.num_bits, back.sample_rate, back.subtype) == (num_bits, rate, subtype)
        assert np.array_equal(back.samples, samples)


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (2, 1500), (1, 1), (5000, 2)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("num_bits", [8, 16])
def test_narrow_noise_comes_back(shape, channels, num_bits, tmp_path, rng):
    samples = rng.integers(0, 2**num_bits, (*shape, channels)).astype(f"uint{num_bits}")
    write_image(tmp_path / "x.png", samples, num_bits)
    assert np.array_equal(load_image(tmp_path / "x.png").samples, samples)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_every_case_is_refused_or_comes_back(tmp_path):
    """What `compress` decides and `decompress` writes, without the coding between."""
    wrong = []
    for path in sorted(CASES.iterdir()):
        try:
            read = load_image(path)
            place = restored_as(path.name, read.spec)
        except InputError:
            continue
        restored = tmp_path / place.name
        try:
            write_image(restored, read.samples, read.num_bits, read.meaning)
            assert_same(load_image(restored), read.spec, read.samples)
        except (InputError, AssertionError) as error:
            wrong.append((restored.name, str(error)[:200]))
    assert wrong == []


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_the_cases_that_lie_come_back(tmp_path):
    paths = sorted(CASES.glob("*_inside.*"))
    compress_files(paths, tmp_path / "x.lic")
    decompress_file(tmp_path / "x.lic", tmp_path / "out")
    for path in paths:
        (restored,) = (tmp_path / "out").glob(f"{path.name}*")
        read = load_image(path)
        assert_same(load_image(restored), read.spec, read.samples)


def test_a_pile_of_lies_comes_back_together(tmp_path, rng):
    """One container of all kinds, each under a suffix that cannot hold it."""
    signals = {
        "grey.ppm": Signal(rng.integers(0, 256, (4, 5, 1)).astype(np.uint8), 8),
        "colour.pgm": Signal(rng.integers(0, 256, (4, 5, 3)).astype(np.uint8), 8),
        "alpha.pgm": Signal(rng.integers(0, 2**16, (4, 5, 4)).astype(np.uint16), 16),
        "signed.png": Signal(rng.integers(-9, 9, (4, 5, 1)).astype(np.int16), 16),
        "five.png": Signal(rng.integers(0, 256, (4, 5, 5)).astype(np.uint8), 8),
        "white.png": Signal(
            rng.integers(0, 9, (4, 5, 1)).astype(np.uint8), 4, meaning=Meaning(white=9)
        ),
    }
    paths = []
    for name, signal in signals.items():
        suffix = ".tif" if signal.meaning == PLAIN else ".pgm"
        write_image(tmp_path / f"x{suffix}", signal.samples, signal.num_bits, signal.meaning)
        paths.append((tmp_path / f"x{suffix}").rename(tmp_path / name))
    compress_files(paths, tmp_path / "x.lic")
    decompress_file(tmp_path / "x.lic", tmp_path / "out")
    restored = sorted((tmp_path / "out").iterdir())
    assert len(restored) == len(signals)
    for path, name in zip(restored, sorted(signals), strict=True):
        assert path.name.startswith(name)
        truth = signals[name]
        assert_same(load_image(path), truth.spec, truth.samples)
