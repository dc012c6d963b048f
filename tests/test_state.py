"""A fit of the whole signal that was stopped goes on bit for bit from what lies on the disk."""

import json
import os
import shutil
import signal as signals
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import lossless_inr_lite as lil
from lossless_inr_lite.training import state as state_module
from lossless_inr_lite.training.fit import forget_parts
from lossless_inr_lite.training.parts import CHECKSUM, MARK, STATE_NAME, sealed

SMALL = {"hidden_features": 16, "hidden_layers": 2, "certify": False, "progress": False}


def noise(seed=0):
    samples = np.random.default_rng(seed).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    return lil.Signal(samples, 8, "noise")


def weights_of(fit):
    return {name: tensor.clone() for name, tensor in fit.model.network.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def stopped_after(count):
    """A callback that ends a fit at its `count`-th evaluation."""
    seen = []

    def callback(entry, words):
        seen.append(entry)
        return len(seen) == count

    return callback


@pytest.mark.parametrize(("recipe", "planned"), [("paper", 30), ("ternary", 60)])
def test_a_stopped_fit_goes_on_bit_for_bit(tmp_path, recipe, planned):
    undisturbed = lil.fit(noise(), recipe=recipe, max_iterations=planned, **SMALL)
    arguments = {"recipe": recipe, "max_iterations": planned, "resume_dir": tmp_path / "parts"}
    for stop in (3, 2):
        early = lil.fit(noise(), callback=stopped_after(stop), **arguments, **SMALL)
        assert early.stopped == "callback"
    assert early.history.last.iteration < planned
    finished = lil.fit(noise(), **arguments, **SMALL)
    assert finished.stopped == undisturbed.stopped == "max_iterations"
    assert same(weights_of(finished), weights_of(undisturbed))
    for name in ("iteration", "samples_seen", "flops", "loss", "wrong_bits", "psnr"):
        ours = finished.history.column(name)
        assert np.array_equal(ours, undisturbed.history.column(name)), name


def test_a_larger_budget_goes_on_from_the_end_of_a_smaller_one(tmp_path):
    undisturbed = lil.fit(noise(), recipe="paper", max_iterations=20, **SMALL)
    parts = tmp_path / "parts"
    lil.fit(noise(), recipe="paper", max_iterations=8, resume_dir=parts, **SMALL)
    longer = lil.fit(noise(), recipe="paper", max_iterations=20, resume_dir=parts, **SMALL)
    assert same(weights_of(longer), weights_of(undisturbed))
    assert list(longer.history.column("iteration")) == list(range(21))


OTHERS = {
    "seed": {"seed": 1},
    "width": {"hidden_features": 17},
    "chunk": {"chunk_samples": 100},
    "recipe": {"recipe": "ternary"},
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_state_of_another_fit_is_not_used(tmp_path, other):
    parts = tmp_path / "parts"
    lil.fit(noise(), recipe="paper", max_iterations=8, resume_dir=parts, **SMALL)
    changed = {"recipe": "paper", "max_iterations": 4, **SMALL, **OTHERS[other]}
    fresh = lil.fit(noise(), **changed)
    beside = lil.fit(noise(), resume_dir=parts, **changed)
    assert beside.history.last.iteration == 4
    assert same(weights_of(beside), weights_of(fresh))


def test_the_state_of_another_picture_is_not_used(tmp_path):
    parts = tmp_path / "parts"
    lil.fit(noise(), recipe="paper", max_iterations=8, resume_dir=parts, **SMALL)
    beside = lil.fit(noise(1), recipe="paper", max_iterations=4, resume_dir=parts, **SMALL)
    assert beside.history.last.iteration == 4


def damaged(data: bytes) -> dict[str, bytes]:
    """Files that are no whole state, by what is wrong with them."""
    flipped = bytearray(data)
    flipped[-5] ^= 1
    tensors = safetensors.torch.load(data)
    with_less = dict(tensors)
    with_less.pop("weight/layers.0.bias")
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    described = json.loads(metadata[MARK])
    other_costs = {**described, "costs": {**described["costs"], "iterations": 900}}
    del described[CHECKSUM]
    return {
        "a flipped bit": bytes(flipped),
        "a cut": data[: len(data) // 2],
        "nothing": b"",
        "another format": b"\x89PNG" * 100,
        "no mark": safetensors.torch.save(tensors, {}),
        "a missing tensor": sealed(with_less, described),
        "other costs": safetensors.torch.save(tensors, {MARK: json.dumps(other_costs)}),
    }


def test_a_damaged_state_is_not_used(tmp_path):
    parts = tmp_path / "parts"
    lil.fit(noise(), recipe="paper", max_iterations=8, resume_dir=parts, **SMALL)
    fresh = lil.fit(noise(), recipe="paper", max_iterations=3, **SMALL)
    for what, data in damaged((parts / STATE_NAME).read_bytes()).items():
        (parts / STATE_NAME).write_bytes(data)
        again = lil.fit(noise(), recipe="paper", max_iterations=3, resume_dir=parts, **SMALL)
        assert again.history.last.iteration == 3, what
        assert same(weights_of(again), weights_of(fresh)), what


def test_a_state_is_forgotten_and_what_is_not_ours_stays(tmp_path):
    parts = tmp_path / "parts"
    lil.fit(noise(), recipe="paper", max_iterations=2, resume_dir=parts, **SMALL)
    assert [path.name for path in parts.iterdir()] == [STATE_NAME]
    forget_parts(parts)
    assert not parts.exists()
    parts.mkdir()
    shutil.copy(
        lil.save(lil.fit(noise(), max_iterations=2, **SMALL), tmp_path / "x.safetensors"),
        parts / STATE_NAME,
    )
    forget_parts(parts)
    assert (parts / STATE_NAME).exists()


KILLED = """
import sys
import numpy as np, torch
import lossless_inr_lite as lil
from lossless_inr_lite.training import state
torch.set_num_threads(1)
state.WRITE_EVERY = 0.0
state.WRITING_SHARE = 1e9
samples = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
fit = lil.fit(lil.Signal(samples, 8, "noise"), recipe="paper", max_iterations=10**9,
              hidden_features=16, hidden_layers=2, certify=False, progress=False,
              resume_dir=sys.argv[1],
              callback=lambda entry, words: print(entry.iteration, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_kill_at_any_moment_leaves_a_whole_state(tmp_path):
    """The state is written at every step here, so that some kill falls into a writing."""
    parts = tmp_path / "parts"
    reached = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(parts)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = int(process.stdout.readline())
        assert first >= max(0, reached - 1)  # it went on from where the last one was killed
        for _ in range(20):
            reached = int(process.stdout.readline())
        os.kill(process.pid, signals.SIGKILL)
        process.communicate()
    torch.set_num_threads(1)
    seen = []
    lil.fit(
        noise(),
        recipe="paper",
        resume_dir=parts,
        callback=lambda entry, words: seen.append(entry.iteration) or True,
        max_iterations=10**9,
        **SMALL,
    )
    assert seen[0] >= reached - 1
    undisturbed = lil.fit(noise(), recipe="paper", max_iterations=seen[0], **SMALL)
    data = (parts / STATE_NAME).read_bytes()
    kept = safetensors.torch.load(data)
    for name, tensor in undisturbed.model.network.state_dict().items():
        assert kept[f"weight/{name}"].shape == tensor.shape
    losses = undisturbed.history.column("loss")
    assert np.array_equal(kept["history/loss"].numpy(), losses[:-1])


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    """After a slow writing the next one waits so long that the share holds."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(
        safetensors.torch, "save", lambda *_: now.__setitem__(0, now[0] + 5.0) or b""
    )
    written = []

    class Probe(state_module.StateFile):
        def write(self, *arguments):
            super().write(*arguments)
            written.append(self.next_writing - now[0])

    monkeypatch.setattr("lossless_inr_lite.training.full_batch.StateFile", Probe)
    lil.fit(noise(), recipe="paper", max_iterations=2, resume_dir=tmp_path, **SMALL)
    assert written == [pytest.approx(5.0 / state_module.WRITING_SHARE)]
