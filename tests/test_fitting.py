"""Fits end at zero wrong bits of the saved weights, and lose nothing when they do not get there."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

import lossless_inr_lite as lil
from lossless_inr_lite.losses import LOSSES, Loss
from lossless_inr_lite.training import RECIPE_NAMES, full_batch
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.recipes import RECIPES

SMALL = {"hidden_features": 24, "hidden_layers": 2, "recipe": "paper"}


def test_a_fit_is_certified_from_its_file_in_a_new_process(tmp_path, tiny, tiny_fit):
    path = lil.save(tiny_fit, tmp_path / "tiny.safetensors")
    assert tiny_fit.lossless
    assert np.array_equal(lil.decode(path).samples, tiny.samples)
    again = lil.certify(path, tiny)
    assert again.lossless
    assert again.sha256_samples == tiny.sha256
    assert {way["batch"] for way in again.ways} == {257, 4096, 65536}
    assert {(way["threads"], way["precision"]) for way in again.ways} == {
        (1, "float32"),
        (2, "float32"),
        (1, "float64"),
        (2, "float64"),
    }
    assert 0 < again.smallest_margin <= min(way["margin"] for way in again.ways)


def test_certify_refuses_another_signal(tmp_path, tiny, tiny_fit):
    path = lil.save(tiny_fit, tmp_path / "tiny.safetensors")
    changed = tiny.samples.copy()
    changed[0, 0, 0] ^= 1
    assert not lil.certify(path, lil.Signal(changed, 8)).lossless
    wider = lil.Signal(tiny.samples.astype(np.uint16), 16)
    assert not lil.certify(path, wider).lossless


@pytest.mark.parametrize("formulation", ["amplitude", "bit_coordinate", "bit_heads"])
@pytest.mark.parametrize("loss", ["bce", "sigmoid_bce", "mse"])
def test_every_formulation_learns_with_every_loss(tiny, formulation, loss):
    fit = lil.fit(
        tiny, formulation=formulation, loss=loss, max_iterations=400, certify=False, **SMALL
    )
    first = fit.history.entries[0]
    last = fit.history.entries[-1]
    assert last.loss < first.loss
    assert fit.entry.ber < first.ber - 0.05


def test_it_stops_at_the_first_iteration_without_wrong_bits(tiny_fit):
    wrong = tiny_fit.history.column("wrong_bits")
    assert wrong[-1] == 0
    assert tiny_fit.entry is tiny_fit.history.entries[-1]
    assert (wrong[:-1] > 0).sum() >= len(wrong) - 2  # float64 may have sent one more round


def test_the_history_counts_what_was_done(tiny, tiny_fit):
    entries = tiny_fit.history.entries
    assert [e.iteration for e in entries] == list(range(len(entries)))
    samples = tiny.samples.shape[0] * tiny.samples.shape[1] * tiny.num_bits
    assert [e.samples_seen for e in entries] == [i * samples for i in range(len(entries))]
    assert entries[-1].flops == entries[-1].samples_seen * 3 * 2 * (3 * 24 + 2 * 24 * 24 + 24 * 3)
    assert all(np.isclose(np.mean(e.ber_planes), e.ber) for e in entries)
    assert entries[-1].psnr is None


def test_chunks_change_nothing_but_the_memory(tiny):
    fits = [
        lil.fit(tiny, max_iterations=20, chunk_samples=chunk, certify=False, **SMALL)
        for chunk in (10_000, 17)
    ]
    whole, parts = (fit.model.network.state_dict() for fit in fits)
    for name in whole:
        assert torch.allclose(whole[name], parts[name], atol=1e-5)


def test_the_same_seed_gives_the_same_fit(tiny):
    one, two, other = (
        lil.fit(tiny, max_iterations=15, seed=s, certify=False, **SMALL) for s in (3, 3, 4)
    )
    assert [e.loss for e in one.history.entries] == [e.loss for e in two.history.entries]
    assert [e.loss for e in one.history.entries] != [e.loss for e in other.history.entries]


@pytest.mark.parametrize("budget", [{"max_iterations": 5}, {"max_seconds": 1e-9}])
def test_a_budget_keeps_the_best_weights(tmp_path, tiny, budget):
    fit = lil.fit(tiny, **budget, **SMALL)
    assert not fit.lossless
    assert fit.stopped == next(iter(budget))
    assert fit.entry.wrong_bits == fit.history.column("wrong_bits").min() > 0
    path = lil.save(fit, tmp_path / "f.safetensors")
    words = lil.read_model(path)[0].decode()[0]
    assert int(np.bitwise_count(words ^ tiny.words).sum()) == fit.entry.wrong_bits
    assert fit.certificate is not None
    assert fit.certificate.ways[0]["wrong_bits"] == fit.entry.wrong_bits


def test_ctrl_c_keeps_the_best_so_far(tiny):
    def interrupt(entry, words):
        if entry.iteration == 7:
            raise KeyboardInterrupt

    fit = lil.fit(tiny, callback=interrupt, certify=False, **SMALL)
    assert fit.stopped == "interrupted"
    assert fit.entry.wrong_bits == fit.history.column("wrong_bits").min()


def test_a_loss_that_is_not_finite_names_iteration_and_recipe_and_keeps_the_best(tiny, monkeypatch):
    calls = []
    healthy = LOSSES["mse"].function

    def poisoned(outputs, targets):
        calls.append(1)
        return healthy(outputs, targets) * (float("nan") if len(calls) > 5 else 1.0)

    monkeypatch.setitem(LOSSES, "mse", Loss("mse", poisoned))
    with pytest.raises(lil.DivergedError, match=r"recipe paper is nan at iteration 5") as error:
        lil.fit(tiny, loss="mse", certify=False, **SMALL)
    assert isinstance(error.value.best, lil.Fit)
    assert error.value.best.entry.iteration <= 4
    with pytest.raises(lil.DivergedError, match="recipe fast is nan at iteration"):
        lil.fit(tiny, loss="mse", certify=False)


def test_decisions_that_hang_on_rounding_are_not_taken_for_lossless(tiny, monkeypatch):
    """When float64 disagrees the fit goes on."""
    original = full_batch.confirmed
    refused = []

    def refuse_once(run):
        if not refused:
            refused.append(run.iteration)
            return False
        return original(run)

    monkeypatch.setattr(full_batch, "confirmed", refuse_once)
    fit = lil.fit(tiny, certify=False, seed=1, **SMALL)
    assert fit.stopped == "lossless"
    assert fit.entry.iteration > refused[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"formulation": "bits"},
            "unknown formulation 'bits': allowed are amplitude, bit_colour_coordinate, "
            "bit_coordinate",
        ),
        ({"network": "mlp"}, "unknown network 'mlp': allowed are diner, finer"),
        ({"recipe": "slow"}, "unknown recipe 'slow': allowed are fast, paper"),
        ({"loss": "l3"}, "unknown loss 'l3': allowed are"),
        ({"device": "tpu"}, "unknown device 'tpu': allowed are auto, cpu, cuda"),
        ({"seed": -1}, "seed is -1"),
        ({"hidden_features": 0}, "hidden_features is 0"),
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"max_seconds": -1.0}, "max_seconds is -1"),
        ({"chunk_samples": 0}, "chunk_samples is 0"),
        ({"tile": 0}, "tile is 0"),
        ({"tile": 5}, "tile is 5: allowed are 1 to 4"),
        (
            {"hidden_features": 400_000},
            "hidden_features is 400000: allowed are integers from 1 to 65536",
        ),
        ({"hidden_layers": 65}, "hidden_layers is 65: allowed are integers from 1 to 64"),
        ({"formulation": ""}, "unknown formulation ''"),
        ({"hidden_features": 65_536}, r"needs about [\d.]+ GiB and [\d.]+ GiB are free.*--size"),
    ],
)
def test_bad_arguments_are_errors_before_any_work(tiny, wrong, message):
    with pytest.raises(lil.InputError, match=message):
        lil.fit(tiny, **wrong)


def test_an_absent_gpu_is_an_error(tiny):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(lil.InputError, match="no usable GPU"):
        lil.fit(tiny, device="cuda")


def test_sound_and_floats_become_lossless_too(rng):
    sound = lil.Signal(rng.standard_normal((20, 2)).astype(np.float32), 32, "noise", 8000, "FLOAT")
    fit = lil.fit(
        sound, formulation="bit_heads", hidden_features=64, hidden_layers=1, recipe="paper"
    )
    assert fit.lossless
    assert fit.model.signal().samples.tobytes() == sound.samples.tobytes()


# One description, one budget ------------------------------------------------------------------


def test_an_architecture_and_its_fields_by_name_are_the_same(tiny):
    whole = lil.Architecture(hidden_features=24, hidden_layers=2, loss="mse")
    fits = [
        lil.fit(tiny, whole, "paper", Budget(max_iterations=4), certify=False),
        lil.fit(
            tiny,
            hidden_features=24,
            hidden_layers=2,
            loss="mse",
            recipe="paper",
            max_iterations=4,
            certify=False,
        ),
        lil.fit(
            tiny,
            lil.Architecture(hidden_features=24, loss="mse"),
            hidden_layers=2,
            recipe="paper",
            budget=Budget(max_seconds=1e9),
            max_iterations=4,
            certify=False,
        ),
    ]
    assert fits[0].model.architecture == fits[1].model.architecture == fits[2].model.architecture
    assert fits[0].model.architecture.formulation == "bit_coordinate"
    losses = [fit.history.column("loss").tolist() for fit in fits]
    assert losses[0] == losses[1] == losses[2]
    assert len(losses[0]) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 3}, "unknown argument of fit 'width': allowed are formulation, hidden_features"),
        (
            {"architecture": lil.Architecture(tile=2), "tile": 2},
            "tile is given twice, by itself and in the architecture",
        ),
        (
            {"budget": Budget(max_seconds=1), "max_seconds": 1},
            "max_seconds is given twice, by itself and in the budget",
        ),
        ({"architecture": "bit_heads"}, "architecture is 'bit_heads': an Architecture is needed"),
    ],
)
def test_what_is_given_twice_or_unknown_is_an_error(tiny, arguments, message):
    with pytest.raises(lil.InputError, match=message):
        lil.fit(tiny, **arguments)


@pytest.mark.parametrize("value", [0, -5, float("nan"), "x", True])
@pytest.mark.parametrize("name", ["max_iterations", "max_seconds"])
def test_a_budget_is_above_0(name, value):
    needed = {
        "max_iterations": "allowed are integers from 1",
        "max_seconds": "a number above 0 is needed",
    }
    with pytest.raises(lil.InputError, match=f"{name} is .*: {needed[name]}"):
        Budget(**{name: value})


def test_the_names_of_recipes_are_known_without_torch():
    assert tuple(RECIPES) == RECIPE_NAMES
    code = (
        "import sys; from lossless_inr_lite.training import RECIPE_NAMES, budget; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
def test_no_global_random_state_is_touched(tiny, recipe):
    torch.manual_seed(3)
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    lil.fit(tiny, recipe=recipe, hidden_features=16, max_iterations=12, certify=False)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


# Memory ---------------------------------------------------------------------------------------

GROWTH = r"""
import json, re, sys
from dataclasses import replace
import numpy as np, torch
import lossless_inr_lite as lil
from lossless_inr_lite.model import build_shape
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.recipes import get_recipe

def memory(name):
    return int(re.search(name + r":\s+(\d+) kB", open("/proc/self/status").read())[1]) * 1024

size, recipe, settings = json.loads(sys.argv[1])
recipe = get_recipe(recipe)
if recipe.name == "fast":  # whose peak comes when its mini-batches have grown to all samples
    recipe = replace(recipe, trainer=Fast(steps_per_epoch=1, batch=(2**20, 2**20)))
torch.set_num_threads(1)
small = {"hidden_features": 16, "max_iterations": 12, "certify": False, "progress": False}
lil.fit(lil.load_image("astronaut", size=4), recipe=recipe, **small)
samples = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
noise = lil.Signal(samples, 8, "noise")
before = memory("VmRSS")
fit = lil.fit(noise, recipe=recipe, certify=False, progress=False, **settings)
peak = memory("VmHWM")  # of this program: ru_maxrss would begin with that of the parent
shape = build_shape(fit.model.architecture, noise.spec)
estimate = recipe.trainer.memory(shape, default_chunk("cpu"))
print(estimate / (peak - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the process's memory is read from /proc")
@pytest.mark.parametrize(
    ("size", "recipe", "settings"),
    [
        (48, "paper", {"hidden_features": 256, "max_iterations": 2}),
        (64, "ternary", {"max_iterations": 2}),
        (128, "fast", {"max_iterations": 6}),
    ],
)
def test_the_memory_of_a_fit_is_known_before(size, recipe, settings):
    """In a process of its own, whose peak is that of this fit."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, json.dumps([size, recipe, settings])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0.8 <= float(done.stdout) <= 2.5
