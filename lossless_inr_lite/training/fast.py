"""FAST: many small networks at once, each trained until its own bits are right.

What makes it fast (chapter "Fast fitting" takes one ingredient away at a time):

- an output layer that learns much faster than the others, where SIREN's single rate starves it;
- an exponential average of the weights, which is what is tested and kept, and a rate that falls,
  for each network, only when the error no longer does *and* the average is clearly better than the
  weights, so that what is left is noise;
- mini-batches, two wide hidden layers rather than five narrow ones, and tiles;
- a network whose bits are all right, with a margin, leaves.

And what makes it safe: a network that collapses goes back to its last good weights, one that is not
learning gets new ones, both at half the rate. A short memory of Adam's second moment, growing
batches and a warm-up cost nothing; where a network has room to spare they gain nothing either.

Tiles train TILES_AT_ONCE at a time (`TileBatch` tells the life of a tile). Batches take turns, so
that tiles that cannot be learned do not keep the others from their turn.
"""

import math
import statistics
from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from tqdm import tqdm

from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.model import Model
from lossless_inr_lite.training.memory import tiles_memory
from lossless_inr_lite.training.parts import FinishedBatch, PartsFolder
from lossless_inr_lite.training.run import Costs, Run
from lossless_inr_lite.training.tile_batch import FastNumbers, TileBatch
from lossless_inr_lite.training.tile_networks import DECIDED_AT_ONCE, BestTiles, TileNetworks

TILES_AT_ONCE = 16
"""Networks that train at once: few enough for a processor's cache."""

EVALUATION_SHARE = 0.1
"""Of the time that may go into measuring."""

PATIENCE = 4
"""A turn ends after this many times the epochs that the typical tile of the batch has taken."""

LEAST_TURN = 50
"""Epochs that a turn lasts at least, if the budget allows."""

UNTRAINED_LOSS = math.log(2)


@dataclass(frozen=True)
class Fast(FastNumbers):
    """The recipe: see this module, and `FastNumbers` for its numbers."""

    def train(self, run: Run, bar: "tqdm[Any]") -> str:
        """Fit all tiles until lossless or out of budget, and return why it stopped."""
        return _Training(self, run, bar).train()

    def num_batches(self, groups: int) -> int:
        """Return how many batches of tiles take turns."""
        return math.ceil(groups / TILES_AT_ONCE)

    def memory(self, shape: Model, chunk: int) -> int:
        """Return an estimate of the bytes that a fit takes at its peak; see `Trainer`."""
        return tiles_memory(shape, TILES_AT_ONCE, DECIDED_AT_ONCE)


class _Training:
    """One fit: batches of tiles that take turns, and the best weights of every tile."""

    def __init__(self, numbers: Fast, run: Run, bar: "tqdm[Any]") -> None:
        self.numbers = numbers
        self.run = run
        self.bar = bar
        self.parts: PartsFolder | None = None
        if run.plan.resume_dir is not None:
            num_batches = numbers.num_batches(len(run.codes))
            self.parts = PartsFolder(run.plan.resume_dir, run, asdict(numbers), num_batches)
        self.networks = TileNetworks(run)
        self.best = BestTiles(run, self.networks)
        self.loss = UNTRAINED_LOSS
        self.seconds_of_measuring = 0.0

    def train(self) -> str:
        """Give turns to all batches until every tile is right; return why it stopped.

        A batch that diverges gives up its turns. DivergedError is raised when no other is left.
        """
        try:
            return self._take_turns()
        except KeyboardInterrupt:
            # What was released since the last look is among the best too.
            self.best.observe(self.run, self.loss)
            raise

    def _take_turns(self) -> str:
        every_tile = torch.arange(len(self.best), device=self.run.device)
        batches = enumerate(every_tile.split(TILES_AT_ONCE))
        waiting = deque(pair for pair in batches if not self._take_earlier(*pair))
        set_aside: deque[TileBatch] = deque()
        diverged: DivergedError | None = None
        self.best.observe(self.run, self.loss)
        while waiting or set_aside:
            if waiting:
                number, tiles = waiting.popleft()
                batch = TileBatch(self.numbers, self.run, self.best, number, tiles)
            else:
                batch = set_aside.popleft()
            try:
                why = self._give_turn(batch, len(waiting) + len(set_aside))
            except DivergedError as error:
                diverged = diverged or error
                continue
            if why is not None:
                return why
            if len(batch) == 0:
                self._keep_for_later(batch)
            else:
                set_aside.append(batch)
        entry = self.best.observe(self.run, self.loss)
        if diverged is not None:
            raise diverged
        self.run.keep(entry, self.best.named())
        return "lossless"

    def _give_turn(self, batch: TileBatch, others: int) -> str | None:
        """Train a batch until it is done or its turn is over.

        Returns why the fit has to end, or None. `others` is the number of batches that wait.
        """
        turn = _Turn(batch, self.run, others)
        before = replace(self.run.spent)
        began = self.run.seconds_of_this_run
        why = None
        while len(batch) > 0 and why is None and not turn.is_over():
            loss = batch.train_epoch()
            if loss is not None:
                self.loss = loss
            self._measure(batch)
            self._show()
            if len(batch) > 0:
                why = self.run.ended()
        if len(batch) > 0:
            self._measure(batch, now=True)
        batch.costs.add(
            Costs(
                iterations=self.run.spent.iterations - before.iterations,
                samples_seen=self.run.spent.samples_seen - before.samples_seen,
                flops=self.run.spent.flops - before.flops,
                seconds=self.run.seconds_of_this_run - began,
            )
        )
        return why

    def _measure(self, batch: TileBatch, now: bool = False) -> None:
        """Decide every bit with the averages, and keep those that are better than ever.

        This is done whenever measuring has taken a small share of the time, or else `now`.
        """
        may_measure = self.seconds_of_measuring <= EVALUATION_SHARE * self.run.seconds_of_this_run
        if len(batch) == 0 or not (may_measure or now):
            return
        began = self.run.seconds_of_this_run
        self.best.offer(batch.tiles, batch.weights.average)
        self.best.observe(self.run, self.loss)
        self.seconds_of_measuring += self.run.seconds_of_this_run - began

    def _show(self) -> None:
        """Tell the bar where the fit stands."""
        wrong_bits = int(self.best.wrong_bits.sum())
        ber = wrong_bits / self.run.model.spec.total_bits
        done = f"{self.best.num_released}/{len(self.best)} networks done"
        self.bar.set_postfix_str(f"BER {ber:.2e}, {wrong_bits} wrong bits, {done}")
        self.bar.update()

    def _keep_for_later(self, batch: TileBatch) -> None:
        """Write a finished batch, if a folder was given for it."""
        if self.parts is None:
            return
        finished = FinishedBatch(self.best.weights[batch.all_tiles], batch.costs)
        self.parts.write(batch.number, batch.all_tiles.tolist(), finished)

    def _take_earlier(self, number: int, tiles: torch.Tensor) -> bool:
        """Take a batch that an earlier run has finished; return whether there was one."""
        if self.parts is None:
            return False
        num_weights = self.best.weights.shape[1]
        finished = self.parts.read(number, tiles.tolist(), num_weights)
        if finished is None:
            return False
        weights = finished.weights.to(self.run.device)
        truth = self.run.codes[tiles]
        if not self.networks.are_right(weights, truth, margin=0.0).all():
            return False
        self.best.release(tiles, weights)
        self.run.add_earlier(finished.costs)
        return True


class _Turn:
    """How long a batch may train while others wait. Without others there is no end.

    A turn is over when it has used its fair share of what is left of the budget. It is also over
    when half of the batch's tiles have been released, and the turn has lasted more than PATIENCE
    times the median of the epochs that they took: then those that are left are stuck.
    """

    def __init__(self, batch: TileBatch, run: Run, others: int) -> None:
        self.batch = batch
        self.run = run
        self.others = others
        self.first_epoch = batch.epochs
        self.last_iteration = run.iteration + run.iterations_left() / (others + 1)
        self.last_second = run.seconds_of_this_run + run.seconds_left() / (others + 1)

    def is_over(self) -> bool:
        """Whether the batch has to be set aside now."""
        if self.others == 0 or self.batch.epochs == self.first_epoch:
            return False
        if self.run.iteration >= self.last_iteration:
            return True
        if self.run.seconds_of_this_run >= self.last_second:
            return True
        return self.batch.epochs - self.first_epoch > self._patience()

    def _patience(self) -> float:
        """The longest turn in epochs."""
        released = self.batch.released_after
        if 2 * len(released) < len(self.batch.all_tiles):
            return math.inf
        return max(LEAST_TURN, PATIENCE * statistics.median(released))
