"""Training of the networks of `PhotoPrior`: in floats, by the code length itself, and rounded at the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from lossless_inr_lite.codec import photo_prior
from lossless_inr_lite.codec.integer_network import ACTIVATION_BITS, INPUT_BITS, Layer
from lossless_inr_lite.codec.learning import schedule
from lossless_inr_lite.codec.photo_prior import (
    BEFORE,
    COMPONENTS,
    OWN,
    PAD,
    UNIFORM_BITS,
    channel_order,
)

FAR = 1e6  # stands for the ends of the range of values, where a distribution function is 0 or 1


@dataclass(frozen=True)
class Samples:
    """Inputs (M, inputs) int16, both ends (M, 2) of each sample's value in units of its view, and a uniform part."""

    inputs: np.ndarray
    ends: np.ndarray
    floor: np.ndarray

    def batch(self, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        inputs = torch.from_numpy(self.inputs[chosen].astype(np.float32) / 2**INPUT_BITS)
        return inputs, torch.from_numpy(self.ends[chosen]), torch.from_numpy(self.floor[chosen])


def samples_of(picture: np.ndarray, num_bits: int, number: int) -> Samples:
    """What the network `number` (0, 1, 2) sees of a picture (H, W, C), without its border of three pixels."""
    order = channel_order(picture.shape[2])
    planes = [picture[..., channel].astype(np.int64) for channel in order]
    before = [_gathered(plane, BEFORE) for plane in planes[:number]]
    view = photo_prior.view(_gathered(planes[number], OWN), before)
    values = _gathered(planes[number], [(0, 0)])[:, 0]
    ends = (2 * values[:, None] + [-1, 1] - view.centre[:, None]) * view.terms / view.unit[:, None]
    ends[values == 0, 0], ends[values == 2**num_bits - 1, 1] = -FAR, FAR
    floor = np.full(len(values), 2.0 ** -(num_bits + UNIFORM_BITS), dtype=np.float32)
    return Samples(view.inputs.astype(np.int16), ends.astype(np.float32), floor)


def joined(parts: Sequence[Samples]) -> Samples:
    inputs, ends, floor = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("inputs", "ends", "floor")
    )
    return Samples(inputs, ends, floor)


def code_length(outputs: Tensor, ends: Tensor, floor: Tensor) -> Tensor:
    """Bits (M,) of samples under the mixtures that a network answered, (M, 3 COMPONENTS)."""
    logits, means, scales = outputs.split(COMPONENTS, dim=1)
    low, high = ((ends[:, i : i + 1] - means) * torch.exp(-scales.clamp(-7.9, 7.9)) for i in (0, 1))
    side = (
        1.0 - 2.0 * (low + high > 0).float()
    )  # both tails are measured from below, where floats are fine
    mass = (torch.sigmoid(low * side) - torch.sigmoid(high * side)).abs()
    return -torch.log2((torch.softmax(logits, dim=1) * mass).sum(dim=1) + floor)


def fresh_network(inputs: int, hidden: tuple[int, int]) -> nn.Sequential:
    """Starts as three centred logistics of different widths."""
    widths = [inputs, *hidden, 3 * COMPONENTS]
    linear = [nn.Linear(*pair) for pair in pairwise(widths)]
    last = linear[-1]
    with torch.no_grad():
        last.weight *= 0.1
        last.bias.copy_(torch.tensor([0.0] * 6 + [-1.5, -0.7, 0.3]))
    return nn.Sequential(*(part for layer in linear[:-1] for part in (layer, nn.ReLU())), last)


def learn_network(
    samples: Samples,
    hidden: tuple[int, int],
    iterations: int,
    seed: int = 0,
    learning_rate: float = 3e-3,
    batch: int = 4096,
    report: Callable[[int, float], None] = lambda *_: None,
) -> list[Layer]:
    """One network in whole numbers, trained on samples; `report` gets the iteration and bits a sample."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    net = fresh_network(samples.inputs.shape[1], hidden)
    optimiser = torch.optim.Adam(net.parameters(), lr=learning_rate)
    recent: list[float] = []
    for iteration in range(iterations):
        optimiser.param_groups[0]["lr"] = learning_rate * schedule(iteration, iterations)
        inputs, ends, floor = samples.batch(generator.integers(0, len(samples.inputs), batch))
        loss = code_length(net(inputs), ends, floor).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        recent.append(loss.item())
        if iteration % 1000 == 999:
            report(iteration + 1, float(np.mean(recent[-1000:])))
    return rounded(net)


def rounded(net: nn.Sequential) -> list[Layer]:
    """The layers of a network in whole numbers."""
    found = [layer for layer in net if isinstance(layer, nn.Linear)]
    arrays = [
        (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
        for layer in found
    ]
    units = [INPUT_BITS, *[ACTIVATION_BITS] * len(arrays)]
    return [Layer.rounded(w, b, units[i], units[i + 1]) for i, (w, b) in enumerate(arrays)]


def _gathered(plane: np.ndarray, offsets: list[tuple[int, int]]) -> np.ndarray:
    """Values around all pixels (H, W) but the border's -> (M, offsets)."""
    height, width = plane.shape
    inner = [plane[PAD + r : height - PAD + r, PAD + c : width - PAD + c] for r, c in offsets]
    return np.stack(inner, axis=-1).reshape(-1, len(offsets))
