"""What notebook 15 measures: sets, standard codecs, and how it judges."""

import gzip

import numpy as np
import pytest

from lossless_inr_lite.companion.chapters.c15_lossless_compression import (
    figures as compression_figures,
)
from lossless_inr_lite.companion.chapters.c15_lossless_compression import study as compression
from lossless_inr_lite.companion.chapters.c15_lossless_compression.standard_codecs import (
    CODECS,
    mosaic,
    smallest,
)
from lossless_inr_lite.companion.claims import claim_of, find_verdict
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import load_image

# Sets --------------------------------------------------------------------------------------------


def idx(pictures, declared=None):
    """The bytes of an IDX file with pictures (N, H, W); `declared` is another shape to declare."""
    shape = declared or pictures.shape
    sizes = b"".join(length.to_bytes(4, "big") for length in shape)
    return b"\x00\x00\x08\x03" + sizes + pictures.tobytes()


def zipped(data):
    """The same bytes at any time, so that two processes collect the same tests."""
    return gzip.compress(data, mtime=0)


def test_an_idx_file_holds_a_set(tmp_path):
    pictures = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path = tmp_path / "set-idx3-ubyte.gz"
    path.write_bytes(zipped(idx(pictures)))
    assert np.array_equal(compression.load_set(str(path)), pictures)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip at all", "cannot be read as a set of pictures"),
        (zipped(b"\x00\x00\x08\x01" + bytes(40)), "is not an IDX file of pictures"),
        (zipped(b"\x00"), "is not an IDX file of pictures"),
        (zipped(idx(np.zeros((2, 3, 4), np.uint8)))[:-9], "cannot be read as a set"),
    ],
    ids=["no gzip", "one dimension", "one byte", "cut"],
)
def test_other_files_are_no_sets(tmp_path, content, message):
    path = tmp_path / "set.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        compression.load_set(str(path))


@pytest.mark.parametrize("declared", [(2, 3, 5), (1, 3, 4), (2**16, 2**16, 1)])
def test_a_set_holds_what_it_declares_and_no_more(tmp_path, declared):
    path = tmp_path / "set.gz"
    path.write_bytes(zipped(idx(np.zeros((2, 3, 4), np.uint8), declared)))
    with pytest.raises(InputError, match=r"at most 67108864 samples|that it declares"):
        compression.load_set(str(path))


@pytest.mark.parametrize("text", ["", "digits", "digits:digits", "digits:digits:-1", "a:b:1,"])
def test_bad_sets_are_named(text):
    with pytest.raises(InputError, match="sets is"):
        compression.parse_sets(text)


def test_pictures_need_a_prior():
    with pytest.raises(InputError, match="priors is ' , '"):
        compression.measure_pictures("camera", 8, " , ")


# Standard codecs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", list(CODECS))
def test_standard_codecs_return_their_samples(codec):
    grey = load_image("camera", 32).samples[..., 0]
    colour = load_image("astronaut", 32).samples
    for samples in (grey, colour):
        assert 0 < len(smallest(codec, samples)) < 2 * samples.size
    if codec == "WebP":
        with pytest.raises(InputError, match="8 bits"):
            smallest(codec, grey.astype(np.uint16))
    else:
        assert smallest(codec, colour.astype(np.uint16) * 257)


def test_an_unknown_codec_is_named():
    with pytest.raises(InputError, match="unknown codec"):
        smallest("ZIP", np.zeros((3, 3), np.uint8))


def test_a_codec_that_loses_something_is_found(monkeypatch):
    broken = CODECS["PNG"].__class__(CODECS["PNG"].encode, lambda data: np.zeros((3, 3), np.uint8))
    monkeypatch.setitem(CODECS, "PNG", broken)
    with pytest.raises(InputError, match="PNG did not return the samples"):
        smallest("PNG", np.ones((3, 3), np.uint8))


def test_codecs_that_do_not_take_the_samples_are_left_out():
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    assert set(CODECS) - set(compression.standard_sizes([deep])) == {"WebP"}


def test_a_mosaic_holds_every_picture():
    pictures = np.arange(6 * 2 * 3).reshape(6, 2, 3)
    grid = mosaic(pictures)
    assert grid.shape == (4, 9)
    assert np.array_equal(grid[2:4, 3:6], pictures[4])


# Verdicts ----------------------------------------------------------------------------------------


def set_row(name, bpp, standard, count=10_000):
    return {
        "name": name,
        "count": count,
        "shape": [28, 28, 1],
        "pixels": 80,
        "bpp": bpp,
        "standard": {codec: 10 * rate for codec, rate in standard.items()},
    }


def steps(alone=2.0, told=1.0, blind=1.5):
    rates = {compression.PREFIX: alone, compression.NEIGHBOURS: told, compression.BLIND: blind}
    return {step: {"bpp": rate} for step, rate in rates.items()}


PRINTED = {"PNG": 3.52, "JPEG 2000": 6.75, "WebP": 2.11, "TIFF": 3.93}
LEVEL_0 = {"total": 90.0, "png": 100}


def judged(row, pictures=(), given=None, level_0=LEVEL_0):
    found = compression_figures.verdicts([row], pictures, given or steps(), level_0)
    return {said.id: said for said in found}


def test_rates_near_the_printed_ones_reproduce_them():
    near = {codec: 1.04 * rate for codec, rate in PRINTED.items()}
    said = judged(set_row("digits", 1.2, near | {"WebP": 2.3}))
    assert said["table6/PNG/MNIST"].verdict == "reproduced"
    assert said["table6/WebP/MNIST"].verdict == "deviates"
    assert said["mnist-whole-container-names-included"].verdict == "holds"
    too_large = judged(set_row("digits", 1.21, near))
    assert too_large["mnist-whole-container-names-included"].verdict == "does not hold"
    part = judged(set_row("digits", 1.21, near, count=722))
    assert part["table6/PNG/MNIST"].verdict == "undecided"


def test_what_cannot_be_run_is_not_attempted():
    said = judged(set_row("digits", 1.0, PRINTED))
    for claim_id in ("table6/RECOMBINER+ours/MNIST", "table7/RECOMBINER/MNIST"):
        assert claim_of(claim_id)
        assert said[claim_id].verdict == "not attempted"


def test_a_set_that_the_paper_does_not_have_is_not_judged():
    said = judged(set_row("letters", 1.0, PRINTED))
    assert not [name for name in said if name.startswith(("table6", "table7"))]


@pytest.mark.parametrize(
    ("given", "alone_holds"), [(steps(), "holds"), (steps(4.0, 1.45), "does not hold")]
)
def test_what_the_network_contributes(given, alone_holds):
    """One training tells nothing of the coordinates; the code lengths of a whole set do."""
    said = judged(set_row("digits", 1.0, PRINTED), given=given)
    assert said["coordinates-pay-when-the-neighbours-are-known"].verdict == "undecided"
    (alone,) = [one for name, one in said.items() if name.startswith("an-inr-place-bit")]
    assert alone.verdict == alone_holds


def test_pictures_are_judged_by_their_depth():
    standard = {"JPEG XL": 100, "PNG": 100, "JPEG 2000": 100}
    pictures = [
        {"name": f"{num_bits}-{i}", "num_bits": num_bits, "bytes": 101, "standard": standard}
        for num_bits in (8, 15)
        for i in range(3)
    ]
    said = judged(set_row("digits", 1.0, PRINTED), pictures)
    shallow = said["3-photographs-of-8-bits-mean-share-of-the-bytes-of-jpeg-xl"]
    deep = said["3-pictures-of-16-bits-mean-share-of-the-bytes-of-png-and-jpeg-2000"]
    assert (shallow.verdict, deep.verdict) == ("holds", "does not hold")
    few = judged(set_row("digits", 1.0, PRINTED), pictures[:1])
    name = "1-photographs-of-8-bits-mean-share-of-the-bytes-of-jpeg-xl"
    assert few[name].verdict == "undecided"


@pytest.mark.parametrize("profile", ["cpu", "lite"])
def test_verdicts_on_committed_rows_are_found_by_the_ids_of_their_record(profile):
    """The same rows give the same words, under the ids by which pages quote the record."""
    record = load_record(profile, "15_lossless_compression")
    facts = record["facts"]
    smallest_row = min(facts["level_0"], key=lambda row: row["total"])
    level_0 = find_verdict(
        record["verdicts"], "one-inr-for-one-picture-with-its-weights-is-smaller-than-png"
    )
    png = int(level_0["ours"].rpartition(" ")[2])
    said = compression_figures.verdicts(
        facts["sets"], facts["pictures"], facts["ablation"], smallest_row | {"png": png}
    )
    assert len(said) == len(record["verdicts"])
    for verdict in said:
        recorded = find_verdict(record["verdicts"], verdict.id)
        ours = recorded["ours"].replace("a pixel", "per pixel")
        assert (ours, recorded["verdict"]) == (verdict.ours, verdict.verdict)
