"""Level 2: learn what to add to the biases of a prior, by the code length of the pictures."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lossless_inr_lite.codec.adaptation import STEP_BITS, pack_steps
from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior
from lossless_inr_lite.codec.integer_network import ACTIVATION_BITS, INPUT_BITS, Layer
from lossless_inr_lite.codec.learning.common import schedule
from lossless_inr_lite.codec.learning.coordinate import (
    all_places,
    bits_and_prefixes,
    contexts,
    pixel_inputs,
)
from lossless_inr_lite.codec.learning.photo import code_length, joined, samples_of
from lossless_inr_lite.codec.photo_prior import NUM_NETWORKS, PhotoPrior
from lossless_inr_lite.codec.priors import Prior
from lossless_inr_lite.codec.tables import LOGIT_BITS

ITERATIONS = 200
BATCH = 4096  # pixels or samples
LEARNING_RATE = 0.02
BITS_PER_DOUBLING = 2  # price of a step that is twice as large

# The mean code length of random samples, in bits; the numbers of the samples are drawn from the
# generator.
CodeLength = Callable[[np.random.Generator], Tensor]
FloatLayer = tuple[Tensor, Tensor]  # weights (out, in) and biases (out,)


def learn_side(
    prior: Prior,
    words: np.ndarray,
    num_bits: int,
    iterations: int = ITERATIONS,
    seed: int = 0,
) -> bytes:
    """The packed steps that make pictures (N, H, W, C) smallest, see `adaptation.adapted`.

    The price of every step is part of what is minimised.
    """
    generator = np.random.default_rng(seed)
    deltas = [nn.Parameter(torch.zeros(len(layer.bias))) for layer in prior.all_layers()]
    if isinstance(prior, CoordinatePrior):
        code_length_of = _coordinate_code_length(prior, words, deltas)
    else:
        code_length_of = _photo_code_length(prior, words, num_bits, deltas)
    optimiser = torch.optim.Adam(deltas, lr=LEARNING_RATE)
    for iteration in range(iterations):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * schedule(iteration, iterations)
        price = sum(torch.log2(1 + delta.abs() * 2**STEP_BITS).sum() for delta in deltas)
        loss = code_length_of(generator) + BITS_PER_DOUBLING * price / words.size
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learnt = torch.cat([delta.detach() for delta in deltas])
    return pack_steps((learnt * 2**STEP_BITS).numpy())


def _coordinate_code_length(
    prior: CoordinatePrior, words: np.ndarray, deltas: Sequence[Tensor]
) -> CodeLength:
    """Bits per pixel of grey pictures (N, H, W, 1) with a prior whose biases are moved."""
    pictures = words[..., 0].astype(np.uint8)
    _, height, width = pictures.shape
    near = contexts(pictures, prior.offsets)
    values = pictures.ravel()
    places = all_places(height, width, prior.waves)
    sum_bits = prior.last_shift + LOGIT_BITS  # bits behind the point of a logit before its shift
    table = _float_tensor(prior.prefixes, ACTIVATION_BITS)
    biases = _float_tensor(prior.biases, sum_bits)
    last = _float_tensor(prior.last, sum_bits - ACTIVATION_BITS)
    layers = _float_layers(prior.layers)

    def mean_code_length(generator: np.random.Generator) -> Tensor:
        chosen = generator.integers(0, len(values), BATCH)
        inputs = pixel_inputs(near[chosen], places[chosen % len(places)])
        bits, prefixes = bits_and_prefixes(values[chosen])
        hidden = _run(inputs, layers, deltas)
        active = functional.relu(hidden[:, None] + table[prefixes])
        logits = (active * last).sum(dim=-1) + biases[prefixes]
        total = functional.binary_cross_entropy_with_logits(logits, bits, reduction="sum")
        return total / math.log(2) / BATCH

    return mean_code_length


def _photo_code_length(
    prior: PhotoPrior, words: np.ndarray, num_bits: int, deltas: Sequence[Tensor]
) -> CodeLength:
    """Bits per sample of pictures (N, H, W, C) with a prior whose biases are moved.

    Channels are drawn in turn; only the networks that are used are adapted.
    """
    num_used = min(words.shape[3], NUM_NETWORKS)
    samples_by_network = [
        joined([samples_of(picture, num_bits, number) for picture in words])
        for number in range(num_used)
    ]
    layers = [_float_layers(network) for network in prior.networks]
    starts = np.cumsum([0, *(len(network) for network in prior.networks)])

    def mean_code_length(generator: np.random.Generator) -> Tensor:
        total = torch.zeros(())
        for number, samples in enumerate(samples_by_network):
            chosen = samples[generator.integers(0, len(samples), BATCH)]
            inputs, ends, floor = chosen.tensors()
            own_deltas = deltas[starts[number] : starts[number + 1]]
            outputs = _run(inputs, layers[number], own_deltas)
            total = total + code_length(outputs, ends, floor).mean()
        return total / num_used

    return mean_code_length


def _run(inputs: Tensor, layers: Sequence[FloatLayer], deltas: Sequence[Tensor]) -> Tensor:
    """Inputs (N, in) -> outputs (N, out), with deltas (out,) added to the biases of each layer."""
    hidden = inputs
    for number, ((weight, bias), delta) in enumerate(zip(layers, deltas, strict=True)):
        hidden = hidden @ weight.T + bias + delta
        if number < len(layers) - 1:
            hidden = functional.relu(hidden)
    return hidden


def _float_layers(layers: Sequence[Layer]) -> list[FloatLayer]:
    """Weights and biases in floats.

    The scale of a layer follows from its shift and the units around it.
    """
    found: list[FloatLayer] = []
    input_bits = INPUT_BITS
    for layer in layers:
        sum_bits = layer.shift + ACTIVATION_BITS
        weight = _float_tensor(layer.weight, sum_bits - input_bits)
        found.append((weight, _float_tensor(layer.bias, sum_bits)))
        input_bits = ACTIVATION_BITS
    return found


def _float_tensor(integers: np.ndarray, bits: int) -> Tensor:
    """Integers with `bits` bits behind the point, in single precision."""
    return torch.from_numpy(integers / 2**bits).float()
