"""`TileNetworks`: the networks of all tiles, computed from flat weights; `BestTiles`: their best.

A tile is what one small network is fitted to: a rectangle of a picture, or a stretch of sound. (A
formulation with one network per bit has as many of them in every place; each counts as a tile.)
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from lossless_inr_lite.architecture import required
from lossless_inr_lite.history import Entry
from lossless_inr_lite.networks.registry import build_network
from lossless_inr_lite.training.run import NamedWeights, Run

DECIDED_AT_ONCE = 65536
"""Samples of all networks together; it bounds the memory of measuring."""

FIRST_LOOK_SHARE = 0.25
"""Of the seconds of a budget: what may go into deciding all samples before any training."""

DRAWN_SEEDS = 2**62


class TileNetworks:
    """The layout of flat weights (tiles, P), and what networks with such weights compute.

    shapes: the shape of every named weight of one network, in the order of the flat weights.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        parameters = run.network.named_parameters()
        self.shapes = {name: parameter.shape[1:] for name, parameter in parameters}

    def views(self, flat: Tensor) -> NamedWeights:
        """Return flat weights (tiles, P) by name, (tiles, ...) each, without copies."""
        parts = flat.split([shape.numel() for shape in self.shapes.values()], dim=1)
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.unflatten(1, shape) for (name, shape), part in named}

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """Return the flat weights (count, P) of new networks."""
        chosen = self.run.model.architecture
        problem = self.run.model.formulation.problem(self.run.model.spec)
        network = build_network(
            required("the network", chosen.network),
            replace(problem, groups=count),
            required("hidden_features", chosen.hidden_features),
            required("hidden_layers", chosen.hidden_layers),
            int(torch.randint(DRAWN_SEEDS, (), generator=generator)),
            chosen.options,
        )
        return flattened(list(network.parameters())).to(self.run.device)

    def outputs(self, flat: Tensor, pick: Tensor) -> Tensor:
        """Return the outputs (tiles, samples, out) for the samples with these numbers."""
        coordinates = self.run.coordinates[:, pick].to(flat.dtype)
        return functional_call(self.run.network, self.views(flat), (coordinates,))

    @torch.no_grad()
    def decide(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes (tiles, S, out) of all samples, and each tile's smallest margin."""
        rule = self.run.model.loss
        bits = self.run.digit_bits
        codes = []
        margins = []
        samples = torch.arange(self.run.coordinates.shape[1], device=self.run.device)
        for part in samples.split(max(1, DECIDED_AT_ONCE // len(flat))):
            outputs = self.outputs(flat, part)
            codes.append(rule.codes(outputs, bits).to(self.run.codes.dtype))
            margins.append(rule.margins(outputs, bits).amin((1, 2)))
        return torch.cat(codes, dim=1), torch.stack(margins).amin(0)

    @torch.no_grad()
    def first_codes(self, flat: Tensor) -> Tensor:
        """Return the codes (G, S, out) of networks that are not trained.

        It takes no more than FIRST_LOOK_SHARE of the seconds: what is not decided by then is wrong.
        """
        run = self.run
        codes = run.wrong_codes()
        samples = torch.arange(codes.shape[1], device=run.device)
        tiles_at_once = max(1, DECIDED_AT_ONCE // len(samples))
        last_second = FIRST_LOOK_SHARE * run.seconds_left()
        decided = 0
        for tiles in torch.arange(len(flat), device=run.device).split(tiles_at_once):
            for part in samples.split(DECIDED_AT_ONCE):
                if decided > 0 and run.seconds_of_this_run > last_second:
                    run.looked_at = decided / codes[..., 0].numel()
                    return codes
                outputs = self.outputs(flat[tiles], part)
                found = run.model.loss.codes(outputs, run.digit_bits)
                codes[tiles[:, None], part] = found.to(codes.dtype)
                decided += len(tiles) * len(part)
        return codes

    def are_right(self, flat: Tensor, truth: Tensor, margin: float) -> Tensor:
        """Return which tiles have every bit right, with the margin, and in float64 as well."""
        codes, margins = self.decide(flat)
        right = _rows_equal(codes, truth) & (margins >= margin)
        if right.any():
            precise, _ = self.decide(flat.double())
            right &= _rows_equal(precise, truth)
        return right


class BestTiles:
    """For every tile the weights with the fewest wrong bits so far, and what they decide.

    weights: (G, P). codes: (G, S, out). wrong_bits: (G,). num_released: tiles that are right.
    """

    def __init__(self, run: Run, networks: TileNetworks) -> None:
        self.networks = networks
        self.truth = run.codes
        self.weights = flattened(list(run.network.parameters()))
        self.codes = networks.first_codes(self.weights)
        self.wrong_bits = count_wrong_bits(self.codes, self.truth)
        self.num_released = 0

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.weights)

    def release(self, tiles: Tensor, weights: Tensor) -> None:
        """Take weights that decide every bit of these tiles right."""
        self.weights[tiles] = weights
        self.codes[tiles] = self.truth[tiles]
        self.wrong_bits[tiles] = 0
        self.num_released += len(tiles)

    def offer(self, tiles: Tensor, weights: Tensor) -> None:
        """Take the weights of those tiles that have fewer wrong bits with them than ever."""
        codes, _ = self.networks.decide(weights)
        wrong_bits = count_wrong_bits(codes, self.truth[tiles])
        better = wrong_bits < self.wrong_bits[tiles]
        self.weights[tiles[better]] = weights[better]
        self.codes[tiles[better]] = codes[better]
        self.wrong_bits[tiles[better]] = wrong_bits[better]

    def observe(self, run: Run, loss: float) -> Entry:
        """Add an entry to the history of `run` for the weights that would be saved now."""
        return run.observe(loss, self.codes.cpu().numpy(), self.named)

    def named(self) -> NamedWeights:
        """Return the weights by name, (G, ...) each, without copies."""
        return self.networks.views(self.weights)


def flattened(parameters: Sequence[Tensor]) -> Tensor:
    """Return weights (G, ...) side by side, (G, P)."""
    return torch.cat([parameter.detach().flatten(1) for parameter in parameters], dim=1)


def count_wrong_bits(codes: Tensor, truth: Tensor) -> Tensor:
    """Return the wrong bits of every tile, (tiles,) int64.

    Codes of more than one bit count each of their bits.
    """
    wrong = codes ^ truth
    total = torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    while bool(wrong.any()):
        total += (wrong & 1).sum((1, 2))
        wrong = wrong >> 1
    return total


def _rows_equal(codes: Tensor, truth: Tensor) -> Tensor:
    return (codes == truth).all(2).all(1)
