"""What all trainings share: the schedule of the learning rate, layers from a seed, and reports."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

WARM_UP = 200  # iterations
LONGEST_WARM_UP = 1 / 5  # of all iterations
REPORT_INTERVAL = 1000  # iterations

# Gets the iteration, and the mean code length since the last report in bits per sample.
Report = Callable[[int, float], None]


class Reporter:
    """Passes the mean loss of every 1000 iterations on to a `Report`, where there is one."""

    def __init__(self, report: Report | None) -> None:
        self.report = report
        self.recent: list[float] = []
        self.iteration = 0

    def add(self, loss: float) -> None:
        """Take the loss of one more iteration."""
        self.iteration += 1
        self.recent.append(loss)
        if len(self.recent) == REPORT_INTERVAL:
            if self.report is not None:
                self.report(self.iteration, float(np.mean(self.recent)))
            self.recent.clear()


def schedule(iteration: int, iterations: int) -> float:
    """What the learning rate is multiplied by: a linear warm-up, times half a cosine down to 0."""
    warm_up = min(WARM_UP, iterations * LONGEST_WARM_UP)
    cosine = (1 + math.cos(math.pi * iteration / iterations)) / 2
    return min(1.0, (iteration + 1) / warm_up) * cosine


def seeded_linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """An `nn.Linear` with its usual initialisation, drawn from `generator`.

    Weights and biases are uniform between +-1 / sqrt(inputs). `nn.Linear` itself would draw from
    torch's global generator, which belongs to the caller.
    """
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")  # draws nothing
    bound = 1 / math.sqrt(inputs) if inputs else 0.0
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def array(tensor: Tensor) -> np.ndarray:
    """A tensor as float64, without its gradient."""
    return tensor.detach().double().numpy()


def layer_arrays(layer: nn.Linear) -> tuple[np.ndarray, np.ndarray]:
    """Weights (out, in) and biases (out,) of a layer as float64."""
    return array(layer.weight), array(layer.bias)
