"""Level 2: what is added to the biases of a shipped prior for the pictures of one file, sent in the file.

Only biases are adapted, in steps of 2^-6, as bytes, deflated. The encoder learns them by the code length itself and
keeps them only if the file becomes smaller.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior, coordinate_inputs
from lossless_inr_lite.codec.integer_network import (
    ACTIVATION_BITS,
    INPUT_BITS,
    Layer,
    shifted_biases,
)
from lossless_inr_lite.codec.learning import bits_and_prefixes, contexts, schedule
from lossless_inr_lite.codec.photo_learning import code_length, joined, samples_of
from lossless_inr_lite.codec.photo_prior import PAD, PhotoPrior
from lossless_inr_lite.codec.tables import LOGIT_BITS
from lossless_inr_lite.errors import FileFormatError

STEP_BITS = 6  # a step is 2^-6
BATCH = 4096
LEARNING_RATE = 0.02
Batch = Callable[[np.random.Generator], Tensor]  # the mean code length of random samples


def layers_of(prior: CoordinatePrior | PhotoPrior) -> list[Layer]:
    """All layers whose biases are adapted."""
    if isinstance(prior, CoordinatePrior):
        return prior.layers
    return [layer for network in prior.networks for layer in network]


def adaptable(prior: CoordinatePrior | PhotoPrior, shape: tuple[int, ...]) -> bool:
    """Whether pictures of this shape are large enough to learn from: the border of a photograph is left out."""
    return isinstance(prior, CoordinatePrior) or min(shape[:2]) > 2 * PAD


def adapted(prior: CoordinatePrior | PhotoPrior, side: bytes) -> CoordinatePrior | PhotoPrior:
    """The prior with the deltas of a file added; raises FileFormatError when they are not as many as its biases."""
    layers = layers_of(prior)
    sizes = [len(layer.bias) for layer in layers]
    try:
        data = zlib.decompressobj().decompress(side, sum(sizes) + 1)
    except zlib.error as error:
        raise FileFormatError("the container's adaptation cannot be inflated") from error
    if len(data) != sum(sizes):
        raise FileFormatError(
            f"the container adapts {len(data)} biases, and the prior has {sum(sizes)}"
        )
    deltas = np.split(np.frombuffer(data, np.int8).astype(np.float64), np.cumsum(sizes)[:-1])
    return prior.with_layers(
        [shifted_biases(layer, d, STEP_BITS) for layer, d in zip(layers, deltas, strict=True)]
    )


def learn_side(
    prior: CoordinatePrior | PhotoPrior,
    words: np.ndarray,
    num_bits: int,
    iterations: int = 200,
    seed: int = 0,
) -> bytes:
    """What to add for pictures (N, H, W, C), deflated; the price of every delta is part of what is minimised."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    deltas = [nn.Parameter(torch.zeros(len(layer.bias))) for layer in layers_of(prior)]
    if isinstance(prior, CoordinatePrior):
        losses = _coordinate_loss(prior, words, deltas)
    else:
        losses = _photo_loss(prior, words, num_bits, deltas)
    optimiser = torch.optim.Adam(deltas, lr=LEARNING_RATE)
    for iteration in range(iterations):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * schedule(iteration, iterations)
        price = sum(torch.log2(1 + delta.abs() * 2**STEP_BITS).sum() for delta in deltas)
        loss = losses(generator) + 2 * price / words.size
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    steps = torch.cat([delta.detach() for delta in deltas]) * 2**STEP_BITS
    return zlib.compress(np.clip(np.rint(steps.numpy()), -127, 127).astype(np.int8).tobytes(), 9)


def _coordinate_loss(prior: CoordinatePrior, words: np.ndarray, deltas: Sequence[Tensor]) -> Batch:
    pictures = words[..., 0].astype(np.uint8)
    near, values = contexts(pictures, prior.offsets), pictures.ravel()
    _, height, width = pictures.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    places = coordinate_inputs(rows, columns, height, width, prior.waves)
    unit = prior.last_shift + LOGIT_BITS
    floats = (
        prior.prefixes / 2**ACTIVATION_BITS,
        prior.biases / 2**unit,
        prior.last / 2 ** (unit - ACTIVATION_BITS),
    )
    table, biases, last = (torch.from_numpy(t).float() for t in floats)
    layers = _float_layers(prior.layers)

    def losses(generator: np.random.Generator) -> Tensor:
        chosen = generator.integers(0, len(values), BATCH)
        inputs = (
            np.concatenate([near[chosen], places[chosen % len(places)]], axis=1).astype(np.float32)
            / 2**INPUT_BITS
        )
        prefixes, bits = bits_and_prefixes(values[chosen])
        hidden = _run(torch.from_numpy(inputs), layers, deltas)
        logits = (functional.relu(hidden[:, None] + table[prefixes]) * last).sum(dim=-1) + biases[
            prefixes
        ]
        return (
            functional.binary_cross_entropy_with_logits(logits, bits, reduction="sum")
            / np.log(2)
            / BATCH
        )

    return losses


def _photo_loss(
    prior: PhotoPrior, words: np.ndarray, num_bits: int, deltas: Sequence[Tensor]
) -> Batch:
    """Channels are drawn in turn; only networks that are used are adapted."""
    used = min(words.shape[3], 3)
    data = [
        joined([samples_of(picture, num_bits, number) for picture in words])
        for number in range(used)
    ]
    layers = [_float_layers(network) for network in prior.networks]
    starts = np.cumsum([0, *(len(network) for network in prior.networks)])

    def losses(generator: np.random.Generator) -> Tensor:
        total = torch.zeros(())
        for number, samples in enumerate(data):
            inputs, ends, floor = samples.batch(generator.integers(0, len(samples.inputs), BATCH))
            outputs = _run(inputs, layers[number], deltas[starts[number] : starts[number + 1]])
            total = total + code_length(outputs, ends, floor).mean()
        return total / used

    return losses


def _run(inputs: Tensor, layers: list[tuple[Tensor, Tensor]], deltas: Sequence[Tensor]) -> Tensor:
    for number, ((weight, bias), delta) in enumerate(zip(layers, deltas, strict=True)):
        inputs = inputs @ weight.T + bias + delta
        if number < len(layers) - 1:
            inputs = functional.relu(inputs)
    return inputs


def _float_layers(layers: list[Layer]) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases in floats: the scale of a layer follows from its shift and the units around it."""
    found = []
    for number, layer in enumerate(layers):
        unit = layer.shift + ACTIVATION_BITS
        scale = unit - (INPUT_BITS if number == 0 else ACTIVATION_BITS)
        weight, bias = (
            torch.from_numpy(whole).float()
            for whole in (layer.weight / 2**scale, layer.bias / 2**unit)
        )
        found.append((weight, bias))
    return found
