"""Nothing of a training step stays on the CPU when the fit runs elsewhere.

There is no GPU where these tests run. torch's meta device stands in for it, which computes shapes
only. An operation between a tensor there and one on the CPU is an error on CUDA. The meta device
finds only some of them (not those of `baddbmm`), so a watcher looks at every operation. A single
number on the CPU may be used anywhere, on CUDA too. What needs values, such as the decision to
stop, is tested on the CPU.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.formulations import FORMULATIONS, get_formulation
from lossless_inr_lite.losses import LOSSES
from lossless_inr_lite.model import build_model
from lossless_inr_lite.networks import NETWORK_NAMES
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.freezing import (
    IterativeFreezing,
    _Freezing,
    _Schedule,
    coarse_layers,
)
from lossless_inr_lite.training.full_batch import accumulated_gradient
from lossless_inr_lite.training.quantisation import _coarse_network
from lossless_inr_lite.training.recipes import ternary_size
from lossless_inr_lite.training.run import Plan, Run
from lossless_inr_lite.training.tile_batch import TileBatch
from lossless_inr_lite.training.tile_networks import (
    BestTiles,
    TileNetworks,
    flattened,
)

SAMPLES = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
PICTURE = lil.Signal(SAMPLES, 8, "noise")
SOUND = lil.Signal(
    np.random.default_rng(1).integers(-128, 128, (70, 2)).astype(np.int16),
    16,
    "hiss",
    8000,
    "PCM_16",
)
META = torch.device("meta")


class SameDevice(TorchDispatchMode):
    """Raises RuntimeError when an operation mixes tensors of two devices."""

    MAY_MIX = ("aten::_to_copy", "aten::copy_")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        leaves, _ = tree_flatten((args, kwargs or {}))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.ndim > 0]
        devices = {tensor.device for tensor in tensors}
        if len(devices) > 1 and func.name().split(".")[0] not in self.MAY_MIX:
            raise RuntimeError(f"{func.name()} mixes {', '.join(map(str, devices))}")
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def watched():
    with SameDevice():
        yield


def architecture(formulation="bit_coordinate", network="siren", loss="bce", tile=None):
    options = {}
    width = 16
    if network == "ternary":
        spec = PICTURE.spec
        _, options = ternary_size(get_formulation(formulation, tile), spec, 2, 0.33)
    return Architecture(
        formulation=formulation,
        network=network,
        hidden_features=width,
        hidden_layers=2,
        loss=loss,
        tile=tile,
        options=options,
    )


def elsewhere(chosen: Architecture, signal: lil.Signal = PICTURE, seed: int = 0) -> Run:
    """A run whose tensors all lie on the meta device."""
    plan = Plan("paper", seed, Budget(10), "meta", chunk=50)
    return Run(signal, build_model(chosen, signal.spec, seed), plan)


def all_meta(tensors) -> bool:
    return all(tensor.device == META for tensor in tensors)


def update(run: Run) -> None:
    """One step of Adam on the accumulated gradient."""
    optimiser = torch.optim.Adam(run.network.parameters(), lr=1e-3)
    loss, codes = accumulated_gradient(run)
    assert all_meta([loss, codes])
    assert codes.shape == run.codes.shape
    parameters = list(run.network.parameters())
    assert all_meta(parameters)
    assert all_meta([parameter.grad for parameter in parameters if parameter.grad is not None])
    optimiser.step()


def decide(run: Run) -> None:
    """The decisions and margins of the loss, on the device."""
    with torch.no_grad():
        outputs = run.network(run.coordinates)
    assert all_meta([run.model.loss.codes(outputs, run.digit_bits)])
    assert all_meta([run.model.loss.margins(outputs, run.digit_bits)])


@pytest.mark.parametrize("network", NETWORK_NAMES)
@pytest.mark.parametrize("signal", [PICTURE, SOUND], ids=["picture", "sound"])
def test_every_network_trains_elsewhere(network, signal):
    run = elsewhere(architecture("bit_heads", network), signal)
    update(run)
    decide(run)


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("tile", [None, 4])
def test_every_formulation_trains_elsewhere(formulation, tile):
    loss = FORMULATIONS[formulation].default_loss
    run = elsewhere(architecture(formulation, loss=loss, tile=tile))
    update(run)
    decide(run)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("formulation", ["bit_heads", "digits_4"])
def test_every_loss_trains_elsewhere(loss, formulation):
    run = elsewhere(architecture(formulation, loss=loss))
    update(run)
    decide(run)


class Best(SimpleNamespace):
    """What a batch of tiles needs of `BestTiles`, which would decode the first weights."""


def tile_batch(run: Run) -> TileBatch:
    networks = TileNetworks(run)
    weights = flattened(list(run.network.parameters()))
    best = Best(networks=networks, weights=weights)
    tiles = torch.arange(len(run.codes), device=run.device)
    return TileBatch(Fast(), run, best, 0, tiles)  # type: ignore[arg-type]


@pytest.mark.parametrize("network", NETWORK_NAMES)
def test_a_batch_of_tiles_learns_elsewhere(network):
    run = elsewhere(architecture("bit_heads", network, tile=4))
    batch = tile_batch(run)
    pick = torch.arange(7, device=META)
    wrong, loss = batch.learn(pick)
    state = [*vars(batch.weights).values(), *vars(batch.adam).values(), wrong, loss]
    assert all_meta(state)
    assert all_meta([batch._missed_by_averages(pick)])
    progressed = batch._note_progress(wrong / 7, loss / 7)
    batch._lower_rates(progressed)
    assert all_meta([batch._not_learning(), batch._collapsed(loss)])
    assert all_meta([batch.networks.drawn(2, batch.generator)])
    every = [*vars(batch.progress).values(), *vars(batch.rate).values(), *vars(batch.ages).values()]
    assert all_meta(every)


def test_tiles_are_decided_and_kept_elsewhere():
    run = elsewhere(architecture("bit_heads", tile=4))
    networks = TileNetworks(run)
    weights = flattened(list(run.network.parameters()))
    codes, margins = networks.decide(weights)
    assert all_meta([codes, margins])
    precise, _ = networks.decide(weights.double())
    assert all_meta([precise])
    best = BestTiles.__new__(BestTiles)
    best.networks = networks
    best.truth = run.codes
    best.weights = weights
    best.codes = codes
    best.wrong_bits = torch.zeros(len(codes), dtype=torch.int64, device=META)
    best.num_released = 0
    best.release(torch.arange(2, device=META), weights[:2])
    assert all_meta([best.weights, best.codes, best.wrong_bits])


@pytest.mark.parametrize("tile", [None, 4])
def test_weights_freeze_elsewhere(tile):
    run = elsewhere(architecture("bit_heads_gray", "ternary", tile=tile))
    freeze_once(run)


def freeze_once(run: Run) -> None:
    """One step with iterative freezing, without the question whether any weight is due."""
    numbers = IterativeFreezing()
    layers = coarse_layers(run.network)
    assert layers
    times = numbers.freeze_times(layers, run.plan.seed)
    assert all_meta(times)
    freezing = [_Freezing(layer, when) for layer, when in zip(layers, times, strict=True)]
    update(run)
    for layer in freezing:
        layer.remember()
        layer.freeze_due(0.5)
        layer.hold()
        assert all_meta([layer.usual_level, layer.is_frozen, layer.before_step])
    assert all_meta(_Schedule(numbers, freezing).remembered().values())


@pytest.mark.parametrize("network", ["siren", "relu_pe"])
def test_coarse_networks_train_elsewhere(network):
    fitted = lil.fit(
        PICTURE,
        architecture("bit_heads", network),
        max_iterations=1,
        certify=False,
        progress=False,
        recipe="paper",
    )
    model = replace(fitted.model, network=_coarse_network(fitted, 3))
    freeze_once(Run(PICTURE, model, Plan("coarse", 0, Budget(10), "meta", chunk=50)))


def test_a_tensor_left_on_the_cpu_is_found():
    """The tests above can fail."""
    run = elsewhere(architecture())
    run.coordinates = torch.zeros(run.coordinates.shape)
    with pytest.raises(RuntimeError, match="mixes"):
        update(run)
    run = elsewhere(architecture())
    run.codes = torch.zeros(run.codes.shape, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="mixes"):
        update(run)
