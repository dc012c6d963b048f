"""FAST: many small networks at once, each trained until its own bits are right.

What makes it fast, in the order of what it gains (chapter "Fast fitting" measures each):

- a short memory of Adam's second moment: gradients shrink by orders of magnitude during a fit, and the usual 0.999
  keeps the steps small long after;
- an output layer that learns three times as fast as the others, where SIREN's single rate starves it;
- mini-batches, and an exponential average of the weights, which is what is tested and kept;
- per network: the rate falls only when the error no longer does *and* the average is clearly better than the weights
  themselves, so that what is left is noise; it rises again for a network that is stuck; a network that collapses
  goes back to its last good weights at half the rate;
- a network whose bits are all right, with a margin, leaves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from lossless_inr_lite.training import Run, Weights

WAVE = 64  # networks that train at once: enough to fill a CPU, few enough for its cache
DECIDED_AT_ONCE = 65536  # samples of all networks together, which bounds the memory of measuring
EVALUATION_SHARE = 0.1  # of the time may go into measuring


@dataclass(frozen=True)
class Fast:
    """The numbers of the recipe. Rates are for weights that multiply the sine's argument directly."""

    learning_rate: float = 0.014
    betas: tuple[float, float] = (0.9, 0.95)
    averaging: float = 0.95
    warm_up: int = 20  # steps
    steps_per_epoch: int = 8
    batch: tuple[int, int] = (32, 512)  # smallest and largest number of samples a step
    decay: float = 0.7  # of the rate, on a noise floor
    lowest_rate: float = 0.1  # as a share of the first
    improvement: float = 0.95  # an error below this share of the best is progress
    noise: float = 0.5  # an average with less than this share of the weights' errors shows a noise floor
    restart_after: int = 30  # epochs at the lowest rate
    margin: float = 0.01  # smallest |logit| that counts as right

    def train(self, run: Run, bar: "tqdm[Any]", chunk: int | None, seed: int) -> str:
        """Fit all networks, WAVE at a time, until lossless or out of budget; return why it stopped."""
        generator = torch.Generator().manual_seed(seed)
        whole = _Whole(run)
        whole.observe(run, math.log(2))
        for start in range(0, run.codes.shape[0], WAVE):
            wave = _Wave(self, run, whole, slice(start, start + WAVE))
            while len(wave.ids):
                loss = wave.epoch(generator)
                run.check_finite(loss)
                whole.keep_if_better(run, wave, loss)
                bar.set_postfix_str(f"{whole.right}/{len(whole.wrong)} networks, {int(whole.wrong.sum())} wrong bits")
                bar.update()
                if why := run.ended():
                    whole.observe(run, loss)
                    return why
        whole.observe(run, loss)
        return "lossless"


class _Whole:
    """All networks of the run: the flat weights (G, P) with the fewest wrong bits so far, and what they decide."""

    def __init__(self, run: Run) -> None:
        parameters = dict(run.network.named_parameters())
        self.shapes = {name: p.shape[1:] for name, p in parameters.items()}
        self.weights = torch.cat([p.detach().flatten(1) for p in parameters.values()], dim=1)
        self.codes = torch.zeros_like(run.codes)
        self.wrong = _wrong_bits(self.codes, run.codes)
        self.right = 0
        self.spent = 0.0  # seconds of measuring

    def views(self, flat: Tensor) -> Weights:
        """(g, P) -> named weights (g, ...), without copies; their gradient is one concatenation."""
        parts = flat.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {name: part.unflatten(1, shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def take(self, ids: Tensor, weights: Tensor, codes: Tensor, wrong: Tensor) -> None:
        """Keep these networks' weights and decisions."""
        self.weights[ids], self.codes[ids], self.wrong[ids] = weights, codes, wrong

    def keep_if_better(self, run: Run, wave: "_Wave", loss: float) -> None:
        """Now and then, decide every bit with the averages and keep those networks that have fewer wrong than ever."""
        if not len(wave.ids) or self.spent > EVALUATION_SHARE * run.seconds:
            return
        started = run.seconds
        codes, _ = wave.decide(wave.average)
        wrong = _wrong_bits(codes, wave.codes)
        better = wrong < self.wrong[wave.ids]
        self.take(wave.ids[better], wave.average[better], codes[better], wrong[better])
        self.observe(run, loss)
        self.spent += run.seconds - started

    def observe(self, run: Run, loss: float) -> None:
        """Add a row to the run's history for the weights that would be saved now."""
        run.observe(loss, self.codes.cpu().numpy(), lambda: self.views(self.weights))


class _Wave:
    """The networks in training: every tensor has one row a network, and rows leave together."""

    def __init__(self, plan: Fast, run: Run, whole: _Whole, part: slice) -> None:
        self.plan, self.run, self.whole = plan, run, whole
        self.codes = run.codes[part]
        self.ids = torch.arange(len(run.codes), device=run.device)[part]
        self.weights = whole.weights[part].clone()
        self.average, self.good = self.weights.clone(), self.weights.clone()
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        start = torch.full((len(self.ids),), 0.5, device=run.device)
        self.best, self.good_error = start.clone(), start.clone()
        self.rate, self.low, self.sick = torch.ones_like(start), torch.zeros_like(start), torch.zeros_like(start)
        scales = run.network.rate_scales() if hasattr(run.network, "rate_scales") else {}
        sizes = [(name, shape.numel()) for name, shape in whole.shapes.items()]
        self.scales = torch.cat([torch.full((n,), float(scales.get(name, 1.0))) for name, n in sizes]).to(run.device)
        samples = run.coordinates.shape[1]
        smallest, largest = plan.batch
        self.batch = min(samples, max(smallest, min(largest, -(-samples // plan.steps_per_epoch))))
        self.steps = 0

    def epoch(self, generator: torch.Generator) -> float:
        """Every sample once in random order, then a look at each network; return the mean loss."""
        samples = self.run.coordinates.shape[1]
        order = torch.randperm(samples, generator=generator).to(self.run.device)
        wrong, total, pick = torch.zeros_like(self.rate), 0.0, order
        for pick in order.split(self.batch):
            missed, loss = self.step(pick)
            wrong += missed
            total += loss * len(pick) / samples
        self.examine(wrong / self.codes[0].numel(), pick)
        return total

    def step(self, pick: Tensor) -> tuple[Tensor, float]:
        """One update of every network; its wrong decisions on these samples before it, and the mean loss."""
        levels = 2**self.run.digit_bits - 1
        codes, loss_of = self.codes[:, pick], self.run.model.loss
        leaf = self.weights.requires_grad_()
        outputs = self.outputs(leaf, pick)
        losses = loss_of.function(outputs, codes.to(torch.float32) / levels)
        (gradient,) = torch.autograd.grad(losses.sum() / len(pick), leaf)
        self.weights = leaf.detach()
        self.steps += 1
        self.adam(gradient)
        self.run.count(len(pick), len(self.ids))
        wrong = (loss_of.codes(outputs.detach(), self.run.digit_bits) != codes).sum((1, 2))
        return wrong, float(losses.detach().mean())

    def adam(self, gradient: Tensor) -> None:
        """Adam with one rate a network and layer, then the exponential average of the weights."""
        plan, (beta1, beta2) = self.plan, self.plan.betas
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction = math.sqrt(1 - beta2**self.steps) / (1 - beta1**self.steps)
        size = plan.learning_rate * correction * min(1.0, self.steps / plan.warm_up)
        direction = self.first / (self.second.sqrt() + 1e-8)
        self.weights.addcmul_(direction, self.rate[:, None] * self.scales, value=-size)
        self.average.lerp_(self.weights, 1 - min(plan.averaging, (1 + self.steps) / (10 + self.steps)))

    def outputs(self, flat: Tensor, pick: Tensor | slice) -> Tensor:
        """(g, samples, out) of the networks with these flat weights."""
        return functional_call(
            self.run.network, self.whole.views(flat), (self.run.coordinates[:, pick].to(flat.dtype),)
        )

    @torch.no_grad()
    def decide(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (g, S, out) of all samples, and each network's smallest margin."""
        loss, bits = self.run.model.loss, self.run.digit_bits
        samples = torch.arange(self.run.coordinates.shape[1], device=self.ids.device)
        codes, margins = [], []
        for part in samples.split(max(1, DECIDED_AT_ONCE // len(flat))):
            outputs = self.outputs(flat, part)
            codes.append(loss.codes(outputs, bits).to(self.codes.dtype))
            margins.append(loss.margins(outputs, bits).amin((1, 2)))
        return torch.cat(codes, dim=1), torch.stack(margins).amin(0)

    @torch.no_grad()
    def examine(self, error: Tensor, pick: Tensor) -> None:
        """Once an epoch: adapt rates, restart what is stuck, restore what collapsed, let go what is done."""
        plan, loss, bits = self.plan, self.run.model.loss, self.run.digit_bits
        averaged = self.outputs(self.average, pick)
        missed = (loss.codes(averaged, bits) != self.codes[:, pick]) | (loss.margins(averaged, bits) < plan.margin)
        missed = missed.sum((1, 2))
        progress = error < plan.improvement * self.best
        self.best = torch.where(progress, error, self.best)
        noisy = missed < plan.noise * error * averaged[0].numel()
        self.rate = torch.where(~progress & noisy, (self.rate * plan.decay).clamp(min=plan.lowest_rate), self.rate)
        self.low = torch.where(self.rate <= plan.lowest_rate, self.low + 1, 0.0)
        stuck = self.low >= plan.restart_after
        self.rate[stuck], self.low[stuck] = 0.5, 0.0
        self._restore(error)
        self._release((missed == 0).nonzero()[:, 0])

    def _restore(self, error: Tensor) -> None:
        """Networks far above their best for three epochs, or not finite, go back to their last good weights."""
        self.sick = torch.where(error > 2 * self.best + 0.05, self.sick + 1, 0.0)
        ill = (self.sick >= 3) | ~torch.isfinite(self.weights.sum(1))
        if ill.any():
            self.weights[ill], self.average[ill] = self.good[ill], self.good[ill]
            self.first[ill], self.second[ill] = 0.0, 0.0
            self.rate[ill], self.sick[ill] = self.rate[ill] * 0.5, 0.0
        better = ~ill & (error < 0.7 * self.good_error)
        self.good[better], self.good_error[better] = self.average[better], error[better]

    def _release(self, candidates: Tensor) -> None:
        """Test the whole of these networks, in float64 too, and let go those that are right."""
        if not len(candidates):
            return
        flat, truth = self.average[candidates], self.codes[candidates]
        codes, margin = self.decide(flat)
        right = (codes == truth).all(2).all(1) & (margin >= self.plan.margin)
        if right.any():
            precise, _ = self.decide(flat.double())
            right &= (precise == truth).all(2).all(1)
        done = candidates[right]
        self.whole.take(self.ids[done], self.average[done], self.codes[done], torch.zeros_like(self.whole.wrong[done]))
        self.whole.right += len(done)
        live = torch.ones(len(self.ids), dtype=torch.bool, device=self.ids.device)
        live[done] = False
        for name, tensor in self._rows():
            setattr(self, name, tensor[live])

    def _rows(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor that has one row a network."""
        names = (
            "codes",
            "ids",
            "weights",
            "average",
            "good",
            "first",
            "second",
            "best",
            "good_error",
            "rate",
            "low",
            "sick",
        )
        return ((name, getattr(self, name)) for name in names)


def _wrong_bits(codes: Tensor, truth: Tensor) -> Tensor:
    """Wrong bits of every network, (G,) int64; codes of more than one bit count each of their bits."""
    wrong, total = codes ^ truth, torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    while bool(wrong.any()):
        total += (wrong & 1).sum((1, 2))
        wrong = wrong >> 1
    return total
