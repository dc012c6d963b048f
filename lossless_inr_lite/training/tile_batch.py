"""`TileBatch`: tiles whose networks train together, by the recipe "fast".

The life of a tile, in the order of the methods of `TileBatch`:

1. It starts with the weights that were drawn for it, and no memory.
2. It learns: one step of Adam per mini-batch, and the average of its weights follows.
3. It is examined after every epoch.
4. On a noise floor its learning rate is lowered.
5. When it collapsed it is restored from its last good weights. When it is not learning its weights
   are drawn anew. Either happens at half the rate.
6. When its bits seem right this is confirmed, for all samples and in float64 too. Then it is
   released and leaves the batch.

What a batch does depends on its own tiles, seed and number alone. So it may be set aside between
two epochs, and a batch that was trained before need not be trained again.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from lossless_inr_lite.architecture import Architecture, required
from lossless_inr_lite.training.run import Costs, Run
from lossless_inr_lite.training.tile_networks import BestTiles, TileNetworks

EXAMINED = 128
"""Samples on which the averages are looked at after an epoch."""

ADAM_EPSILON = 1e-8
NON_FINITE_EPOCHS = 3
COLLAPSED_EPOCHS = 3
LEARNED_SHARE = 0.75
"""A tile whose best error is above this share of the first has not learned anything."""

GOOD_SHARE = 0.7
"""Weights with less than this share of the last good ones' error are remembered as good."""

RESTORED_SHARE = 0.5
"""Of the cap of the rate, after a tile was restored; but never below LOWEST_CAP."""

LOWEST_CAP = 0.25
LIFTED_RATE = 0.5
"""The rate, as a share of the first, of a tile that was at the lowest rate for long."""


@dataclass(frozen=True)
class FastNumbers:
    """The numbers of the recipe. Rates are for weights that multiply the sine's argument directly.

    The rate of a network is min(`largest_rate`, `rate_scale` / (hidden layers * sqrt(width))), and
    `output_rate` in its output layer.

    warm_up: steps in which the rate rises.
    averaging: share of the average that stays, per step.
    steps_per_epoch: at the start. batch: smallest and largest number of samples per step then.
    decay: what the rate is multiplied with on a noise floor.
    grow_at: the median rate, as a share of the cap, at which batches and rates double.
    lowest_rate: as a share of the first.
    improvement: an error below this share of the best is progress.
    noise: an average with less than this share of the weights' errors shows a noise floor.
    restart_after: epochs at the lowest rate. not_learning_after: epochs without having learned.
    no_progress_after: epochs without progress.
    margin: the smallest |logit| that counts as right.
    """

    rate_scale: float = 0.5
    largest_rate: float = 0.03
    output_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    averaging: float = 0.95
    warm_up: int = 20
    steps_per_epoch: int = 8
    batch: tuple[int, int] = (32, 2048)
    decay: float = 0.7
    grow_at: float = 0.5
    lowest_rate: float = 0.1
    improvement: float = 0.95
    noise: float = 0.5
    restart_after: int = 30
    not_learning_after: int = 25
    no_progress_after: int = 150
    margin: float = 0.01

    def rates(self, architecture: Architecture, scales: dict[str, float]) -> dict[str, float]:
        """Return the rate of every named weight.

        `scales` are the network's own relative ones, with 0 for its output layer.
        """
        layers = required("hidden_layers", architecture.hidden_layers)
        size = layers * math.sqrt(required("hidden_features", architecture.hidden_features))
        rate = min(self.largest_rate, self.rate_scale / size)
        return {name: rate * scale if scale else self.output_rate for name, scale in scales.items()}

    def first_batch(self, samples: int) -> int:
        """Return the samples per step at the start, for tiles of so many samples."""
        smallest, largest = self.batch
        wanted = math.ceil(samples / self.steps_per_epoch)
        return min(samples, max(smallest, min(largest, wanted)))


@dataclass
class Rows:
    """Tensors with one row per tile."""

    def kept(self, mask: Tensor) -> Self:
        """Return the rows where `mask` (tiles,) is true."""
        return type(self)(**{name: rows[mask] for name, rows in vars(self).items()})


@dataclass
class Weights(Rows):
    """Flat weights, (tiles, P) each.

    current: what the optimiser moves.
    average: the exponential average of these, which is what is tested and kept.
    last_good: the averages to which a collapsed tile goes back.
    """

    current: Tensor
    average: Tensor
    last_good: Tensor


@dataclass
class AdamState(Rows):
    """Adam's running means of the gradient and of its square, (tiles, P) each."""

    first_moment: Tensor
    second_moment: Tensor


@dataclass
class Progress(Rows):
    """What a tile had reached, (tiles,) each; errors are shares of wrong decisions.

    start_error, start_loss: of the first epoch. best_error, best_loss: of any epoch.
    last_good_error: of the last good weights.
    """

    start_error: Tensor
    best_error: Tensor
    last_good_error: Tensor
    start_loss: Tensor
    best_loss: Tensor


@dataclass
class Rate(Rows):
    """The learning rate as a share of the first, and its limit, (tiles,) each."""

    share: Tensor
    cap: Tensor


@dataclass
class Ages(Rows):
    """Epochs since the weights were drawn, and in a row: (tiles,) each.

    at_lowest_rate: at the lowest rate. collapsed: with a loss near the first one.
    without_progress: without a clearly lower error.
    """

    since_drawn: Tensor
    at_lowest_rate: Tensor
    collapsed: Tensor
    without_progress: Tensor


class TileBatch:
    """Some tiles in training. Tiles leave when they are right; the others move up.

    number: of this batch among all of the signal. tiles: (tiles,), the numbers of those still here.
    codes: (tiles, S, out), the truth. epochs, steps: since the batch started.
    released_after: for every tile that left, the epochs that it took.
    costs: what was spent on this batch.
    """

    def __init__(
        self, numbers: FastNumbers, run: Run, best: BestTiles, number: int, tiles: Tensor
    ) -> None:
        self.numbers = numbers
        self.run = run
        self.networks: TileNetworks = best.networks
        self.best = best
        self.number = number
        self.tiles = tiles
        self.all_tiles = tiles
        self.codes = run.codes[tiles]
        self.generator = batch_generator(run.plan.seed, number)
        self.rates = _rates_of_weights(numbers, run, self.networks)
        self.batch_size = numbers.first_batch(run.coordinates.shape[1])
        self.epochs = 0
        self.steps = 0
        self.non_finite_epochs = 0
        self.released_after: list[int] = []
        self.costs = Costs()
        self._start(best.weights[tiles])

    def __len__(self) -> int:
        """Return the number of tiles that are still here."""
        return len(self.tiles)

    def _start(self, drawn: Tensor) -> None:
        """Begin with these weights, (tiles, P)."""
        ones = torch.ones(len(drawn), device=drawn.device)
        self.weights = Weights(drawn.clone(), drawn.clone(), drawn.clone())
        self.adam = AdamState(torch.zeros_like(drawn), torch.zeros_like(drawn))
        self.progress = Progress(*(ones.clone() for _ in range(5)))
        self.rate = Rate(ones.clone(), ones.clone())
        self.ages = Ages(*(torch.zeros_like(ones) for _ in range(4)))

    def train_epoch(self) -> float | None:
        """Show every sample once, in random order, then examine the tiles; return the mean loss.

        None when the budget ended on the way: an epoch may be long.
        Raises DivergedError when no tile has had a finite loss for some epochs.
        """
        samples = self.run.coordinates.shape[1]
        order = torch.randperm(samples, generator=self.generator).to(self.run.device)
        wrong = torch.zeros_like(self.rate.share)
        loss = torch.zeros_like(self.rate.share)
        for pick in order.split(self.batch_size):
            if self.steps > 0 and self.run.is_out_of_budget():
                return None
            step_wrong, step_loss = self.learn(pick)
            wrong += step_wrong
            loss += step_loss
        self.epochs += 1
        self._check_finite(loss)
        decisions = samples * self.codes.shape[2]
        self.examine(wrong / decisions, loss / decisions, order[:EXAMINED])
        return float(loss.nanmean()) / decisions

    def learn(self, pick: Tensor) -> tuple[Tensor, Tensor]:
        """Make one step of Adam on the samples with these numbers.

        Returns (tiles,) each: the wrong decisions before the step, and the summed losses.
        """
        rule = self.run.model.loss
        bits = self.run.digit_bits
        codes = self.codes[:, pick]
        targets = codes.to(torch.float32) / (2**bits - 1)
        leaf = self.weights.current.requires_grad_()
        outputs = self.networks.outputs(leaf, pick)
        losses = rule.function(outputs, targets)
        (gradient,) = torch.autograd.grad(losses.sum() / len(pick), leaf)
        self.weights.current = leaf.detach()
        self.steps += 1
        self._move(gradient)
        self._average()
        self.run.count(len(pick), len(self.tiles))
        wrong = (rule.codes(outputs.detach(), bits) != codes).sum((1, 2))
        return wrong, losses.detach().sum((1, 2))

    def _move(self, gradient: Tensor) -> None:
        """Adam (Kingma and Ba, 2015), with a rate for every tile and every layer."""
        beta1, beta2 = self.numbers.betas
        first = self.adam.first_moment
        second = self.adam.second_moment
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        unbiased = math.sqrt(1 - beta2**self.steps) / (1 - beta1**self.steps)
        size = unbiased * min(1.0, self.steps / self.numbers.warm_up)
        direction = second.sqrt().add_(ADAM_EPSILON).reciprocal_().mul_(first)
        rates = self.rate.share[:, None] * self.rates
        self.weights.current.addcmul_(direction, rates, value=-size)

    def _average(self) -> None:
        """Let the averages follow; at first they follow faster."""
        stays = min(self.numbers.averaging, (1 + self.steps) / (10 + self.steps))
        self.weights.average.lerp_(self.weights.current, 1 - stays)

    @torch.no_grad()
    def examine(self, error: Tensor, loss: Tensor, pick: Tensor) -> None:
        """Look at every tile after an epoch.

        error, loss: (tiles,), the share of wrong decisions and the mean loss of the epoch.
        pick: the samples on which the averages are looked at.
        """
        missed = self._missed_by_averages(pick)
        outputs = len(pick) * self.codes.shape[2]
        progressed = self._note_progress(error, loss)
        on_noise_floor = ~progressed & (missed < self.numbers.noise * error * outputs)
        self._lower_rates(on_noise_floor)
        self._grow_batches()
        self._lift_lowest_rates()
        not_learning = self._not_learning() & (missed > 0)
        collapsed = self._collapsed(loss)
        self._draw_anew(not_learning)
        self._restore(collapsed | not_learning)
        self._remember_good(error, ~(collapsed | not_learning))
        self._release(missed == 0, error == 0)

    def _missed_by_averages(self, pick: Tensor) -> Tensor:
        """How many outputs of the averages are wrong, or lie too near to the border: (tiles,)."""
        rule = self.run.model.loss
        bits = self.run.digit_bits
        outputs = self.networks.outputs(self.weights.average, pick)
        wrong = rule.codes(outputs, bits) != self.codes[:, pick]
        unsure = rule.margins(outputs, bits) < self.numbers.margin
        return (wrong | unsure).sum((1, 2))

    def _note_progress(self, error: Tensor, loss: Tensor) -> Tensor:
        """Update progress and ages; return which tiles have a clearly lower error than ever."""
        ages = self.ages
        progress = self.progress
        ages.since_drawn += 1
        is_first = ages.since_drawn == 1
        progress.start_error = torch.where(is_first, error, progress.start_error)
        progress.start_loss = torch.where(is_first, loss, progress.start_loss)
        lowest_loss = torch.fmin(loss, progress.best_loss)
        progress.best_loss = torch.where(is_first, loss, lowest_loss)
        progressed = error < self.numbers.improvement * progress.best_error
        progress.best_error = torch.where(progressed, error, progress.best_error)
        ages.without_progress = torch.where(progressed, 0.0, ages.without_progress + 1)
        return progressed

    def _lower_rates(self, on_noise_floor: Tensor) -> None:
        """Lower the rate where the error falls no more, but the average is better than it."""
        lowered = (self.rate.share * self.numbers.decay).clamp(min=self.numbers.lowest_rate)
        self.rate.share = torch.where(on_noise_floor, lowered, self.rate.share)

    def _grow_batches(self) -> None:
        """Double the mini-batches, and the rates with them, when most rates have come down."""
        samples = self.run.coordinates.shape[1]
        if self.batch_size == samples:
            return
        if float((self.rate.share / self.rate.cap).median()) > self.numbers.grow_at:
            return
        self.batch_size = min(samples, 2 * self.batch_size)
        self.rate.share = torch.minimum(2 * self.rate.share, self.rate.cap)

    def _lift_lowest_rates(self) -> None:
        """Lift the rate of tiles that have been at the lowest one for long."""
        is_lowest = self.rate.share <= self.numbers.lowest_rate
        epochs = torch.where(is_lowest, self.ages.at_lowest_rate + 1, 0.0)
        is_long = epochs >= self.numbers.restart_after
        self.rate.share[is_long] = LIFTED_RATE
        epochs[is_long] = 0.0
        self.ages.at_lowest_rate = epochs

    def _not_learning(self) -> Tensor:
        """Tiles that are hardly better than at first, or no better for long: (tiles,)."""
        is_old = self.ages.since_drawn >= self.numbers.not_learning_after
        learned_nothing = self.progress.best_error > LEARNED_SHARE * self.progress.start_error
        no_progress = self.ages.without_progress >= self.numbers.no_progress_after
        return (is_old & learned_nothing) | no_progress

    def _collapsed(self, loss: Tensor) -> Tensor:
        """Tiles that lost half of what they had learned for some epochs, or are not finite."""
        half_way = (self.progress.best_loss + self.progress.start_loss) / 2
        self.ages.collapsed = torch.where(loss > half_way, self.ages.collapsed + 1, 0.0)
        is_finite = torch.isfinite(self.weights.current.sum(1))
        return (self.ages.collapsed >= COLLAPSED_EPOCHS) | ~is_finite

    def _draw_anew(self, tiles: Tensor) -> None:
        """Draw new weights for these tiles, as their last good ones, and forget what they did."""
        if not tiles.any():
            return
        self.weights.last_good[tiles] = self.networks.drawn(int(tiles.sum()), self.generator)
        self.progress.best_error[tiles] = 1.0
        self.progress.last_good_error[tiles] = 1.0
        self.ages.since_drawn[tiles] = 0.0
        self.ages.without_progress[tiles] = 0.0

    def _restore(self, tiles: Tensor) -> None:
        """Let these tiles go on from their last good weights, at half the rate."""
        if not tiles.any():
            return
        self.weights.current[tiles] = self.weights.last_good[tiles]
        self.weights.average[tiles] = self.weights.last_good[tiles]
        self.adam.first_moment[tiles] = 0.0
        second = self.adam.second_moment[tiles]
        self.adam.second_moment[tiles] = second.nan_to_num(0.0, 0.0, 0.0)
        self.ages.collapsed[tiles] = 0.0
        cap = (RESTORED_SHARE * self.rate.cap[tiles]).clamp(min=LOWEST_CAP)
        self.rate.cap[tiles] = cap
        self.rate.share[tiles] = cap

    def _remember_good(self, error: Tensor, is_healthy: Tensor) -> None:
        """Remember the averages of healthy tiles that have become much better."""
        better = is_healthy & (error < GOOD_SHARE * self.progress.last_good_error)
        self.weights.last_good[better] = self.weights.average[better]
        self.progress.last_good_error[better] = error[better]

    def _release(self, average_may_be: Tensor, current_may_be: Tensor) -> None:
        """Confirm the tiles that may be right, and let go those that are."""
        released = torch.zeros(len(self), dtype=torch.bool, device=self.tiles.device)
        self._confirm(self.weights.average, average_may_be, released)
        self._confirm(self.weights.current, current_may_be & ~released, released)
        if released.any():
            self.released_after += [self.epochs] * int(released.sum())
            self._keep(~released)

    def _confirm(self, flat: Tensor, may_be_right: Tensor, released: Tensor) -> None:
        """Test all samples of these tiles, and mark as released those that are right."""
        rows = may_be_right.nonzero()[:, 0]
        if len(rows) == 0:
            return
        right = self.networks.are_right(flat[rows], self.codes[rows], self.numbers.margin)
        rows = rows[right]
        self.best.release(self.tiles[rows], flat[rows])
        released[rows] = True

    def _keep(self, mask: Tensor) -> None:
        """Let go the tiles where `mask` is false."""
        self.tiles = self.tiles[mask]
        self.codes = self.codes[mask]
        self.weights = self.weights.kept(mask)
        self.adam = self.adam.kept(mask)
        self.progress = self.progress.kept(mask)
        self.rate = self.rate.kept(mask)
        self.ages = self.ages.kept(mask)

    def _check_finite(self, loss: Tensor) -> None:
        """Raise DivergedError when going back to good weights did not help any tile."""
        is_finite = bool(torch.isfinite(loss).any())
        self.non_finite_epochs = 0 if is_finite else self.non_finite_epochs + 1
        if self.non_finite_epochs == NON_FINITE_EPOCHS:
            self.run.check_finite(math.nan)


def batch_generator(seed: int, number: int) -> torch.Generator:
    """Return the random numbers of one batch; those of the first begin with the seed itself."""
    if number > 0:
        (seed,) = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64).tolist()
    return torch.Generator().manual_seed(seed)


def _rates_of_weights(numbers: FastNumbers, run: Run, networks: TileNetworks) -> Tensor:
    """The rate of every flat weight, (P,)."""
    own: dict[str, float] = {}
    if hasattr(run.network, "rate_scales"):
        own = run.network.rate_scales()  # type: ignore[operator]
    scales = {name: float(own.get(name, 1.0)) for name in networks.shapes}
    rates = numbers.rates(run.model.architecture, scales)
    parts = [torch.full((shape.numel(),), rates[name]) for name, shape in networks.shapes.items()]
    return torch.cat(parts).to(run.device)
