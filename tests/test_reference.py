"""Our networks and recipe beside the public implementations, on weights given by a formula.

`data/reference_outputs.json` holds what those gave, once, in float64; it describes the formula.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import lossless_inr_lite as lil
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.losses import get_loss
from lossless_inr_lite.networks.linear import GroupedComplexLinear
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.registry import build_network, num_parameters

CONTENT = json.loads((Path(__file__).parent / "data" / "reference_outputs.json").read_text())
VALUES = CONTENT["values"]
POINTS = ((-0.5, 0.25), (0.8, -0.9), (1.0, 1.0))
PLANE = Problem(2, 1, (3,))
WIDTH = 5
LAYERS = 2
NETWORKS = {
    "siren omega 30": ("siren", WIDTH, {}),
    "finer omega 30": ("finer", WIDTH, {}),
    "wire 7->4 complex, omega 10, scale 10": ("wire", 7, {}),
    "gauss scale 10 (sigma 0.0707..)": ("gauss", WIDTH, {"sigma": 1 / (10 * 2**0.5)}),
    "relu_pe 2 octaves": ("relu_pe", WIDTH, {"num_frequencies": 2}),
}
NEAR = {"rtol": 0, "atol": 1e-12}


def by_formula(count, wave, rate, size):
    return size * wave(rate[0] * np.arange(count) + rate[1])


def fill(network, later=1.0):
    """Weights and biases by the formula; `later` scales the weights behind the first layer."""
    complex_layers = [isinstance(layer, GroupedComplexLinear) for layer in network.layers]
    for i, layer in enumerate(network.layers):
        _, fan_in, fan_out = layer.weight.shape[:3]
        scale = 1.0 if i == 0 else later
        weight = scale * by_formula(fan_in * fan_out, np.sin, (1.7, i), 0.3)
        bias = by_formula(fan_out, np.cos, (1.3, i), 0.2)
        weight = weight.reshape(fan_out, fan_in).T
        if complex_layers[i]:
            shift = i + 0.5
            imaginary = scale * by_formula(fan_in * fan_out, np.sin, (1.7, shift), 0.3)
            weight = weight + 1j * imaginary.reshape(fan_out, fan_in).T
            bias = bias + 1j * by_formula(fan_out, np.cos, (1.3, shift), 0.2)
        _set(layer.weight, weight)
        _set(layer.bias, bias)
    return network


def _set(parameter, values):
    given = torch.from_numpy(np.ascontiguousarray(values))
    if given.is_complex() and not parameter.is_complex():
        given = torch.view_as_real(given)
    with torch.no_grad():
        parameter.copy_(given.reshape(parameter.shape))


def in_our_order(axes, octaves):
    """Their inputs go by octave, then axis, then sine and cosine; ours by sine, axis and octave."""
    order = list(range(axes))
    for wave in (0, 1):
        for a in range(axes):
            order += [axes + 2 * axes * k + 2 * a + wave for k in range(octaves)]
    return order


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_those_of_the_public_implementations(name):
    kind, width, options = NETWORKS[name]
    network = fill(build_network(kind, PLANE, width, LAYERS, 0, options).double())
    if kind == "relu_pe":
        first = network.layers[0].weight
        _set(first, first.detach().numpy()[:, in_our_order(2, 2)])
    points = torch.tensor([POINTS], dtype=torch.float64)
    found = network(points).detach().numpy().ravel()
    np.testing.assert_allclose(found, VALUES[name], **NEAR)


def test_ten_steps_of_the_method_have_the_same_losses():
    """A 4 x 4 picture as bits, full batch, Adam at 1e-4; losses before steps 0, 1 and 10."""
    words = ((37 * np.arange(48) + 11) % 256).astype(np.uint8).reshape(4, 4, 3)
    signal = lil.Signal(words, 8, "formula")
    posed = get_formulation("bit_coordinate")
    network = fill(build_network("siren", posed.problem(signal.spec), 8, 5), later=0.2)
    inputs = torch.from_numpy(posed.coordinates(signal.spec))
    targets = torch.from_numpy(posed.codes(signal.words, signal.spec)).float()
    loss = get_loss("sigmoid_bce")
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    found = []
    for _ in range(11):
        value = loss.function(network(inputs), targets).mean()
        found.append(value.item())
        adam.zero_grad()
        value.backward()
        adam.step()
    wanted = VALUES["training loss at 0,1,10,100,200"][:3]
    assert [found[step] for step in (0, 1, 10)] == pytest.approx(wanted, abs=1e-5)


def test_the_papers_network_has_as_many_weights():
    """1,316,867 in the authors' code, of 512 features."""
    papers = build_network("siren", Problem(3, 3, (256, 256, 8)), 512, 5, None)
    layers = 3 * 512 + 512 + 5 * (512**2 + 512) + 512 * 3 + 3
    assert num_parameters(papers) == layers == 1_316_867
    values = build_network("siren", PLANE, WIDTH, LAYERS, None)
    assert num_parameters(values) == 2 * 5 + 5 + 2 * (25 + 5) + 5 + 1


def test_finers_factor_has_no_gradient_in_its_script_and_has_here():
    """The outputs are equal, the gradients are not: so it is an option."""
    slopes = []
    for detached in (0, 1):
        network = fill(build_network("finer", PLANE, WIDTH, LAYERS, 0, {"detached": detached}))
        value = network(torch.tensor([POINTS])).sum()
        value.backward()
        slopes.append((value.item(), network.layers[0].weight.grad.abs().sum().item()))
    assert slopes[0][0] == pytest.approx(slopes[1][0], abs=1e-6)
    assert not math.isclose(slopes[0][1], slopes[1][1], rel_tol=0.01)
