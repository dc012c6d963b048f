"""Bits, digits and words are exact inverses for every width and kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lossless_inr_lite import InputError
from lossless_inr_lite.signals.bits import (
    bit_planes,
    error_ceiling,
    from_gray,
    from_words,
    join_digits,
    join_planes,
    plane_names,
    quantise,
    rearrange_planes,
    sample_dtype,
    split_digits,
    to_gray,
    to_words,
)

widths = st.integers(1, 32)
kinds = st.sampled_from(["unsigned", "signed"])


@st.composite
def samples(draw):
    num_bits = draw(widths)
    kind = draw(kinds)
    low = -(1 << (num_bits - 1)) if kind == "signed" else 0
    values = draw(st.lists(st.integers(low, low + (1 << num_bits) - 1), min_size=1, max_size=30))
    return np.array(values, dtype=sample_dtype(kind, num_bits)), num_bits, kind


@given(samples())
def test_words_are_an_exact_inverse(case):
    values, num_bits, kind = case
    words = to_words(values, num_bits, kind)
    assert words.dtype == np.uint32
    assert int(words.max()) < 2**num_bits
    back = from_words(words, num_bits, kind)
    assert back.dtype == values.dtype
    assert np.array_equal(back, values)


@given(samples())
def test_words_keep_the_order_and_the_top_plane_is_the_sign(case):
    values, num_bits, kind = case
    words = to_words(values, num_bits, kind)
    order = np.argsort(values.astype(np.int64), kind="stable")
    assert np.all(np.diff(words[order].astype(np.int64)) >= 0)
    if kind == "signed":
        assert np.array_equal(bit_planes(words, num_bits)[..., -1] == 1, values >= 0)


@given(arrays(np.uint32, st.integers(1, 20)))
def test_float_words_are_the_ieee_pattern(patterns):
    finite = patterns[np.isfinite(patterns.view(np.float32))]
    values = finite.view(np.float32)
    words = to_words(values, 32, "float")
    assert np.array_equal(words, finite)
    assert np.array_equal(from_words(words, 32, "float").view(np.uint32), finite)


def test_float_words_tell_minus_zero_and_subnormals():
    values = np.array([0.0, -0.0, 1e-45, -1.5], dtype=np.float32)
    words = to_words(values, 32, "float")
    assert words.tolist() == [0, 0x80000000, 1, 0xBFC00000]
    assert plane_names(32, "float")[31] == "sign"


@given(arrays(np.uint32, (5,)), widths, widths)
def test_digits_are_an_exact_inverse(words, num_bits, digit_bits):
    words = words & np.uint32(2**num_bits - 1)
    digits = split_digits(words, num_bits, digit_bits)
    assert digits.shape == (5, -(-num_bits // digit_bits))
    assert int(digits.max()) < 2**digit_bits
    assert np.array_equal(join_digits(digits, num_bits, digit_bits), words)


@given(arrays(np.uint32, (3, 4)), widths)
def test_planes_are_equation_7(words, num_bits):
    words = words & np.uint32(2**num_bits - 1)
    planes = bit_planes(words, num_bits)
    assert set(np.unique(planes)) <= {0, 1}
    total = sum(2**i * planes[..., i].astype(object) for i in range(num_bits))
    assert np.array_equal(total, words.astype(object))
    assert np.array_equal(join_planes(planes), words)


@given(widths, st.data())
def test_an_error_below_the_ceiling_changes_no_level(num_bits, data):
    levels = 2**num_bits - 1
    word = data.draw(st.integers(0, levels))
    share = data.draw(st.floats(-0.99, 0.99))
    value = np.array([word / levels + share * error_ceiling(num_bits)])
    assert quantise(value, num_bits)[0] == word


@pytest.mark.parametrize("num_bits", [0, 33, -1, 2.5, True, "8"])
def test_a_bad_width_is_an_error(num_bits):
    with pytest.raises(InputError, match="integers from 1 to 32"):
        error_ceiling(num_bits)


def test_a_sample_that_does_not_fit_is_an_error():
    with pytest.raises(InputError, match=r"0\.\.15"):
        to_words(np.array([3, 16], dtype=np.uint8), 4)
    with pytest.raises(InputError, match=r"-8\.\.7"):
        to_words(np.array([8], dtype=np.int8), 4, "signed")


@given(arrays(np.uint32, st.integers(0, 20), elements=st.integers(0, 2**32 - 1)))
def test_gray_codes_come_back_and_neighbours_differ_in_one_bit(words):
    assert np.array_equal(from_gray(to_gray(words)), words)
    following = words + np.uint32(1)
    assert np.all(np.bitwise_count(to_gray(words) ^ to_gray(following)) == 1)


@given(arrays(np.uint32, 5, elements=st.integers(0, 255)), st.permutations(range(8)))
def test_rearranged_planes_stand_where_the_order_says(words, order):
    moved = rearrange_planes(words, 8, order)
    assert np.array_equal(bit_planes(moved, 8), bit_planes(words, 8)[:, order])
    assert np.array_equal(rearrange_planes(moved, 8, np.argsort(order)), words)


@pytest.mark.parametrize(
    "order", [[0, 1], [0, 1, 3], [0, -1, 2], [0.5, 1, 2], "012", [True, False, 2]]
)
def test_an_order_names_planes_that_there_are(order):
    with pytest.raises(InputError, match="must name 3 planes, each from 0 to 2"):
        rearrange_planes(np.zeros(2, np.uint32), 3, order)
