"""Formulations, losses, coordinates, metrics and networks, each against its definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lossless_inr_lite import InputError, SignalSpec
from lossless_inr_lite.formulations import FORMULATIONS, get_formulation
from lossless_inr_lite.losses import LOSSES
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.registry import build_network, flops_per_sample, num_parameters
from lossless_inr_lite.signals.coords import grid
from lossless_inr_lite.signals.metrics import bit_error_rate, plane_error_rates, psnr, rmse, ssim

specs = st.builds(
    SignalSpec,
    st.just("s"),
    st.lists(st.integers(1, 5), min_size=2, max_size=3).map(tuple),
    st.integers(1, 32),
)


@given(
    specs,
    st.sampled_from(sorted(FORMULATIONS)),
    st.none() | st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_codes_are_an_exact_inverse(spec, name, tile, seed):
    formulation = get_formulation(name, tile)
    words = np.random.default_rng(seed).integers(0, 2**spec.num_bits, spec.shape).astype(np.uint32)
    codes = formulation.codes(words, spec)
    coordinates = formulation.coordinates(spec)
    problem = formulation.problem(spec)
    assert codes.shape == (problem.groups, formulation.num_samples(spec), problem.out_features)
    assert coordinates.shape == (1, formulation.num_samples(spec), problem.in_features)
    assert np.abs(coordinates).max() <= 1
    assert np.array_equal(formulation.words(codes, spec), words)


def test_the_bit_coordinate_asks_for_the_bit_that_its_input_names():
    spec = SignalSpec("s", (2, 2, 3), 8)
    words = np.arange(12, dtype=np.uint32).reshape(spec.shape) * 20
    formulation = FORMULATIONS["bit_coordinate"]
    codes = formulation.codes(words, spec)[0]
    coordinates = formulation.coordinates(spec)[0]
    for sample, (y, x, i) in enumerate(np.ndindex(2, 2, 8)):
        assert np.allclose(coordinates[sample], [2 * y - 1, 2 * x - 1, -1 + 2 * i / 7])
        assert codes[sample].tolist() == [(int(w) >> i) & 1 for w in words[y, x]]


def test_floats_have_no_amplitude_formulation():
    with pytest.raises(InputError, match="use bit_coordinate or bit_heads"):
        FORMULATIONS["amplitude"].check(SignalSpec("s", (3, 1), 32, "float", 8000, "FLOAT"))


def test_coordinates_run_from_minus_one_to_one():
    assert grid(3, 2).tolist() == [[-1, -1], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 1]]
    assert grid(1).tolist() == [[0]]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses_prefer_the_truth_and_decide_by_it(name):
    loss = LOSSES[name]
    targets = torch.tensor([0.0, 1.0])
    right = torch.tensor([-9.0, 9.0]) if loss.logits else targets
    assert loss.codes(right, 1).tolist() == [0, 1]
    assert (loss.function(right, targets) < loss.function(right.flip(0), targets)).all()
    assert (loss.margins(right, 1) > 0).all()


def test_digits_are_the_nearest_level():
    values = torch.tensor([0.0, 0.49 / 255, 0.51 / 255, 1.0, 7.0, -3.0])
    assert LOSSES["mse"].codes(values, 8).tolist() == [0, 0, 1, 255, 255, 0]
    assert LOSSES["mse"].margins(values, 8)[1].item() == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize(("name", "silent"), [("sigmoid_bce", True), ("bce", False)])
def test_saturated_sigmoid_gives_a_wrong_bit_no_gradient_and_logits_do(name, silent):
    output = torch.tensor([30.0], requires_grad=True)
    LOSSES[name].function(output, torch.zeros(1)).sum().backward()
    assert output.grad is not None
    assert (output.grad.item() == 0) is silent


def test_metrics_by_hand():
    truth = np.array([[[0], [255]]], dtype=np.uint32)
    words = np.array([[[3], [255]]], dtype=np.uint32)
    assert bit_error_rate(words, truth, 8) == 2 / 16
    assert plane_error_rates(words, truth, 8).tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert rmse(words, truth) == pytest.approx(math.sqrt(4.5))
    assert psnr(words, truth, 8) == pytest.approx(20 * math.log10(255 / math.sqrt(4.5)))
    assert psnr(truth, truth, 8) == math.inf
    assert math.isnan(ssim(truth, truth, 8))
    ramp = np.arange(256, dtype=np.uint32).reshape(16, 16, 1)
    assert ssim(ramp, ramp, 8) == 1.0


def test_the_papers_siren_has_the_papers_size():
    network = build_network("siren", Problem(3, 3, (8, 8)), 512, 5)
    assert num_parameters(network) == 1_316_867
    assert flops_per_sample(network) == 2 * (3 * 512 + 5 * 512 * 512 + 512 * 3)


def test_siren_is_its_published_equation():
    network = build_network("siren", Problem(2, 1, (8, 8)), 4, 1, seed=3)
    x = torch.tensor([[0.3, -0.7]])
    first, second, last = network.layers
    hidden = torch.sin(30 * (x @ first.weight[0] + first.bias[0]))
    hidden = torch.sin(30 * (hidden @ second.weight[0] + second.bias[0]))
    expected = hidden @ last.weight[0] + last.bias[0]
    assert torch.allclose(network(x[None])[0], expected, atol=1e-6)


def test_siren_starts_from_its_published_distribution():
    network = build_network("siren", Problem(3, 3, (8, 8)), 256, 2, seed=0)
    bounds = [1 / 3, *[math.sqrt(6 / 256) / 30] * 3]
    for layer, bound in zip(network.layers, bounds, strict=True):
        assert layer.weight.abs().max().item() <= bound
        assert layer.weight.abs().max().item() > 0.9 * bound


def test_siren_has_the_gradient_of_its_function():
    network = build_network("siren", Problem(2, 2, (8, 8)), 5, 1, seed=1).double()
    inputs = torch.rand(1, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, (inputs,))


def test_groups_are_independent_networks():
    both = build_network("siren", Problem(2, 3, (8, 8), 2), 8, 2, seed=5)
    x = torch.rand(1, 7, 2)
    for group in range(2):
        single = build_network("siren", Problem(2, 3, (8, 8)), 8, 2, seed=0)
        of_group = {key: value[group : group + 1] for key, value in both.state_dict().items()}
        single.load_state_dict(of_group)
        assert torch.allclose(both(x)[group], single(x)[0], atol=1e-6)
        assert flops_per_sample(both) == flops_per_sample(single)


def test_seeds_decide_the_weights():
    problem = Problem(2, 1, (8, 8))
    first = build_network("siren", problem, 8, 1, seed=1).state_dict()
    same = build_network("siren", problem, 8, 1, seed=1).state_dict()
    other = build_network("siren", problem, 8, 1, seed=2).state_dict()
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match=r"unknown network 'mlp'.*siren"):
        build_network("mlp", Problem(2, 1, (8, 8)), 8, 1)
    with pytest.raises(InputError, match=r"option of siren 'omega'.*omega_0"):
        build_network("siren", Problem(2, 1, (8, 8)), 8, 1, options={"omega": 3.0})
    with pytest.raises(InputError, match="hidden_features is 0"):
        build_network("siren", Problem(2, 1, (8, 8)), 0, 1)
