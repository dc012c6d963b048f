"""Recipes by name: a way of training, its loss for bits, its limit, and what it chooses by itself.

The formulation, the network and the loss remain arguments of their own. A recipe only says what it
takes when they are left open.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch

from lossless_inr_lite.architecture import Architecture, required
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.formulations import Formulation, get_formulation
from lossless_inr_lite.losses import get_loss
from lossless_inr_lite.networks.registry import build_network, num_parameters
from lossless_inr_lite.networks.ternary_layout import MAX_SIDE
from lossless_inr_lite.signals import SignalSpec
from lossless_inr_lite.training import RECIPE_NAMES
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.freezing import IterativeFreezing
from lossless_inr_lite.training.full_batch import FullBatch
from lossless_inr_lite.training.run import Trainer

PAPER_PARAMETERS = 1_316_867
"""Weights and biases of the paper's network for a colour picture."""

PAPER_SAMPLES = 256 * 256 * 3
"""Samples of the paper's pictures."""

MOST_BITS_PER_PARAMETER = 2.4
"""What `fast` asks of a parameter for deep samples; the limit is between 3 and 4 bits."""

TILE_PIXELS = 1024
TILE_SAMPLES = 1000  # of sound
LEAST_TILE_SIDE = 32
LEAST_WIDTH = 16

BITS_PER_TRIT = 0.33
"""What `ternary` asks of a trit: learned in well under a minute. Its limit is about twice that."""

TERNARY_PIXELS = 4096
"""The largest picture that `ternary` fits without tiles."""

WIDTH_PER_WAVE = 4
LEAST_WAVES = 8


@dataclass(frozen=True)
class Recipe:
    """A way of training.

    trainer: what updates the weights.
    bit_loss: the loss where a formulation's default is "bce".
    max_iterations: its limit, per batch of networks that are trained at once.
    choose: fills what an architecture leaves open, all but the loss.
    """

    name: str
    trainer: Trainer
    bit_loss: str
    max_iterations: int
    choose: Callable[[Architecture, SignalSpec], Architecture]

    def complete(self, architecture: Architecture, spec: SignalSpec) -> Architecture:
        """Return the architecture with nothing left open; a tile of None then means no tiles.

        Raises InputError for unknown names, for bad sizes, and for what this recipe cannot train.
        """
        architecture.check_types()
        chosen = self.choose(architecture, spec)
        formulation = required("the formulation", chosen.formulation)
        loss = chosen.loss
        if loss is None:
            loss = self.loss_name(get_formulation(formulation, chosen.tile))
        return replace(chosen, loss=get_loss(loss).name)

    def loss_name(self, formulation: Formulation) -> str:
        """Return the name of the loss that a formulation is trained with by default."""
        if formulation.default_loss == "bce":
            return self.bit_loss
        return formulation.default_loss


def paper_choice(architecture: Architecture, spec: SignalSpec) -> Architecture:
    """Choose the paper's network: one SIREN of 5 hidden layers of 512 with a bit coordinate."""
    return architecture.completed(
        Architecture(
            formulation="bit_coordinate",
            network="siren",
            hidden_features=512,
            hidden_layers=5,
            options={},
        )
    )


def fast_choice(architecture: Architecture, spec: SignalSpec) -> Architecture:
    """Choose bit heads in tiles, and two hidden layers as wide as `parameter_budget` allows.

    The first frequency of a SIREN follows the tile's side. Tiles and that frequency are chosen only
    when the network is left open. What is given is honoured, and the rest follows it.
    """
    network_is_open = (
        architecture.formulation is None
        and architecture.network is None
        and architecture.hidden_features is None
        and architecture.hidden_layers is None
    )
    tile = architecture.tile
    if tile is None and network_is_open:
        tile = default_tile(spec)
    named = replace(architecture, tile=tile).completed(
        Architecture(formulation="bit_heads", network="siren", hidden_layers=2)
    )
    formulation = get_formulation(required("the formulation", named.formulation), tile)
    formulation.check(spec)
    network = required("the network", named.network)
    width = named.hidden_features
    if width is None:
        layers = required("hidden_layers", named.hidden_layers)
        width = widest(formulation, spec, network, layers, parameter_budget(spec))
    options = named.options or {}
    if network == "siren" and network_is_open and not options:
        longest_side = max(formulation.tile_sides(spec))
        options = {"first_omega_0": float(len(spec.grid_shape) * longest_side)}
    return replace(named, hidden_features=width, options=options)


def ternary_choice(architecture: Architecture, spec: SignalSpec) -> Architecture:
    """Choose a ternary network with heads for the bits of the Gray code, and two hidden layers.

    Signals above TERNARY_PIXELS, and those that are too long for the layout of its coordinates, are
    cut into tiles. What is given is honoured. Without a width the networks get one trit for every
    BITS_PER_TRIT bits, and plane waves to match.
    """
    if architecture.network not in (None, "ternary"):
        raise InputError(
            f"the recipe ternary trains the network ternary, and {architecture.network} "
            "was asked for"
        )
    named = architecture.completed(
        Architecture(
            formulation="bit_heads_gray",
            network="ternary",
            hidden_layers=2,
            tile=_ternary_tile(spec),
        )
    )
    formulation = get_formulation(required("the formulation", named.formulation), named.tile)
    formulation.check(spec)
    width = named.hidden_features
    options = named.options
    if width is None:
        layers = required("hidden_layers", named.hidden_layers)
        width, options = ternary_size(formulation, spec, layers, BITS_PER_TRIT, options)
    elif options is None and isinstance(width, int):
        options = _waves(width)
    return replace(named, hidden_features=width, options=options or {})


def _ternary_tile(spec: SignalSpec) -> int | None:
    """The tile that `ternary` chooses; None for a signal that one network can take."""
    is_small = math.prod(spec.grid_shape) <= TERNARY_PIXELS and max(spec.grid_shape) <= MAX_SIDE
    if is_small:
        return None
    return min(default_tile(spec) or MAX_SIDE, MAX_SIDE // 2)


def ternary_size(
    formulation: Formulation,
    spec: SignalSpec,
    hidden_layers: int,
    bits_per_trit: float,
    options: Mapping[str, float] | None = None,
) -> tuple[int, Mapping[str, float]]:
    """Return the width at which ternary networks store so many bits per trit, and their options.

    Without `options` there is a plane wave for every WIDTH_PER_WAVE units.
    """
    trits = math.ceil(spec.total_bits / bits_per_trit)
    likely_width = math.sqrt(trits / formulation.groups(spec) / (hidden_layers + 1))
    chosen = _waves(likely_width) if options is None else options
    return widest(formulation, spec, "ternary", hidden_layers, trits, chosen), chosen


def _waves(width: float) -> dict[str, float]:
    return {"num_waves": float(max(LEAST_WAVES, round(width / WIDTH_PER_WAVE)))}


def default_tile(spec: SignalSpec) -> int | None:
    """Return the side of a tile of at least 1,024 pixels, or 1,000 samples of sound.

    None when that is the whole signal.
    """
    side = TILE_SAMPLES
    if len(spec.grid_shape) == 2:
        side = max(LEAST_TILE_SIDE, math.ceil(TILE_PIXELS / min(spec.grid_shape)))
    return side if side <= max(spec.grid_shape) else None


def parameter_budget(spec: SignalSpec) -> int:
    """Return the number of weights for a signal: the paper's density, from 8 to 16 bits.

    Fewer bits need less in proportion. More bits get one weight for every MOST_BITS_PER_PARAMETER,
    which networks of this kind still learn fast.

    >>> parameter_budget(SignalSpec("s", (256, 256, 3), 8))
    1316867
    """
    density = PAPER_PARAMETERS / PAPER_SAMPLES
    for_few_bits = density * min(1.0, spec.num_bits / 8)
    for_many_bits = spec.num_bits / MOST_BITS_PER_PARAMETER
    return math.floor(max(for_few_bits, for_many_bits) * math.prod(spec.shape))


def widest(
    formulation: Formulation,
    spec: SignalSpec,
    network: str,
    hidden_layers: int,
    budget: int,
    options: Mapping[str, float] | None = None,
) -> int:
    """Return the largest width whose networks have at most `budget` parameters in all.

    It is at least LEAST_WIDTH, even where that takes more.
    """

    def fits(width: int) -> bool:
        with torch.device("meta"):
            built = build_network(
                network, formulation.problem(spec), width, hidden_layers, None, options
            )
        return num_parameters(built) <= budget

    low = LEAST_WIDTH
    high = low + 1
    while fits(high):
        low = high
        high = 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


# The paper's protocol: Adam at 1e-4 without schedule, the whole signal in every step, sigmoid then
# BCE, until BER is 0. The paper names no limit for its own method; ours only ends fits that would
# never arrive.
PAPER = Recipe("paper", FullBatch(learning_rate=1e-4), "sigmoid_bce", 20_000, paper_choice)
FAST = Recipe("fast", Fast(), "bce", 100_000, fast_choice)
# Its schedule ends with its iterations.
TERNARY = Recipe("ternary", IterativeFreezing(), "bce", 3000, ternary_choice)

RECIPES = {recipe.name: recipe for recipe in (FAST, PAPER, TERNARY)}
assert tuple(RECIPES) == RECIPE_NAMES


def paper_at(learning_rate: float) -> Recipe:
    """Return PAPER with another learning rate: baselines deserve theirs."""
    return replace(PAPER, name=f"paper at {learning_rate:g}", trainer=FullBatch(learning_rate))


def get_recipe(name: str) -> Recipe:
    """Return the recipe of that name; raises InputError that lists the known ones."""
    return RECIPES[check_choice("recipe", name, list(RECIPES))]
