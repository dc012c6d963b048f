"""FAST: many small networks at once, each trained until its own bits are right.

What makes it fast (chapter "Fast fitting" takes one ingredient away at a time):

- an output layer that learns much faster than the others, where SIREN's single rate starves it;
- an exponential average of the weights, which is what is tested and kept, and a rate that falls, for each network, only
  when the error no longer does *and* the average is clearly better than the weights, so that what is left is noise;
- mini-batches, two wide hidden layers rather than five narrow ones, and tiles;
- a network whose bits are all right, with a margin, leaves.

And what makes it safe: a network that collapses goes back to its last good weights, one that never starts to learn
gets new ones, both at half the rate. A short memory of Adam's second moment, growing batches and a warm-up cost
nothing; where a network has room to spare they gain nothing either.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.history import Entry
from lossless_inr_lite.networks.registry import build_network
from lossless_inr_lite.training.memory import full_batch_memory
from lossless_inr_lite.training.run import NamedWeights as Weights
from lossless_inr_lite.training.run import Run

WAVE = 16  # networks that train at once: few enough for a processor's cache
EXAMINED = 128  # samples on which the averages are looked at after an epoch
DECIDED_AT_ONCE = 65536  # samples of all networks together, which bounds the memory of measuring
EVALUATION_SHARE = 0.1  # of the time may go into measuring


@dataclass(frozen=True)
class Fast:
    """The numbers of the recipe. Rates are for weights that multiply the sine's argument directly.

    The rate of a network is min(`largest_rate`, `rate_scale` / (hidden layers * sqrt(width))).
    """

    rate_scale: float = 0.5
    largest_rate: float = 0.03
    output_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    averaging: float = 0.95
    warm_up: int = 20  # steps
    steps_per_epoch: int = 8  # at the start
    batch: tuple[int, int] = (
        32,
        2048,
    )  # smallest and largest number of samples a step at the start
    decay: float = 0.7  # of the rate, on a noise floor
    grow_at: float = 0.5  # median rate, as a share of the first, at which batches and rates double
    lowest_rate: float = 0.1  # as a share of the first
    improvement: float = 0.95  # an error below this share of the best is progress
    noise: float = (
        0.5  # an average with less than this share of the weights' errors shows a noise floor
    )
    restart_after: int = 30  # epochs at the lowest rate
    hopeless_after: int = 25  # epochs without having learned anything
    stale_after: int = 150  # epochs without progress
    margin: float = 0.01  # smallest |logit| that counts as right

    def train(self, run: Run, bar: "tqdm[Any]") -> str:
        """Fit all networks, WAVE at a time, until lossless or out of budget; return why it stopped."""
        generator = torch.Generator().manual_seed(run.plan.seed)
        whole, loss = _Whole(run), math.log(2)
        whole.observe(run, loss)
        for start in range(0, run.codes.shape[0], WAVE):
            wave = _Wave(self, run, whole, slice(start, start + WAVE))
            while len(wave.ids):
                loss = wave.epoch(generator)
                whole.keep_if_better(run, wave, loss)
                wrong, done = (
                    int(whole.wrong.sum()),
                    f"{whole.right}/{len(whole.wrong)} networks done",
                )
                bar.set_postfix_str(
                    f"BER {wrong / run.model.spec.total_bits:.2e}, {wrong} wrong bits, {done}"
                )
                bar.update()
                if len(wave.ids) and (why := run.ended()):
                    whole.keep_if_better(run, wave, loss, now=True)
                    return why
        run.keep(whole.observe(run, loss), whole.views(whole.weights))
        return "lossless"

    def num_batches(self, groups: int) -> int:
        return -(-groups // WAVE)

    def memory(self, network: Any, formulation: Any, spec: Any, chunk: int) -> int:
        return full_batch_memory(network, formulation, spec, chunk)

    def rates(self, architecture: Architecture, scales: dict[str, float]) -> dict[str, float]:
        """The rate of every weight; `scales` are the network's own relative ones, 0 for its output layer."""
        size = architecture.hidden_layers * math.sqrt(architecture.hidden_features)
        rate = min(self.largest_rate, self.rate_scale / size)
        return {name: rate * scale if scale else self.output_rate for name, scale in scales.items()}


class _Whole:
    """All networks of the run: the flat weights (G, P) with the fewest wrong bits so far, and what they decide."""

    def __init__(self, run: Run) -> None:
        parameters = dict(run.network.named_parameters())
        self.shapes = {name: p.shape[1:] for name, p in parameters.items()}
        self.weights = torch.cat([p.detach().flatten(1) for p in parameters.values()], dim=1)
        start, _ = run.model.decode(device=run.device)
        self.codes = torch.from_numpy(run.model.formulation.codes(start, run.model.spec)).to(
            run.device
        )
        self.wrong = _wrong_bits(self.codes, run.codes)
        self.right = 0
        self.spent = 0.0  # seconds of measuring

    def views(self, flat: Tensor) -> Weights:
        """(g, P) -> named weights (g, ...), without copies; their gradient is one concatenation."""
        parts = flat.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: part.unflatten(1, shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def fresh(self, run: Run, count: int, generator: torch.Generator) -> Tensor:
        """Flat weights (count, P) of new networks."""
        chosen, problem = run.model.architecture, run.model.formulation.problem(run.model.spec)
        seed = int(torch.randint(2**62, (), generator=generator))
        network = build_network(
            chosen.network,
            replace(problem, groups=count),
            chosen.hidden_features,
            chosen.hidden_layers,
            seed,
            chosen.options,
        )
        return torch.cat([p.detach().flatten(1) for p in network.parameters()], dim=1).to(
            self.weights.device
        )

    def take(self, ids: Tensor, weights: Tensor, codes: Tensor, wrong: Tensor) -> None:
        """Keep these networks' weights and decisions."""
        self.weights[ids], self.codes[ids], self.wrong[ids] = weights, codes, wrong

    def keep_if_better(self, run: Run, wave: "_Wave", loss: float, now: bool = False) -> None:
        """Now and then, decide every bit with the averages and keep those networks that have fewer wrong than ever."""
        if not len(wave.ids) or (self.spent > EVALUATION_SHARE * run.seconds and not now):
            return
        started = run.seconds
        codes, _ = wave.decide(wave.average)
        wrong = _wrong_bits(codes, wave.codes)
        better = wrong < self.wrong[wave.ids]
        self.take(wave.ids[better], wave.average[better], codes[better], wrong[better])
        self.observe(run, loss)
        self.spent += run.seconds - started

    def observe(self, run: Run, loss: float) -> Entry:
        """Add a row to the run's history for the weights that would be saved now."""
        return run.observe(loss, self.codes.cpu().numpy(), lambda: self.views(self.weights))


class _Wave:
    """The networks in training: every tensor has one row a network, and rows leave together."""

    ROWS = (
        "codes",
        "ids",
        "weights",
        "average",
        "good",
        "first",
        "second",
        "best",
        "start",
        "good_error",
        "rate",
        "first_loss",
        "best_loss",
        "cap",
        "age",
        "low",
        "sick",
        "stale",
    )

    def __init__(self, plan: Fast, run: Run, whole: _Whole, part: slice) -> None:
        self.plan, self.run, self.whole = plan, run, whole
        self.codes = run.codes[part]
        self.ids = torch.arange(len(run.codes), device=run.device)[part]
        self.weights = whole.weights[part].clone()
        self.average, self.good = self.weights.clone(), self.weights.clone()
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        ones = torch.ones(len(self.ids), device=run.device)
        self.best, self.start, self.good_error = (
            ones.clone(),
            ones.clone(),
            ones.clone(),
        )  # shares of wrong decisions
        self.first_loss, self.best_loss = ones.clone(), ones.clone()
        self.rate, self.cap = (
            ones.clone(),
            ones.clone(),
        )  # the rate as a share of the first, and its limit
        # epochs: in all, at the lowest rate, far off, and without progress
        self.age, self.low, self.sick, self.stale = ones * 0, ones * 0, ones * 0, ones * 0
        scales = run.network.rate_scales() if hasattr(run.network, "rate_scales") else {}  # type: ignore[operator]
        rates = plan.rates(
            run.model.architecture, {name: float(scales.get(name, 1.0)) for name in whole.shapes}
        )
        self.rates = torch.cat(
            [torch.full((shape.numel(),), rates[name]) for name, shape in whole.shapes.items()]
        )
        self.rates = self.rates.to(run.device)
        samples = run.coordinates.shape[1]
        smallest, largest = plan.batch
        self.batch = min(samples, max(smallest, min(largest, -(-samples // plan.steps_per_epoch))))
        self.steps = self.broken = 0

    def epoch(self, generator: torch.Generator) -> float:
        """Every sample once in random order, then a look at each network; return the mean loss."""
        samples = self.run.coordinates.shape[1]
        order = torch.randperm(samples, generator=generator).to(self.run.device)
        wrong, loss = torch.zeros_like(self.rate), torch.zeros_like(self.rate)
        for pick in order.split(self.batch):
            missed, losses = self.step(pick)
            wrong += missed
            loss += losses
        decisions = samples * self.codes.shape[2]
        self.broken = 0 if torch.isfinite(loss).any() else self.broken + 1
        if self.broken == 3:  # going back to good weights did not help any network
            self.run.check_finite(math.nan)
        self.examine(wrong / decisions, loss / decisions, order[:EXAMINED], generator)
        return float(loss.nanmean()) / decisions

    def step(self, pick: Tensor) -> tuple[Tensor, Tensor]:
        """One update of every network; its wrong decisions on these samples before it, and its summed loss."""
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
        return wrong, losses.detach().sum((1, 2))

    def adam(self, gradient: Tensor) -> None:
        """Adam with one rate a network and layer, then the exponential average of the weights."""
        plan, (beta1, beta2) = self.plan, self.plan.betas
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        size = (
            math.sqrt(1 - beta2**self.steps)
            / (1 - beta1**self.steps)
            * min(1.0, self.steps / plan.warm_up)
        )
        direction = self.second.sqrt().add_(1e-8).reciprocal_().mul_(self.first)
        self.weights.addcmul_(direction, self.rate[:, None] * self.rates, value=-size)
        self.average.lerp_(
            self.weights, 1 - min(plan.averaging, (1 + self.steps) / (10 + self.steps))
        )

    def outputs(self, flat: Tensor, pick: Tensor) -> Tensor:
        """(g, samples, out) of the networks with these flat weights."""
        return functional_call(
            self.run.network,
            self.whole.views(flat),
            (self.run.coordinates[:, pick].to(flat.dtype),),
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
    def examine(
        self, error: Tensor, loss: Tensor, pick: Tensor, generator: torch.Generator
    ) -> None:
        """Once an epoch: adapt rates and batches, renew what collapsed or never learned, let go what is done."""
        plan, rule, bits = self.plan, self.run.model.loss, self.run.digit_bits
        averaged = self.outputs(self.average, pick)
        missed = (rule.codes(averaged, bits) != self.codes[:, pick]) | (
            rule.margins(averaged, bits) < plan.margin
        )
        missed = missed.sum((1, 2))
        self.age += 1
        self.start = torch.where(self.age == 1, error, self.start)
        self.first_loss = torch.where(self.age == 1, loss, self.first_loss)
        self.best_loss = torch.where(self.age == 1, loss, torch.fmin(loss, self.best_loss))
        progress = error < plan.improvement * self.best
        self.best = torch.where(progress, error, self.best)
        self.stale = torch.where(progress, 0.0, self.stale + 1)
        self._adapt(~progress & (missed < plan.noise * error * averaged[0].numel()))
        self._renew(error, loss, missed > 0, generator)
        self._release(missed == 0, error == 0)

    def _adapt(self, noisy: Tensor) -> None:
        """Lower the rate of networks on a noise floor; double the batches when most have come down; lift the stuck."""
        plan, samples = self.plan, self.run.coordinates.shape[1]
        self.rate = torch.where(
            noisy, (self.rate * plan.decay).clamp(min=plan.lowest_rate), self.rate
        )
        if self.batch < samples and float((self.rate / self.cap).median()) <= plan.grow_at:
            self.batch = min(samples, 2 * self.batch)
            self.rate = torch.minimum(2 * self.rate, self.cap)
        self.low = torch.where(self.rate <= plan.lowest_rate, self.low + 1, 0.0)
        stuck = self.low >= plan.restart_after
        self.rate[stuck], self.low[stuck] = 0.5, 0.0

    def _renew(
        self, error: Tensor, loss: Tensor, missed: Tensor, generator: torch.Generator
    ) -> None:
        """Collapsed (back half-way to its first loss for 3 epochs, or not finite): the last good weights.

        Hopeless (after many epochs hardly better than after the first, or no better for many more): new random ones.
        """
        plan = self.plan
        self.sick = torch.where(loss > (self.best_loss + self.first_loss) / 2, self.sick + 1, 0.0)
        unlearned = (self.age >= plan.hopeless_after) & (self.best > 0.75 * self.start)
        hopeless = (unlearned | (self.stale >= plan.stale_after)) & missed
        ill = (self.sick >= 3) | ~torch.isfinite(self.weights.sum(1)) | hopeless
        if hopeless.any():
            self.good[hopeless] = self.whole.fresh(self.run, int(hopeless.sum()), generator)
            self.age[hopeless], self.best[hopeless], self.good_error[hopeless] = 0.0, 1.0, 1.0
            self.stale[hopeless] = 0.0
        if ill.any():
            self.weights[ill], self.average[ill] = self.good[ill], self.good[ill]
            self.first[ill], self.second[ill], self.sick[ill] = (
                0.0,
                self.second[ill].nan_to_num(0.0, 0.0, 0.0),
                0.0,
            )
            self.cap[ill] = (0.5 * self.cap[ill]).clamp(min=0.25)
            self.rate[ill] = self.cap[ill]
        better = ~ill & (error < 0.7 * self.good_error)
        self.good[better], self.good_error[better] = self.average[better], error[better]

    def _release(self, average_may: Tensor, weights_may: Tensor) -> None:
        """Test the whole of the networks that may be done, in float64 too, and let go those that are right."""
        done = torch.zeros(len(self.ids), dtype=torch.bool, device=self.ids.device)
        for flat, may in ((self.average, average_may), (self.weights, weights_may)):
            rows = (may & ~done).nonzero()[:, 0]
            rows = rows[self._right(flat[rows], self.codes[rows])] if len(rows) else rows
            self.whole.take(self.ids[rows], flat[rows], self.codes[rows], torch.zeros_like(rows))
            done[rows] = True
        self.whole.right += int(done.sum())
        if done.any():
            for name in self.ROWS:
                setattr(self, name, getattr(self, name)[~done])

    def _right(self, flat: Tensor, truth: Tensor) -> Tensor:
        """Which of these networks decide every bit right, with the margin, and in float64 as well."""
        codes, margin = self.decide(flat)
        right = (codes == truth).all(2).all(1) & (margin >= self.plan.margin)
        if right.any():
            precise, _ = self.decide(flat.double())
            right &= (precise == truth).all(2).all(1)
        return right


def _wrong_bits(codes: Tensor, truth: Tensor) -> Tensor:
    """Wrong bits of every network, (G,) int64; codes of more than one bit count each of their bits."""
    wrong, total = codes ^ truth, torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    while bool(wrong.any()):
        total += (wrong & 1).sum((1, 2))
        wrong = wrong >> 1
    return total
