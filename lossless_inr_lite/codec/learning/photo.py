"""Training of the networks of `PhotoPrior`, by the code length of the samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from lossless_inr_lite.codec import photo_prior
from lossless_inr_lite.codec.integer_network import INPUT_BITS, Layer, rounded_layers
from lossless_inr_lite.codec.learning.common import (
    Report,
    Reporter,
    layer_arrays,
    schedule,
    seeded_linear,
)
from lossless_inr_lite.codec.photo_prior import (
    BEFORE,
    COMPONENTS,
    OWN,
    PAD,
    UNIFORM_BITS,
    channel_order,
)
from lossless_inr_lite.codec.wavefront import Offsets

FAR = 1e6  # stands for the ends of the range of values, where a distribution function is 0 or 1
LARGEST_LOG_SCALE = 7.9  # just inside of the table of exponentials, which ends at 8
LARGEST_GRADIENT = 1.0  # norm
# Logarithms of the scales that the components start with, in units of the view.
FIRST_LOG_SCALES = (-1.5, -0.7, 0.3)


@dataclass(frozen=True)
class Samples:
    """M samples of pictures and what a network sees of them.

    inputs: (M, inputs) int16, units of 2^-8.
    ends: (M, 2) float32, the value - 1/2 and + 1/2, relative to the centre of the sample's view and
        in its unit.
    floor: (M,) float32, the probability that the uniform part gives to the value.
    """

    inputs: np.ndarray
    ends: np.ndarray
    floor: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: np.ndarray) -> "Samples":
        """The samples with the numbers `chosen` (N,)."""
        return Samples(self.inputs[chosen], self.ends[chosen], self.floor[chosen])

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs as floats, ends and floor, for a network and `code_length`."""
        inputs = torch.from_numpy(self.inputs.astype(np.float32) / 2**INPUT_BITS)
        return inputs, torch.from_numpy(self.ends), torch.from_numpy(self.floor)


def samples_of(picture: np.ndarray, num_bits: int, number: int) -> Samples:
    """What the network `number` (0, 1, 2) sees of a picture (H, W, C).

    The border of PAD pixels is left out.
    """
    order = channel_order(picture.shape[2])
    planes = [picture[..., channel].astype(np.int64) for channel in order]
    before = [_gathered(plane, BEFORE) for plane in planes[:number]]
    view = photo_prior.view(_gathered(planes[number], OWN), before)
    values = _gathered(planes[number], [(0, 0)])[:, 0]
    # Centre and unit are both taken twice in a view.
    distances = 2 * values[:, None] + [-1, 1] - view.centre[:, None]
    ends = distances * view.terms / view.unit[:, None]
    ends[values == 0, 0] = -FAR
    ends[values == 2**num_bits - 1, 1] = FAR
    floor = np.full(len(values), 2.0 ** -(num_bits + UNIFORM_BITS), dtype=np.float32)
    return Samples(view.inputs.astype(np.int16), ends.astype(np.float32), floor)


def joined(parts: Sequence[Samples]) -> Samples:
    """The samples of several pictures, one behind the other."""
    return Samples(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.floor for part in parts]),
    )


def code_length(outputs: Tensor, ends: Tensor, floor: Tensor) -> Tensor:
    """Bits (M,) of samples under the mixtures that a network answered, (M, 3 COMPONENTS)."""
    logits, means, log_scales = outputs.split(COMPONENTS, dim=1)

    def argument(end: Tensor) -> Tensor:
        # Of the logistic function. The exponential is taken anew for each end: to share it would
        # add up the gradients in another order, and the shipped priors could not be made again.
        return (end - means) * torch.exp(-log_scales.clamp(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE))

    low = argument(ends[:, :1])
    high = argument(ends[:, 1:])
    # Both tails are measured from below, where floats are fine.
    side = 1.0 - 2.0 * (low + high > 0).float()
    mass = (torch.sigmoid(low * side) - torch.sigmoid(high * side)).abs()
    return -torch.log2((torch.softmax(logits, dim=1) * mass).sum(dim=1) + floor)


def fresh_network(
    inputs: int, hidden: tuple[int, int], generator: torch.Generator
) -> nn.Sequential:
    """A network that starts as three centred logistics of different widths."""
    widths = [inputs, *hidden, 3 * COMPONENTS]
    linear = [seeded_linear(*pair, generator) for pair in pairwise(widths)]
    last = linear[-1]
    with torch.no_grad():
        last.weight *= 0.1
        last.bias.copy_(torch.tensor([0.0] * (2 * COMPONENTS) + list(FIRST_LOG_SCALES)))
    parts: list[nn.Module] = []
    for layer in linear[:-1]:
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts, last)


def learn_network(
    samples: Samples,
    hidden: tuple[int, int],
    iterations: int,
    seed: int = 0,
    learning_rate: float = 3e-3,
    batch: int = 4096,
    report: Report | None = None,
) -> list[Layer]:
    """One network in integers, trained on samples; `hidden` are the widths of its hidden layers.

    `report` gets the iteration and bits per sample.
    """
    generator = np.random.default_rng(seed)
    net = fresh_network(samples.inputs.shape[1], hidden, torch.Generator().manual_seed(seed))
    optimiser = torch.optim.Adam(net.parameters(), lr=learning_rate)
    reporter = Reporter(report)
    for iteration in range(iterations):
        optimiser.param_groups[0]["lr"] = learning_rate * schedule(iteration, iterations)
        inputs, ends, floor = samples[generator.integers(0, len(samples), batch)].tensors()
        loss = code_length(net(inputs), ends, floor).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        reporter.add(loss.item())
    return rounded_layers([layer_arrays(part) for part in net if isinstance(part, nn.Linear)])


def _gathered(plane: np.ndarray, offsets: Offsets) -> np.ndarray:
    """Values around all pixels of a plane (H, W) but the border's -> (M, offsets)."""
    height, width = plane.shape
    inner = []
    for row, column in offsets:
        bottom = height - PAD + row
        right = width - PAD + column
        inner.append(plane[PAD + row : bottom, PAD + column : right])
    return np.stack(inner, axis=-1).reshape(-1, len(offsets))
