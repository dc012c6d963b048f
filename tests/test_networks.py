"""Every network against its published definition.

That is computed a second time here, with plain numpy, from the named weights.
"""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_storage import rewritten
from torch.func import functional_call

import lossless_inr_lite as lil
from lossless_inr_lite.networks.grid import corners, levels, positions
from lossless_inr_lite.networks.instant_ngp import entry
from lossless_inr_lite.networks.linear import GroupedComplexLinear
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.registry import (
    NETWORKS,
    build_network,
    flops_per_sample,
    num_parameters,
)
from lossless_inr_lite.signals.coords import axis, grid

PROBLEMS = {
    "plane": Problem(2, 1, (5, 4)),
    "bits": Problem(3, 2, (2, 2)),
    "groups": Problem(3, 3, (3, 7), 2),
    "sound": Problem(1, 2, (9,), 3),
    "colour": Problem(4, 1, (3, 3)),
}
# None is at its default, so that every one is seen to count.
OPTIONS = {
    "tanh_pe": {"num_frequencies": 3},
    "relu_pe": {"num_frequencies": 3},
    "wire": {"omega_0": 3.0, "scale_0": 1.5},
    "gauss": {"sigma": 0.7},
    "siren": {"first_omega_0": 5.0, "omega_0": 2.0},
    # Detached is at its default: with it the gradient is not the derivative, see test_reference.
    "finer": {"first_omega_0": 5.0, "omega_0": 2.0, "first_bias_scale": 4.0, "detached": 0},
    "instant_ngp": {"num_levels": 3, "level_features": 2, "log2_entries": 5, "coarsest": 1},
    "diner": {"first_omega_0": 5.0, "omega_0": 2.0, "table_features": 3},
}
WIDTH = 6
LAYERS = 2
TABLES = ("instant_ngp", "diner")
TABLE_BOUND = 1e-4
# The others have no derivatives: see test_ternary.
SMOOTH = sorted(set(NETWORKS) - {"ternary"})
each_network = pytest.mark.parametrize("name", SMOOTH)
each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def built(name, problem, width=WIDTH, layers=LAYERS, seed=0):
    return build_network(name, problem, width, layers, seed, OPTIONS[name])


def shaken(name, problem, width=WIDTH, layers=LAYERS):
    """A float64 network with weights far from their small start.

    So every part of the equation counts.
    """
    network = built(name, problem, width, layers).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.5, 0.5, generator=generator)
    return network


def coordinates(problem):
    """All grid points with three values of every further input, (1, S, in) float64."""
    further = problem.in_features - len(problem.sides)
    return torch.from_numpy(grid(*problem.sides, *[3] * further))[None].double()


# The equations ------------------------------------------------------------------------------------


def affine(weights, layer, x):
    weight = weights[f"layers.{layer}.weight"]
    bias = weights[f"layers.{layer}.bias"]
    if weight.ndim == 3:  # real and imaginary parts
        weight = weight[..., 0] + 1j * weight[..., 1]
        bias = bias[..., 0] + 1j * bias[..., 1]
    return x @ weight + bias


def perceptron(weights, x, activation):
    for layer in range(LAYERS + 1):
        x = activation(affine(weights, layer, x), layer)
    return affine(weights, LAYERS + 1, x)


def encoding(x, options):
    """NeRF's Eq. 4 for one point, behind the point itself."""
    angles = [2**k * math.pi * p for p in x for k in range(options["num_frequencies"])]
    return np.array([*x, *map(math.sin, angles), *map(math.cos, angles)])


def level_resolutions(options, finest):
    """Instant-NGP's Eq. 2 and 3."""
    growth = (finest / options["coarsest"]) ** (1 / (options["num_levels"] - 1))
    return [
        math.floor(options["coarsest"] * growth**level + 1e-9)
        for level in range(options["num_levels"])
    ]


def hashed(corner, size):
    """Instant-NGP's Eq. 4 in arithmetic of 32 bits."""
    total = 0
    for value, prime in zip(corner, (1, 2654435761, 805459861, 3674653429), strict=False):
        total ^= (value * prime) % 2**32
    return total % size


def interpolated(table, x, resolution):
    """The entries at the corners of the cell of one point.

    Each counts by the volume on the other side of the point.
    """
    scaled = (x + 1) / 2 * resolution
    result = np.zeros(table.shape[1])
    for corner in itertools.product(range(resolution + 1), repeat=len(x)):
        share = np.prod(np.clip(1 - np.abs(scaled - corner), 0, 1))
        if share > 0:
            if (resolution + 1) ** len(x) <= len(table):
                row = np.ravel_multi_index(corner, [resolution + 1] * len(x))
            else:
                row = hashed(corner, len(table))
            result += share * table[row]
    return result


def hash_features(weights, x, problem, options):
    resolutions = level_resolutions(options, max(problem.sides))
    features = []
    for level, resolution in enumerate(resolutions):
        features.append(interpolated(weights[f"tables.{level}"], x, resolution))
    return np.concatenate(features)


def relu(z):
    return np.maximum(z, 0)


def sine(z, layer, options):
    omega = options["first_omega_0"] if layer == 0 else options["omega_0"]
    return np.sin(omega * z)


def gabor(z, options):
    """WIRE's activation: a complex wave times a Gaussian."""
    return np.exp(1j * options["omega_0"] * z - np.abs(options["scale_0"] * z) ** 2)


def gaussian(z, options):
    return np.exp(-(z**2) / (2 * options["sigma"] ** 2))


def expected(name, weights, problem, points):
    """(S, out) of one network; `points` (S, in) in the order of `coordinates`."""
    options = OPTIONS[name]
    if name == "tanh_pe":
        encoded = np.stack([encoding(x, options) for x in points])
        return perceptron(weights, encoded, lambda z, layer: np.tanh(z))
    if name == "relu_pe":
        encoded = np.stack([encoding(x, options) for x in points])
        return perceptron(weights, encoded, lambda z, layer: relu(z))
    if name == "wire":
        return perceptron(weights, points, lambda z, layer: gabor(z, options)).real
    if name == "gauss":
        return perceptron(weights, points, lambda z, layer: gaussian(z, options))
    if name == "siren":
        return perceptron(weights, points, lambda z, layer: sine(z, layer, options))
    if name == "finer":
        return perceptron(
            weights, points, lambda z, layer: sine((np.abs(z) + 1) * z, layer, options)
        )
    if name == "instant_ngp":
        encoded = np.stack([hash_features(weights, x, problem, options) for x in points])
        return perceptron(weights, encoded, lambda z, layer: relu(z))
    assert name == "diner"
    encoded = diner_inputs(weights["table"], problem, points)
    return perceptron(weights, encoded, lambda z, layer: sine(z, layer, options))


def diner_inputs(table, problem, points):
    """The table's row of every position, with what follows the position in the coordinates."""
    axes = len(problem.sides)
    values_per_position = 3 ** (problem.in_features - axes)
    rows = np.arange(len(points)) // values_per_position  # the position changes slowest
    return np.concatenate([table[rows], points[:, axes:]], axis=1)


@each_problem
@each_network
def test_a_network_is_its_published_equation(name, problem):
    network = shaken(name, problem)
    x = coordinates(problem)
    outputs = network(x).detach().numpy()
    assert outputs.shape == (problem.groups, x.shape[1], problem.out_features)
    for group in range(problem.groups):
        weights = {key: value[group].numpy() for key, value in network.state_dict().items()}
        published = expected(name, weights, problem, x[0].numpy())
        assert np.allclose(outputs[group], published, rtol=1e-9, atol=1e-11)


@each_network
def test_float32_is_close_to_float64(name):
    network = shaken(name, PROBLEMS["groups"])
    x = coordinates(PROBLEMS["groups"])
    precise = network(x)
    assert torch.allclose(network.float()(x.float()).double(), precise, atol=1e-3)


@pytest.mark.parametrize("name", ["tanh_pe", "relu_pe"])
def test_the_encoding_tells_opposite_borders_apart(name):
    """Sines and cosines alone do not: they repeat after 2, the distance of -1 from 1."""
    network = shaken(name, PROBLEMS["plane"])
    first, last = network.encode(torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]]).double())[0]
    assert not torch.allclose(first, last)
    assert torch.allclose(first[2:], last[2:])


def test_positional_encoding_has_nerfs_63_inputs():
    network = build_network("relu_pe", Problem(3, 1, (4, 4)), 8, 1)
    assert network.layers[0].weight.shape == (1, 63, 8)


# Size and cost ------------------------------------------------------------------------------------


def encoded_inputs(name, problem):
    """How many inputs the first layer has."""
    options = OPTIONS[name]
    if name in ("tanh_pe", "relu_pe"):
        return problem.in_features * (1 + 2 * options["num_frequencies"])
    if name == "instant_ngp":
        return options["num_levels"] * options["level_features"]
    if name == "diner":
        return options["table_features"] + problem.in_features - len(problem.sides)
    return problem.in_features


def table_entries(name, problem):
    """How many numbers lie in the tables of one network."""
    options = OPTIONS[name]
    if name == "diner":
        return math.prod(problem.sides) * options["table_features"]
    if name != "instant_ngp":
        return 0
    largest = 2 ** options["log2_entries"]
    entries = 0
    for resolution in level_resolutions(options, max(problem.sides)):
        entries += min((resolution + 1) ** problem.in_features, largest)
    return options["level_features"] * entries


def complex_width(width):
    """WIRE's layers have fewer units, for a complex weight is two numbers."""
    return math.floor(width / math.sqrt(2))


@each_problem
@each_network
def test_parameters_and_operations_are_those_of_the_formula(name, problem):
    network = built(name, problem)
    d = encoded_inputs(name, problem)
    out = problem.out_features
    if name == "wire":
        h = complex_width(WIDTH)
        size = (d + 1) * h + 2 * LAYERS * (h + 1) * h + 2 * (h + 1) * out
        flops = 2 * d * h + 8 * (LAYERS * h * h + h * out)
    else:
        h = WIDTH
        size = (d + 1) * h + LAYERS * (h + 1) * h + (h + 1) * out + table_entries(name, problem)
        flops = 2 * (d * h + LAYERS * h * h + h * out)
    assert num_parameters(network) == problem.groups * size
    assert flops_per_sample(network) == flops
    assert all(parameter.shape[0] == problem.groups for parameter in network.parameters())


# Gradients ----------------------------------------------------------------------------------------


@each_network
def test_the_gradient_is_that_of_the_function(name):
    """Of every weight and table; of the inputs too where the function is smooth in them."""
    network = shaken(name, PROBLEMS["groups"], 3, 1)
    x = coordinates(PROBLEMS["groups"])[:, ::13]
    names, weights = zip(*network.named_parameters(), strict=True)

    def function(x, *weights):
        return functional_call(network, dict(zip(names, weights, strict=True)), (x,))

    inputs = (
        x.clone().requires_grad_(name not in TABLES),
        *(w.detach().clone().requires_grad_() for w in weights),
    )
    assert torch.autograd.gradcheck(function, inputs)


def test_complex_weights_may_be_any_slice():
    """FAST keeps a network's weights in one row: complex ones may start at an odd place."""
    layer = GroupedComplexLinear(2, 2, 3)
    rows = torch.randn(2, 1 + 12 + 6)
    views = {
        "weight": rows[:, 1:13].unflatten(1, (2, 3, 2)),
        "bias": rows[:, 13:].unflatten(1, (1, 3, 2)),
    }
    copies = {name: view.clone() for name, view in views.items()}
    x = torch.randn(1, 4, 2, dtype=torch.complex64)
    assert torch.equal(functional_call(layer, views, (x,)), functional_call(layer, copies, (x,)))


# The start ----------------------------------------------------------------------------------------


def start_bounds(name, problem, width):
    """Bound of the uniform distribution of every parameter, by name."""
    options = OPTIONS[name]
    inner = complex_width(width) if name == "wire" else width
    sizes = [encoded_inputs(name, problem), *[inner] * (LAYERS + 1), problem.out_features]
    bounds = {}
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        weight = 1 / math.sqrt(inputs)
        bias = 1 / math.sqrt(inputs)
        if name in ("tanh_pe", "relu_pe", "instant_ngp"):
            weight = math.sqrt(6 / (inputs + outputs))
            bias = 0.0
        elif name in ("siren", "finer", "diner"):
            weight = 1 / inputs if layer == 0 else math.sqrt(6 / inputs) / options["omega_0"]
        bounds[f"layers.{layer}.weight"] = weight
        bounds[f"layers.{layer}.bias"] = bias
    if name == "finer":
        bounds["layers.0.bias"] = options["first_bias_scale"]
    return bounds


@each_network
def test_weights_start_from_the_published_distribution(name):
    problem = PROBLEMS["groups"]
    network = built(name, problem, width=96)
    bounds = start_bounds(name, problem, 96)
    for key, parameter in network.named_parameters():
        bound = TABLE_BOUND if key.startswith("table") else bounds[key]
        found = parameter.detach().abs()
        assert found.max() <= bound
        if found.numel() >= 50:
            assert found.max() >= 0.9 * bound
        if found.numel() >= 1000:
            assert found.mean() == pytest.approx(bound / 2, rel=0.1)


def test_finer_without_a_bias_scale_starts_as_siren():
    problem = Problem(2, 1, (4, 4))
    siren = build_network("siren", problem, 8, 2, seed=3).state_dict()
    finer = build_network("finer", problem, 8, 2, seed=3).state_dict()
    assert siren.keys() == finer.keys()
    assert all(torch.equal(siren[key], finer[key]) for key in siren)


@each_network
def test_groups_are_independent_networks(name):
    problem = Problem(3, 2, (3, 4), 2)
    both = built(name, problem, seed=5)
    x = coordinates(problem).float()
    for group in range(2):
        single = built(name, Problem(3, 2, (3, 4)))
        of_group = {key: value[group : group + 1] for key, value in both.state_dict().items()}
        single.load_state_dict(of_group)
        assert torch.allclose(both(x)[group], single(x)[0], atol=1e-5)
    drawn = [parameter for parameter in both.parameters() if parameter.any()]
    assert drawn
    assert not any(torch.equal(parameter[0], parameter[1]) for parameter in drawn)


@each_network
def test_the_seed_decides_the_weights(name):
    one = built(name, PROBLEMS["groups"], seed=1).state_dict()
    same = built(name, PROBLEMS["groups"], seed=1).state_dict()
    other = built(name, PROBLEMS["groups"], seed=2).state_dict()
    drawn = [key for key in one if one[key].any()]
    assert drawn
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in drawn)


@each_network
def test_fast_has_a_rate_for_every_weight(name):
    """Tables have none in `rate_scales` and learn at the full rate."""
    network = built(name, PROBLEMS["groups"])
    scales = network.rate_scales()
    names = {key for key, _ in network.named_parameters()}
    assert set(scales) == {key for key in names if not key.startswith("table")}
    outputs = {key for key, scale in scales.items() if scale == 0}
    assert outputs == {f"layers.{LAYERS + 1}.weight", f"layers.{LAYERS + 1}.bias"}
    assert all(0 < scale <= 1 for key, scale in scales.items() if key not in outputs)


# The grid -----------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(1, 2**16) | st.sampled_from([1, 2, 8192]), st.floats(0, 1)),
        min_size=1,
        max_size=3,
    )
)
def test_positions_are_the_inverse_of_coordinates(places):
    sides = [side for side, _ in places]
    index = [min(side - 1, int(where * side)) for side, where in places]
    point = torch.tensor([axis(side)[i] for side, i in zip(sides, index, strict=True)])
    for dtype in (torch.float32, torch.float64):
        found = positions(point.float().to(dtype)[None], sides).item()
        assert np.unravel_index(found, sides) == tuple(index)


@pytest.mark.parametrize("sides", [(1,), (1, 1), (8192,), (8192, 3), (3, 8192), (1, 5), (2, 1, 7)])
def test_positions_count_every_point_of_a_grid(sides):
    found = positions(torch.from_numpy(grid(*sides)), sides)
    assert torch.equal(found, torch.arange(math.prod(sides)))


def test_positions_tell_all_points_of_long_sounds_apart():
    """Up to 2^24, where float32 coordinates themselves coincide.

    1 + x in float32 would fail from 2^23.
    """
    index = np.arange(0, 2**24, 101)
    x = torch.from_numpy(axis(2**24)[index].astype(np.float32))
    assert torch.equal(positions(x[:, None], (2**24,)), torch.from_numpy(index))


def points_in_the_square(axes):
    """One to five points of so many coordinates."""
    coordinate = st.floats(-1, 1) | st.sampled_from([-1.0, 0.0, 1.0])
    point = st.lists(coordinate, min_size=axes, max_size=axes)
    return st.lists(point, min_size=1, max_size=5)


@given(
    st.integers(1, 4).flatmap(points_in_the_square), st.integers(1, 9000), st.integers(0, 2**32 - 1)
)
def test_interpolation_reproduces_a_multilinear_function(points, resolution, seed):
    x = torch.tensor(points, dtype=torch.float64)
    cells, weights = corners(x, resolution)
    num_points, axes = x.shape
    assert weights.shape == (num_points, 2**axes)
    assert cells.shape == (num_points, 2**axes, axes)
    assert cells.min() >= 0
    assert cells.max() <= resolution
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(1), torch.ones(num_points, dtype=torch.float64))
    places = cells.double() * 2 / resolution - 1
    assert ((places - x[:, None]).abs() <= 2 / resolution + 1e-9).all()
    subsets = list(itertools.product((0, 1), repeat=axes))
    factors = torch.from_numpy(np.random.default_rng(seed).normal(size=len(subsets)))

    def multilinear(x):
        total = 0
        for factor, subset in zip(factors, subsets, strict=True):
            total = total + factor * (x ** torch.tensor(subset)).prod(-1)
        return total

    assert torch.allclose((multilinear(places) * weights).sum(1), multilinear(x), atol=1e-9)


@given(st.integers(1, 64), st.integers(1, 9000), st.integers(1, 33))
def test_levels_are_the_floor_of_a_geometric_progression(coarsest, further, count):
    """In integers: r is the floor of the root of a power when r^steps <= power < (r + 1)^steps.

    The power of level l is coarsest^(steps - l) finest^l.
    """
    finest = coarsest + further - 1
    steps = max(1, count - 1)
    found = levels(coarsest, finest, count)
    assert len(found) == count
    if count > 1:
        assert found[0] == coarsest
        assert found[-1] == finest
    for level, resolution in enumerate(found):
        power = coarsest ** (steps - level) * finest**level
        assert resolution**steps <= power < (resolution + 1) ** steps


@given(st.integers(1, 4), st.integers(1, 6))
def test_grids_that_fit_have_an_entry_for_every_point(axes, resolution):
    points = torch.cartesian_prod(*[torch.arange(resolution + 1)] * axes).reshape(-1, axes)
    rows = entry(points, resolution, len(points))
    assert torch.equal(rows.sort().values, torch.arange(len(points)))


@given(st.lists(st.integers(0, 2**20), min_size=2, max_size=4), st.integers(1, 24))
def test_the_hash_is_the_published_one(point, log2_entries):
    size = 2**log2_entries
    assert entry(torch.tensor(point), 2**20, size).item() == hashed(point, size)


# Options ------------------------------------------------------------------------------------------


@each_problem
@each_network
def test_every_option_has_a_range_with_its_default(name, problem):
    parameters = inspect.signature(NETWORKS[name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    ranges = NETWORKS[name].option_ranges(problem)
    assert set(ranges) == set(defaults) == set(OPTIONS[name])
    for option, default in defaults.items():
        low, high = ranges[option]
        # Where the signal is smaller than the coarsest grid, so is the grid.
        if option != "coarsest":
            assert low <= default <= high
        for value in (low, high):
            with torch.device("meta"):
                build_network(name, problem, 4, 1, seed=None, options={option: value})


@pytest.mark.parametrize(
    ("name", "options", "allowed"),
    [
        ("relu_pe", {"num_frequencies": 0}, "integers from 1 to 24"),
        ("tanh_pe", {"num_frequencies": -1}, "integers from 1 to 24"),
        ("relu_pe", {"num_frequencies": 2.5}, "integers from 1 to 24"),
        ("relu_pe", {"num_frequencies": True}, "integers from 1 to 24"),
        ("gauss", {"sigma": 0.0}, "numbers from 1e-06 to 1000000"),
        ("gauss", {"sigma": math.nan}, "numbers from 1e-06 to 1000000"),
        ("gauss", {"sigma": "0.1"}, "numbers from 1e-06 to 1000000"),
        ("siren", {"omega_0": -30.0}, "numbers from 1e-06 to 1000000000"),
        ("siren", {"first_omega_0": math.inf}, "numbers from 1e-06 to 1000000000"),
        ("finer", {"first_bias_scale": -1}, "numbers from 0 to 1000000"),
        ("wire", {"scale_0": 0}, "numbers from 1e-06 to 1000000"),
        ("wire", {"omega_0": None}, "numbers from 1e-06 to 1000000"),
        ("diner", {"table_features": 0}, "integers from 1 to 1024"),
        ("diner", {"table_features": 1e9}, "integers from 1 to 1024"),
        ("instant_ngp", {"num_levels": 0}, "integers from 1 to 64"),
        ("instant_ngp", {"num_levels": 10**400}, "integers from 1 to 64"),
        ("instant_ngp", {"level_features": 0.5}, "integers from 1 to 64"),
        ("instant_ngp", {"log2_entries": 60}, "integers from 1 to 24"),
        ("instant_ngp", {"coarsest": 0}, "integers from 1 to 7"),
        ("instant_ngp", {"coarsest": 8}, "integers from 1 to 7"),
    ],
)
def test_a_bad_option_is_one_clear_error(name, options, allowed):
    ((option, value),) = options.items()
    with pytest.raises(lil.InputError) as caught:
        build_network(name, PROBLEMS["groups"], 8, 1, options=options)
    assert str(caught.value) == f"option {option} of {name} is {value!r}: allowed are {allowed}"


def test_a_small_signal_lowers_the_coarsest_level():
    assert build_network("instant_ngp", PROBLEMS["groups"], 8, 1).resolutions == [7] * 16
    assert build_network("instant_ngp", Problem(2, 1, (16, 20)), 8, 1).resolutions[::15] == [16, 20]


def test_one_level_is_the_coarsest():
    network = build_network(
        "instant_ngp", PROBLEMS["groups"], 8, 1, options={"num_levels": 1, "coarsest": 3}
    )
    assert network.resolutions == [3]


def test_integer_options_may_be_floats_as_in_headers():
    integers = OPTIONS["instant_ngp"]
    floats = {option: float(value) for option, value in integers.items()}
    one = build_network("instant_ngp", PROBLEMS["plane"], 4, 1, options=integers).state_dict()
    other = build_network("instant_ngp", PROBLEMS["plane"], 4, 1, options=floats).state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_more_weights_than_can_be_counted_is_an_input_error():
    with (
        torch.device("meta"),
        pytest.raises(lil.InputError, match="a wire of these sizes is too large"),
    ):
        build_network("wire", Problem(2, 1, (1, 1), 2**33), 65_536, 2, seed=None)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A saved network with every kind of table, and one with an encoding."""
    signal = lil.Signal(np.arange(20, dtype=np.uint8).reshape(5, 4, 1), 8, "ramp")
    folder = tmp_path_factory.mktemp("files")
    fits = {
        name: lil.fit(
            signal,
            formulation="bit_heads",
            network=name,
            hidden_features=4,
            hidden_layers=1,
            recipe="paper",
            max_iterations=1,
            certify=False,
        )
        for name in ("instant_ngp", "diner", "relu_pe", "gauss")
    }
    return {name: lil.save(fit, folder / f"{name}.safetensors") for name, fit in fits.items()}


# A loop over 10^9 levels would hang: the limit is generous, for busy machines.
@pytest.mark.timeout(120, func_only=True)
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "instant_ngp",
            {"options": {"num_levels": 1e9}},
            "num_levels of instant_ngp is 1000000000.0: allowed",
        ),
        (
            "instant_ngp",
            {"options": {"level_features": 1e300}},
            r"level_features of instant_ngp is 1e\+300: allowed",
        ),
        (
            "instant_ngp",
            {"options": {"coarsest": 1e9}},
            "coarsest of instant_ngp is 1000000000.0: allowed",
        ),
        (
            "instant_ngp",
            {"options": {"log2_entries": 60}},
            "log2_entries of instant_ngp is 60.0: allowed",
        ),
        (
            "instant_ngp",
            {"options": {"num_levels": -3}},
            "num_levels of instant_ngp is -3.0: allowed",
        ),
        ("instant_ngp", {"options": {"num_levels": math.nan}}, "header of .* is wrong at options"),
        (
            "instant_ngp",
            {"options": {"num_levels": 64, "level_features": 64, "log2_entries": 24}},
            "not those of",
        ),
        ("instant_ngp", {"shape": [16384, 16384, 1], "tile": 1}, "not those of"),
        (
            "diner",
            {"options": {"table_features": 1e9}},
            "table_features of diner is 1000000000.0: allowed",
        ),
        ("diner", {"shape": [16384, 16384, 1]}, "not those of"),
        ("diner", {"options": {"num_levels": 2}}, "unknown option of diner 'num_levels'"),
        (
            "relu_pe",
            {"options": {"num_frequencies": 1e9}},
            "num_frequencies of relu_pe is 1000000000.0: allowed",
        ),
        ("gauss", {"options": {"sigma": 0}}, "sigma of gauss is 0.0: allowed"),
        (
            "gauss",
            {
                "formulation": "parallel_bits",
                "shape": [16384, 16384, 1],
                "tile": 1,
                "hidden_features": 65_536,
            },
            "not those of|too large",
        ),
    ],
)
def test_options_in_a_hostile_header_allocate_nothing(files, tmp_path, name, change, message):
    path = rewritten(files[name], tmp_path, lambda envelope, header: header.update(change))
    with pytest.raises(lil.FileFormatError, match=message):
        lil.read_model(path)
