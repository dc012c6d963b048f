"""Signals from files: pictures and sounds, by a path or by an embedded name."""

from pathlib import Path

from lossless_inr_lite.errors import InputError, as_integer, check_choice
from lossless_inr_lite.files import portable_name, read_bytes
from lossless_inr_lite.signals import audio_files, image_files
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.signals.meaning import NEEDED, Meaning, left_out
from lossless_inr_lite.signals.resampling import RESAMPLERS, block_means, resampled
from lossless_inr_lite.signals.signal import MAX_SAMPLES, Signal


def load_image(
    source: str | Path,
    size: int | None = None,
    num_bits: int | None = None,
    max_pixels: int = MAX_SAMPLES,
    page: int | None = None,
    resample: str = "area",
) -> Signal:
    """Read a picture (PNG, JPEG, GIF, TIFF, PGM, PPM, DICOM) or the name of an embedded one.

    `size` crops to the centre square and resamples it to size x size: by the means of areas
    ("area"), or as the paper's pictures were, bilinearly with antialias ("bilinear"). Without it
    the samples are the file's own. `num_bits` only asserts the file's depth: it never changes it.
    `page` chooses one of several pictures in a file, counted from 0.

    Raises InputError for a file that is missing, broken, not a picture, larger than `max_pixels`,
    smaller than `size`, of another depth, or of several pictures when `page` is None, and for an
    unknown way of resampling.
    """
    path = embedded_path(source)
    _check_limits(num_bits, max_pixels, page)
    check_choice("resample", resample, list(RESAMPLERS))
    return _picture(source, path, read_bytes(path), size, num_bits, max_pixels, page, resample)


def _picture(
    source: str | Path,
    path: Path,
    data: bytes,
    size: int | None,
    num_bits: int | None,
    max_pixels: int,
    page: int | None,
    resample: str,
) -> Signal:
    """The picture in the bytes of the file at `path`; see `load_image`."""
    if size is not None:
        size = as_integer("size", size, 1)
    picture, form = image_files.decode_image(path.name, data, max_pixels, size, page)
    _check_depth(path, picture.num_bits, num_bits)
    samples = picture.samples
    if samples.ndim == 2:
        samples = samples[..., None]
    if size is not None:
        samples = resampled(samples, size, resample)
    return Signal(
        samples,
        picture.num_bits,
        _name(source),
        meaning=picture.meaning,
        not_kept=picture.not_kept,
        read_from=form.name,
    )


def load_audio(
    source: str | Path,
    num_bits: int | None = None,
    max_samples: int = MAX_SAMPLES,
    sample_rate: int | None = None,
) -> Signal:
    """Read WAV or FLAC: PCM of 8, 16, 24 or 32 bits, or 32-bit float, any rate and channels.

    `sample_rate` (Hz) takes block means (`block_means`) down to a rate of which the file's is a
    multiple; without it the samples are the file's own. `num_bits` only asserts the file's depth.

    Raises InputError for a missing or broken file, another coding, NaN or infinite samples,
    another depth, a rate that does not divide the file's, and means of floats.
    """
    path = embedded_path(source)
    if num_bits is not None:
        as_integer("num_bits", num_bits)
    as_integer("max_samples", max_samples, 1)
    if sample_rate is not None:
        sample_rate = as_integer("sample_rate", sample_rate)
    return _sound(source, path, read_bytes(path), num_bits, max_samples, sample_rate)


def _sound(
    source: str | Path,
    path: Path,
    data: bytes,
    num_bits: int | None,
    max_samples: int,
    sample_rate: int | None = None,
) -> Signal:
    """The sound in the bytes of the file at `path`; see `load_audio`."""
    sound, form = audio_files.decode_audio(path.name, data, max_samples)
    _check_depth(path, sound.num_bits, num_bits)
    samples = sound.samples
    rate = sound.sample_rate
    if sample_rate is not None and sample_rate != rate:
        samples = block_means(samples, rate, sample_rate, path.name)
        rate = sample_rate
    return Signal(
        samples,
        sound.num_bits,
        _name(source),
        rate,
        sound.subtype,
        sound.meaning,
        sound.not_kept,
        form.name,
    )


def load_signal(
    source: str | Path,
    size: int | None = None,
    num_bits: int | None = None,
    max_pixels: int = MAX_SAMPLES,
    page: int | None = None,
    resample: str = "area",
) -> Signal:
    """`load_audio` for a file that begins like sound, `load_image` for everything else.

    The suffix does not matter, unless the file is of no known kind: then it tells what was meant.
    Raises InputError as these do, and for a `size` or a `page` of sound.
    """
    path = embedded_path(source)
    _check_limits(num_bits, max_pixels, page)
    check_choice("resample", resample, list(RESAMPLERS))
    data = read_bytes(path)
    if not _is_sound(path, data):
        return _picture(source, path, data, size, num_bits, max_pixels, page, resample)
    if size is not None:
        raise InputError(f"size is for pictures, and {Path(source).name} is sound: leave size out")
    if page is not None:
        raise InputError(f"page is for pictures, and {Path(source).name} is sound: leave page out")
    return _sound(source, path, data, num_bits, max_pixels)


def _is_sound(path: Path, data: bytes) -> bool:
    """Whether a file is read, or refused, as sound."""
    if audio_files.is_sound(data):
        return True
    return path.suffix.lower() in audio_files.SUFFIXES and not image_files.is_picture(data)


def untold(meaning: Meaning, signal: Signal) -> dict[str, str]:
    """What of `meaning` the file of a signal cannot say, being of its format: field -> phrase.

    So a signal that was written into such a file and read again lacks it. What a picture needs is
    never among it: it is not written where it cannot be said.
    """
    held = (image_files.HELD | audio_files.HELD).get(signal.read_from)
    if held is None:
        return {}
    return left_out(meaning, held.union(NEEDED))


def _check_limits(num_bits: int | None, max_pixels: int, page: int | None) -> None:
    """Raise InputError unless these are integers, where they are given."""
    if num_bits is not None:
        as_integer("num_bits", num_bits)
    as_integer("max_pixels", max_pixels, 1)
    if page is not None:
        as_integer("page", page)


def _check_depth(path: Path, found: int, wanted: int | None) -> None:
    if wanted is not None and wanted != found:
        raise InputError(
            f"{path.name} holds {found} bits a sample, not the {wanted} that were asked for"
        )


def _name(source: str | Path) -> str:
    """The file's name without its suffix; see `portable_name`."""
    return portable_name(Path(source).stem)
