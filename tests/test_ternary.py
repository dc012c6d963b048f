"""Ternary networks: packing, integers against a slow reference, gradients, files, freezing."""

import hashlib
import json
import math
import time
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.model import build_model
from lossless_inr_lite.networks.integer_tables import gelu_table, sine_table
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.ternary import BitLinear, normalised
from lossless_inr_lite.networks.ternary_layout import plane_waves
from lossless_inr_lite.signals.coords import axis, integer_axis
from lossless_inr_lite.storage import trit_coding as trits
from lossless_inr_lite.storage import trits as ternary_file
from lossless_inr_lite.storage.certificate import certificate_path, read_certificate
from lossless_inr_lite.storage.integers import masked_sums, packed_bits, square_root
from lossless_inr_lite.training.quantisation import (
    CoarseLinear,
    after_training,
    best_step,
    in_training,
    rounded,
)
from lossless_inr_lite.training.recipes import TERNARY

PICTURE = lil.Signal(
    np.random.default_rng(0).integers(0, 16, (6, 5, 2)).astype(np.uint8), 4, "noise"
)


def model(
    formulation="bit_heads", width=12, layers=2, tile=None, seed=0, signal=PICTURE, **options
):
    chosen = Architecture(
        formulation, "ternary", width, layers, "bce", tile, options or {"num_waves": 5}
    )
    return build_model(chosen, signal.spec, seed)


@pytest.fixture(scope="module")
def fitted():
    return lil.fit(PICTURE, recipe="ternary", hidden_features=32, max_iterations=600)


# Packing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(0, 40))
def test_packing_is_exact_for_every_length(count, rng):
    found = rng.integers(-1, 2, count).astype(np.int8)
    assert len(trits.pack(found)) == math.ceil(count / 5)
    assert np.array_equal(trits.unpack(trits.pack(found), count), found)
    assert np.array_equal(trits.decode(trits.encode(found), count), found)


@given(st.lists(st.integers(-1, 1), max_size=300), st.floats(0, 1))
def test_both_codings_invert(values, zeros):
    found = np.array(values, np.int8)
    found[: int(zeros * len(found))] = 0
    for code, back in ternary_file.CODINGS:
        assert np.array_equal(back(code(found), len(found)), found)


def test_rare_trits_take_less_than_the_formula(rng):
    found = (rng.random(20_000) < 0.1).astype(np.int8)
    assert len(trits.encode(found)) < 0.5 * len(trits.pack(found))


@pytest.mark.parametrize(
    ("data", "count"), [(b"\xff", 5), (b"\x00\x00", 5), (b"", 1), (b"\x05", 1)]
)
def test_bytes_that_packing_does_not_make_are_refused(data, count):
    with pytest.raises(lil.FileFormatError, match=f"{len(data)} bytes"):
        trits.unpack(data, count)


@pytest.mark.parametrize(
    ("data", "count"),
    [(b"", 0), (b"\x55\x55", 10**9), (b"\xff\xff\x00\x00\x00\x01", 3), (b"\x55" * 6, 1)],
)
def test_bytes_that_coding_does_not_make_are_refused(data, count):
    with pytest.raises(lil.FileFormatError, match=f"{len(data)} bytes"):
        trits.decode(data, count)


# Tables ------------------------------------------------------------------------------------------


def test_tables_are_the_rounded_functions():
    turn = 2 * np.pi * np.arange(2**15) / 2**15
    assert np.abs(sine_table() - 45 * np.sin(turn)).max() <= 0.5 + 1e-9
    z = np.arange(-1024, 1025) / 64
    assert np.abs(gelu_table() - 256 * z * (1 + erf(z / np.sqrt(2))) / 2).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("length", [*range(1, 300), 511, 512, 1000, 1023, 1024])
def test_integer_coordinates_are_the_rounded_ones(length):
    floats = axis(length).astype(np.float32).astype(np.float64)
    assert np.array_equal(integer_axis(length), np.rint(floats * 2**14).astype(np.int64))


@given(st.integers(0, 2**62 - 1))
def test_square_roots_of_whole_numbers(value):
    assert square_root(np.array([value]))[0] == math.isqrt(value)


# Integers ----------------------------------------------------------------------------------------


def reference(network, points):
    """The published layers in pure Python: (S, out) sums of the last layer of the first group."""
    waves = network.waves.tolist()
    sines = sine_table().tolist()
    gelus = gelu_table().tolist()
    result = []
    for point in points.tolist():
        phases = [sum(f * p for f, p in zip(wave, point, strict=True)) for wave in waves]
        values = [(45 * p + 2**13) // 2**14 for p in point]
        values += [sines[phase % 2**15] for phase in phases] + [
            sines[(phase + 2**13) % 2**15] for phase in phases
        ]
        for number, layer in enumerate(network.layers):
            weights = layer.trits[0].tolist()
            sums = [
                sum(v * row[j] for v, row in zip(values, weights, strict=True))
                for j in range(len(weights[0]))
            ]
            if number == len(network.layers) - 1:
                result.append(sums)
                break
            z = [max(-1024, min(1024, (s * int(layer.multipliers[0]) + 2**15) >> 16)) for s in sums]
            a = [gelus[i + 1024] for i in z]
            n = len(a)
            total = sum(a)
            spread = max(1, math.isqrt(n * sum(x * x for x in a) - total**2))
            values = [
                max(-127, min(127, (64 * (n * x - total) + spread) // (2 * spread))) for x in a
            ]
    return np.array(result)


@pytest.mark.parametrize("options", [{"num_waves": 5}, {"num_frequencies": 3}])
@pytest.mark.parametrize("width", [7, 70])
def test_integer_inference_equals_pure_python(options, width):
    packed = ternary_file.packed(model(width=width, **options))
    points = packed.formulation.integer_coordinates(packed.spec)
    assert np.array_equal(next(packed.integers.totals(points)), reference(packed.integers, points))


@pytest.mark.parametrize(
    "formulation",
    [
        "bit_heads",
        "bit_coordinate",
        "parallel_bits",
        "bit_colour_coordinate",
        "bit_heads_gray",
        "bit_mosaic",
        "bit_heads_3d",
    ],
)
@pytest.mark.parametrize("tile", [None, 3])
def test_training_and_decoding_are_one_forward_pass(formulation, tile):
    """The network carries integers in floats of either precision, and decides the same bits."""
    trained = model(formulation, tile=tile)
    words, margin = ternary_file.packed(trained).decode(batch=7)
    assert margin >= 0.5
    for precision, batch in (("float32", 8192), ("float64", 3)):
        assert np.array_equal(trained.decode(batch, precision)[0], words)


def test_batches_and_precisions_do_not_matter_to_the_decoder():
    packed = ternary_file.packed(model())
    ways = [
        packed.decode(batch, precision)
        for batch in (1, 5, 10**6)
        for precision in ("float32", "float64")
    ]
    assert all(np.array_equal(words, ways[0][0]) and margin == ways[0][1] for words, margin in ways)


@given(st.integers(1, 150), st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=30)
def test_sums_under_masks_are_matrix_products(inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-127, 128, (4, inputs))
    weights = rng.integers(-1, 2, (inputs, outputs))
    sums = masked_sums(values, packed_bits(weights.T > 0), packed_bits(weights.T < 0))
    assert np.array_equal(sums, values @ weights)


def test_a_stretched_axis_of_bits_has_no_integer_coordinates():
    with pytest.raises(lil.InputError, match="bit_coordinate_x2 has no integer coordinates"):
        get_formulation("bit_coordinate_x2").integer_coordinates(PICTURE.spec)


# Gradients ---------------------------------------------------------------------------------------


def test_the_gradient_goes_straight_through_the_rounding_of_weights():
    layer = BitLinear(1, 3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[0.9, -0.1], [0.2, -1.0], [0.05, 0.4]]]))
    x = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    total, _ = layer(x)
    assert torch.equal(layer.codes()[0], torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]))
    assert torch.equal(total, x @ layer.codes())
    total.backward(torch.ones_like(total))
    assert torch.equal(layer.weight.grad[0], x[0].sum(0)[:, None].expand(3, 2))


def test_the_gradient_of_the_norm_is_that_of_a_layer_norm():
    values = (torch.randn(1, 5, 40, dtype=torch.float64) * 300).round().requires_grad_()
    weights = torch.randn(1, 5, 40, dtype=torch.float64)
    (normalised(values) * weights).sum().backward()
    other = values.detach().clone().requires_grad_()
    (32 * torch.nn.functional.layer_norm(other, (40,), eps=0) * weights).sum().backward()
    assert (
        torch.nn.functional.cosine_similarity(values.grad.flatten(), other.grad.flatten(), dim=0)
        > 0.999
    )
    assert values.grad.norm() / other.grad.norm() == pytest.approx(1, abs=0.02)


def test_waves_are_fixed_and_below_nyquist():
    waves = plane_waves(Problem(3, 1, (16, 9)), 40)
    assert waves[:2].tolist() == plane_waves(Problem(3, 1, (16, 9)), 2).tolist()
    assert (np.abs(waves).max(0) <= [8, 4, 8]).all()
    assert len({tuple(w) for w in waves.tolist()}) > 35


# Fits and files ----------------------------------------------------------------------------------


def test_a_fit_is_certified_from_its_packed_file(fitted, tmp_path):
    assert fitted.lossless
    assert fitted.certificate.smallest_margin >= 0.5
    path = lil.save(fitted, tmp_path / "noise.trits")
    assert path.stat().st_size == fitted.certificate.file_bytes
    assert np.array_equal(lil.decode(path).samples, PICTURE.samples)
    header = lil.read_model(path)[1]
    assert header.num_parameters == fitted.num_parameters
    assert header.sha256_samples == PICTURE.sha256
    assert (
        json.loads((tmp_path / "noise.trits.json").read_text())["sha256_weights"]
        == header.sha256_weights
    )


def test_the_file_is_little_more_than_its_trits(fitted, tmp_path):
    path = lil.save(fitted, tmp_path / "noise.trits")
    assert path.stat().st_size <= math.ceil(fitted.num_parameters / 5) + 4 * 4 + 8 + 64 + 130


def test_latent_weights_can_be_saved_too(fitted, tmp_path):
    path = lil.save(fitted, tmp_path / "noise.safetensors")
    assert np.array_equal(lil.decode(path).samples, PICTURE.samples)


def test_every_flipped_bit_and_cut_is_refused(fitted, tmp_path):
    data = lil.save(fitted, tmp_path / "noise.trits").read_bytes()
    bad = tmp_path / "bad.trits"
    for place in range(0, len(data), 7):
        bad.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        with pytest.raises(lil.FileFormatError, match=r"bad.trits"):
            lil.read_model(bad)
        bad.write_bytes(data[:place])
        with pytest.raises(lil.FileFormatError, match=r"bad.trits is (truncated|damaged)"):
            lil.read_model(bad)


def resigned(data, change):
    """A file with other header facts and valid checksums."""
    end = 8 + int.from_bytes(data[6:8], "little")
    facts = json.loads(
        zlib.decompressobj(-15, zdict=ternary_file.DICTIONARY).decompress(data[8:end])
    )
    change(facts)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=ternary_file.DICTIONARY)
    header = deflate.compress(json.dumps(facts).encode()) + deflate.flush()
    body = data[:6] + len(header).to_bytes(2, "little") + header + data[end:-32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_features": 4096}, "bytes are not"),
        ({"hidden_features": 60_000}, "too large"),
        ({"shape": [16384, 16384, 1], "tile": 1}, "multipliers|bytes are not"),
        ({"network": "siren", "options": {}}, "a siren with formulation .* cannot be saved"),
        ({"loss": "mse"}, "and loss mse cannot be saved"),
        ({"network": "nothing"}, "a nothing with formulation .* cannot be saved"),
        ({"options": {"num_waves": 1e9}}, "num_waves of ternary"),
        ({"num_bits": 99}, "the header of bad.trits is wrong at num_bits: it is 99"),
        ({"formulation": "bit_coordinate_x2"}, "bit_coordinate_x2 and loss bce cannot be saved"),
        ({"surprise": 1}, "the header of bad.trits is wrong at surprise: no such field"),
    ],
)
def test_hostile_headers_are_refused_before_anything_is_allocated(
    fitted, tmp_path, change, message
):
    data = lil.save(fitted, tmp_path / "noise.trits").read_bytes()
    bad = tmp_path / "bad.trits"
    bad.write_bytes(resigned(data, lambda facts: facts.update(change)))
    with pytest.raises(lil.FileFormatError, match=message):
        lil.read_model(bad)


def test_a_header_that_inflates_without_end_is_refused(fitted, tmp_path):
    data = lil.save(fitted, tmp_path / "noise.trits").read_bytes()
    bad = tmp_path / "bad.trits"
    bad.write_bytes(resigned(data, lambda facts: facts.update(name="x" * 10_000_000)))
    with pytest.raises(
        lil.FileFormatError,
        match=r"the header of bad\.trits is larger than 131072 bytes when it is inflated",
    ):
        lil.read_model(bad)


def test_other_networks_are_not_saved_as_trits(tmp_path):
    floats = lil.fit(
        PICTURE,
        formulation="bit_heads",
        network="siren",
        hidden_features=8,
        hidden_layers=1,
        recipe="paper",
        max_iterations=1,
        certify=False,
    )
    with pytest.raises(
        lil.InputError,
        match=r"a siren with formulation bit_heads and loss sigmoid_bce cannot be saved as \.trits",
    ):
        lil.save(floats, tmp_path / "a.trits")
    assert not list(tmp_path.iterdir())


def test_sides_and_widths_that_would_not_be_exact_are_refused():
    with pytest.raises(
        lil.InputError, match="a ternary network of width 5000 on a side of 6 is too large"
    ):
        model(width=5000)
    with pytest.raises(lil.InputError, match="on a side of 2000 is too large"):
        lil.fit(
            sound(2000),
            formulation="bit_heads",
            network="ternary",
            hidden_features=8,
            hidden_layers=1,
            recipe="paper",
        )


def sound(length):
    return lil.Signal(np.zeros((length, 1), np.int16), 16, "long", 8000, "PCM_16")


@pytest.mark.parametrize("length", [1025, 2000, 4999, 9000])
def test_the_recipe_cuts_long_signals_into_tiles(length):
    chosen = TERNARY.complete(Architecture(), sound(length).spec)
    assert chosen.tile is not None
    assert (
        max(get_formulation(chosen.formulation, chosen.tile).tile_sides(sound(length).spec)) <= 1024
    )


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"network": "siren"},
            "the recipe ternary trains the network ternary, and siren was asked for",
        ),
        ({"hidden_layers": 0}, "hidden_layers is 0: allowed are integers from 1"),
        ({"hidden_features": "8"}, "hidden_features is '8': allowed are integers"),
        ({"formulation": ""}, "unknown formulation ''"),
    ],
)
def test_bad_choices_are_named_before_training(choice, message):
    with pytest.raises(lil.InputError, match=message):
        lil.fit(PICTURE, recipe="ternary", **choice)


@pytest.mark.parametrize(
    "further",
    [
        [],
        ["--recipe", "ternary", "--loss", "mse"],
        ["--recipe", "ternary", "--formulation", "bit_coordinate_x2"],
    ],
)
def test_what_cannot_be_packed_is_refused_before_training(tmp_path, capsys, further):
    started = time.perf_counter()
    assert (
        main(["fit", "astronaut", "--size", "64", *further, "-o", str(tmp_path / "a.trits")]) == 2
    )
    assert "cannot be saved as .trits" in capsys.readouterr().err
    assert time.perf_counter() - started < 5
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "beside"), [(".trits", "noise.trits.json"), (".safetensors", "noise.json")]
)
def test_either_form_has_the_certificate_of_its_own_weights(fitted, tmp_path, suffix, beside):
    path = lil.save(fitted, tmp_path / f"noise{suffix}")
    _, header = lil.read_model(path)
    certificate = read_certificate(path, header.sha256_weights)
    assert certificate_path(path).name == beside
    assert certificate is not None
    assert certificate.lossless
    assert certificate.file_bytes == path.stat().st_size
    assert certificate.sha256_weights == header.sha256_weights


def test_decoding_asks_for_memory_first(monkeypatch):
    packed = ternary_file.packed(model())

    def refuse(needed):
        raise lil.InputError("no")

    monkeypatch.setattr("lossless_inr_lite.storage.integers.check_memory", refuse)
    with pytest.raises(lil.InputError, match="no"):
        packed.decode()


def test_the_command_line(tmp_path, capsys):
    from lossless_inr_lite.signals.image_files import write_image

    write_image(tmp_path / "in.png", PICTURE.samples[..., :1] * 17, 8)
    network = str(tmp_path / "out.trits")
    back = str(tmp_path / "back.png")
    assert (
        main(
            [
                "fit",
                str(tmp_path / "in.png"),
                "--recipe",
                "ternary",
                "--max-iterations",
                "600",
                "-o",
                network,
            ]
        )
        == 0
    )
    assert main(["verify", network, str(tmp_path / "in.png")]) == 0
    assert main(["decode", network, "-o", back]) == 0
    capsys.readouterr()
    assert main(["info", network]) == 0
    assert json.loads(capsys.readouterr().out)["lossless"] is True
    assert lil.load_image(back).sha256 == lil.load_image(tmp_path / "in.png").sha256


# Iterative freezing and coarse weights -----------------------------------------------------------


def test_weights_freeze():
    """After the last freeze time no trit moves: later evaluations decide as earlier ones."""
    seen = []
    done = lil.fit(
        PICTURE,
        formulation="bit_heads",
        network="ternary",
        hidden_features=8,
        hidden_layers=1,
        recipe="ternary",
        max_iterations=600,
        certify=False,
        callback=lambda entry, words: seen.append((entry.iteration, words.copy())),
    )
    assert done.stopped == "max_iterations"
    assert not np.array_equal(seen[0][1], seen[3][1])
    assert [iteration for iteration, _ in seen[-2:]] == [590, 600]  # the last time is 588
    assert np.array_equal(seen[-1][1], seen[-2][1])
    times = TERNARY.trainer.freeze_times(list(done.model.network.layers), 0)
    assert max(float(when.max()) for when in times) <= TERNARY.trainer.frozen_by
    assert all(float(a.max()) <= float(b.min()) for a, b in pairwise(times))


def test_the_best_step_is_no_worse_than_the_largest_weights(rng):
    weight = torch.from_numpy(rng.standard_normal((2, 9, 7)))
    for bits in (2, 3, 4, 8):
        largest = 2 ** (bits - 1) - 1
        step = best_step(weight, bits)
        plain = weight.abs().amax((1, 2), keepdim=True) / largest
        error, other = (
            ((rounded(weight, s, largest) - weight) ** 2).sum((1, 2)) for s in (step, plain)
        )
        assert (error <= other + 1e-12).all()
        assert len(torch.unique((rounded(weight, step, largest) / step).round())) <= 2 * largest + 1


def test_coarse_layers_compute_with_levels():
    layer = CoarseLinear(1, 4, 3, bits=3)
    layer.uniform_(1.0, 0.5, torch.Generator().manual_seed(0))
    layer.grid = best_step(layer.weight.detach(), 3)
    x = torch.randn(1, 5, 4)
    assert torch.allclose(layer(x), x @ (layer.codes() * layer.grid) + layer.bias, atol=1e-6)
    layer(x).sum().backward()
    assert torch.allclose(layer.weight.grad[0], x[0].sum(0)[:, None].expand(4, 3))


def test_coarse_training_ends_on_the_grid():
    whole = lil.fit(
        PICTURE,
        formulation="bit_heads",
        network="siren",
        hidden_features=24,
        hidden_layers=1,
        recipe="paper",
        max_iterations=30,
        certify=False,
    )
    coarse = in_training(whole, PICTURE, 3, 40, 1e-3, 0)
    for name, weight in coarse.model.network.state_dict().items():
        if name.endswith("weight"):
            assert len(torch.unique(weight)) <= 7
    rough = after_training(whole, PICTURE, 2)
    assert all(
        len(torch.unique(w)) <= 3
        for n, w in rough.model.network.state_dict().items()
        if n.endswith("weight")
    )
    assert rough.entry.wrong_bits > 0


def test_networks_without_plain_layers_have_no_coarse_form():
    whole = lil.fit(
        PICTURE,
        formulation="bit_heads",
        network="wire",
        hidden_features=8,
        hidden_layers=1,
        recipe="paper",
        max_iterations=1,
        certify=False,
    )
    with pytest.raises(lil.InputError, match="a wire has no coarse form"):
        in_training(whole, PICTURE, 3, 1, 1e-3, 0)
