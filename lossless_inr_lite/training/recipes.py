"""Recipes by name: a way of training, the loss it wants for bits, its limit, and what it picks when not told.

The loss, the formulation and the network remain arguments of their own; a recipe only says what it takes by default.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from tqdm import tqdm

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.formulations import Formulation, get_formulation
from lossless_inr_lite.networks.registry import build_network, num_parameters
from lossless_inr_lite.networks.ternary_layout import MAX_SIDE
from lossless_inr_lite.signals.signal import SignalSpec
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.freezing import Settle
from lossless_inr_lite.training.full_batch import FullBatch
from lossless_inr_lite.training.run import Run


class Trainer(Protocol):
    """Something that updates a run's network until lossless or out of budget, and returns why it stopped."""

    def train(self, run: Run, bar: "tqdm[Any]", chunk: int | None, seed: int) -> str: ...


@dataclass(frozen=True)
class Choice:
    """What a user says of the model; None where it is left to the recipe."""

    formulation: str | None = None
    network: str | None = None
    hidden_features: int | None = None
    hidden_layers: int | None = None
    tile: int | None = None
    options: dict[str, float] | None = None


@dataclass(frozen=True)
class Chosen:
    """A `Choice` with nothing left open but the tile, where None is no tiles."""

    formulation: str
    network: str
    hidden_features: int
    hidden_layers: int
    tile: int | None
    options: dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """`bit_loss` is taken where a formulation would use "bce"; `choose` fills what a `Choice` leaves open."""

    name: str
    trainer: Trainer
    bit_loss: str
    max_iterations: int
    choose: Callable[[SignalSpec, Choice], Chosen]

    def loss_name(self, formulation: Formulation) -> str:
        return self.bit_loss if formulation.default_loss == "bce" else formulation.default_loss


def papers_choice(spec: SignalSpec, choice: Choice) -> Chosen:
    """The paper's network: a SIREN of 5 hidden layers of 512 with a bit coordinate, one for the whole signal."""
    default = Chosen("bit_coordinate", "siren", 512, 5, None, {})
    return Chosen(**{k: getattr(default, k) if v is None else v for k, v in vars(choice).items()})


def fast_choice(spec: SignalSpec, choice: Choice) -> Chosen:
    """Bit heads in tiles, two hidden layers as wide as `parameter_budget` allows, first frequency from the tile's side.

    Whatever the user has set is honoured, and the rest follows it.
    """
    own_network = any(
        v is not None for k, v in vars(choice).items() if k not in ("tile", "options")
    )
    formulation = "bit_heads" if choice.formulation is None else choice.formulation
    tile = default_tile(spec) if choice.tile is None and not own_network else choice.tile
    network = "siren" if choice.network is None else choice.network
    layers = 2 if choice.hidden_layers is None else choice.hidden_layers
    posed = get_formulation(formulation, tile)
    posed.check(spec)
    width = choice.hidden_features
    if width is None:
        width = widest(posed, spec, network, layers, parameter_budget(spec))
    options = choice.options or {}
    if network == "siren" and not own_network and not options:
        options = {"first_omega_0": float(len(spec.grid_shape) * max(posed.tile_sides(spec)))}
    return Chosen(formulation, network, width, layers, tile, options)


BITS_A_TRIT = 0.33  # learned in well under a minute; the recipe's limit is about twice that


def ternary_choice(spec: SignalSpec, choice: Choice) -> Chosen:
    """A ternary network with heads for the bits of the Gray code, two hidden layers, plane waves; tiles above 64 x 64.

    Whatever the user has set is honoured; without a width the networks get a trit for every third of a bit.
    """
    if choice.network not in (None, "ternary"):
        raise InputError(
            f"the recipe ternary trains the network ternary, and {choice.network} was asked for"
        )
    large = math.prod(spec.grid_shape) > 4096 or max(spec.grid_shape) > MAX_SIDE
    tile = (
        min(default_tile(spec) or MAX_SIDE, MAX_SIDE // 2)
        if choice.tile is None and large
        else choice.tile
    )
    formulation = "bit_heads_gray" if choice.formulation is None else choice.formulation
    layers = 2 if choice.hidden_layers is None else choice.hidden_layers
    posed = get_formulation(formulation, tile)
    posed.check(spec)
    width, options = choice.hidden_features, choice.options
    if width is None:
        width, options = ternary_size(posed, spec, layers, BITS_A_TRIT, options)
    elif options is None and isinstance(width, int):
        options = _waves(width)
    return Chosen(formulation, "ternary", width, layers, tile, options or {})


def ternary_size(
    formulation: Formulation,
    spec: SignalSpec,
    hidden_layers: int,
    bits_a_trit: float,
    options: dict[str, float] | None = None,
) -> tuple[int, dict[str, float]]:
    """The width at which ternary networks store so many bits a trit, and their options (a wave for every 4 units)."""
    budget = math.ceil(spec.total_bits / bits_a_trit)
    guess = math.sqrt(budget / formulation.groups(spec) / (hidden_layers + 1))
    chosen = _waves(guess) if options is None else options
    return widest(formulation, spec, "ternary", hidden_layers, budget, chosen), chosen


def _waves(width: float) -> dict[str, float]:
    return {"num_waves": float(max(8, round(width / 4)))}


def default_tile(spec: SignalSpec) -> int | None:
    """Side of a tile of at least 1,024 pixels or 1,000 samples of sound; None when that is the whole signal."""
    side = max(32, math.ceil(1024 / min(spec.grid_shape))) if len(spec.grid_shape) == 2 else 1000
    return side if side <= max(spec.grid_shape) else None


def parameter_budget(spec: SignalSpec) -> int:
    """Weights for a signal: the paper's density (1,316,867 for 256 x 256 x 3 samples) from 8 to 16 bits.

    Fewer bits need less in proportion; more bits get one weight for every 2.4, which networks of this kind
    still learn fast. The limit of what they hold is between 3 and 4 bits a weight.
    """
    density = 1_316_867 / (256 * 256 * 3)
    a_sample = max(density * min(1.0, spec.num_bits / 8), spec.num_bits / 2.4)
    return math.floor(a_sample * math.prod(spec.shape))


def widest(
    formulation: Formulation,
    spec: SignalSpec,
    network: str,
    hidden_layers: int,
    budget: int,
    options: dict[str, float] | None = None,
) -> int:
    """The largest width (at least 16) whose networks have at most `budget` parameters in all."""

    def size(width: int) -> int:
        with torch.device("meta"):
            built = build_network(
                network, formulation.problem(spec), width, hidden_layers, None, options
            )
        return num_parameters(built)

    low, high = 16, 17
    while size(high) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= budget else (low, middle)
    return low


# The paper's protocol: Adam at 1e-4 without schedule, the whole signal in every step, sigmoid then BCE, until
# BER is 0. The paper names no limit for its own method; ours only ends fits that would never arrive.
PAPER = Recipe("paper", FullBatch(learning_rate=1e-4), "sigmoid_bce", 20_000, papers_choice)
FAST = Recipe("fast", Fast(), "bce", 100_000, fast_choice)

# Coarse weights that settle one after another; its schedule ends with its iterations.
TERNARY = Recipe("ternary", Settle(), "bce", 3000, ternary_choice)

RECIPES = {recipe.name: recipe for recipe in (FAST, PAPER, TERNARY)}


def paper_at(learning_rate: float) -> Recipe:
    """PAPER with another rate: baselines deserve theirs."""
    return replace(PAPER, name=f"paper at {learning_rate:g}", trainer=FullBatch(learning_rate))


def get_recipe(name: str) -> Recipe:
    """The recipe of that name; raises InputError that lists the known ones."""
    return RECIPES[check_choice("recipe", name, list(RECIPES))]
