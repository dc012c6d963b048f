"""Tiles in batches: batches take turns, and those that are finished lie on disk for a later run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite.training import fast, parts, tile_batch
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.recipes import FAST
from lossless_inr_lite.training.tile_batch import TileBatch, batch_generator

SETTINGS = {"tile": 8, "hidden_features": 24, "hidden_layers": 1, "certify": False}


@pytest.fixture
def two_at_once(monkeypatch):
    monkeypatch.setattr(fast, "TILES_AT_ONCE", 2)


@pytest.fixture(scope="module")
def picture():
    """Eight tiles of 8 x 8."""
    samples = lil.load_image("astronaut", size=32).samples[:16, :, :1]
    return lil.Signal(np.ascontiguousarray(samples), 8, "eight tiles")


@pytest.fixture(scope="module")
def seven_and_a_stuck_one():
    """Seven smooth tiles and, as the fourth, 1,024 random bits, too many for 240 parameters."""
    rows, columns = np.mgrid[:16, :32]
    samples = (257 * ((rows + columns) // 4)).astype(np.uint16)[..., None]
    samples[:8, 24:] = np.random.default_rng(0).integers(0, 65536, (8, 8, 1))
    return lil.Signal(samples, 16, "seven and a stuck one")


def weights(fit):
    return {name: tensor.clone() for name, tensor in fit.model.network.state_dict().items()}


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


def wrong_bits_by_tile(fit, signal):
    formulation = fit.model.formulation
    wrong = np.bitwise_count(fit.model.decode()[0] ^ signal.words).reshape(-1)
    return wrong[formulation.positions(signal.spec)].sum(axis=1)


# Turns ----------------------------------------------------------------------------------------


def test_turns_do_not_change_what_a_batch_learns(monkeypatch, two_at_once, picture):
    """Batches that are set aside after every epoch end as those that are never set aside."""
    undisturbed = lil.fit(picture, **SETTINGS)
    assert undisturbed.stopped == "lossless"
    turns = []

    def is_over(self):
        turns.append(self.batch.number)
        return self.others > 0 and self.batch.epochs > self.first_epoch

    monkeypatch.setattr(fast._Turn, "is_over", is_over)
    interleaved = lil.fit(picture, **SETTINGS)
    assert turns[:8:2] == [0, 1, 2, 3]
    assert same(weights(undisturbed), weights(interleaved))
    assert undisturbed.entry.iteration == interleaved.entry.iteration


@pytest.mark.parametrize("max_iterations", [700, 1500])
def test_a_stuck_tile_does_not_keep_the_others_from_their_turn(
    monkeypatch, two_at_once, seven_and_a_stuck_one, max_iterations
):
    """It is set aside, comes back when all others are done, and trains until the budget ends."""
    turns = []
    original = fast._Training._give_turn

    def give_turn(self, batch, others):
        before = self.run.iteration
        why = original(self, batch, others)
        turns.append((batch.number, len(batch), self.run.iteration - before))
        return why

    monkeypatch.setattr(fast._Training, "_give_turn", give_turn)
    signal = seven_and_a_stuck_one
    fit = lil.fit(
        signal,
        tile=8,
        hidden_features=8,
        hidden_layers=1,
        max_iterations=max_iterations,
        certify=False,
    )
    assert fit.stopped == "max_iterations"
    wrong = wrong_bits_by_tile(fit, signal)
    assert wrong[3] > 0, "the test needs a tile that cannot be learned"
    assert np.delete(wrong, 3).tolist() == [0] * 7
    assert [(number, left) for number, left, _ in turns] == [(0, 0), (1, 1), (2, 0), (3, 0), (1, 1)]
    assert sum(iterations for _, _, iterations in turns) >= max_iterations


def test_a_batch_that_diverges_gives_way_to_the_others(monkeypatch, two_at_once, picture):
    original = TileBatch.learn

    def learn(self, pick):
        wrong, losses = original(self, pick)
        return wrong, losses * (float("nan") if self.number == 1 else 1.0)

    monkeypatch.setattr(TileBatch, "learn", learn)
    with pytest.raises(lil.DivergedError, match="recipe fast is nan") as error:
        lil.fit(picture, **SETTINGS)
    best = error.value.best
    assert isinstance(best, lil.Fit)
    wrong = wrong_bits_by_tile(best, picture)
    assert np.delete(wrong, [2, 3]).tolist() == [0] * 6


@given(st.integers(0, 2**63 - 1), st.integers(1, 1000))
def test_every_batch_has_random_numbers_of_its_own(seed, number):
    first = batch_generator(seed, 0)
    assert torch.equal(
        torch.rand(4, generator=first),
        torch.rand(4, generator=torch.Generator().manual_seed(seed)),
    )
    own = [torch.rand(4, generator=batch_generator(seed, number)) for _ in range(2)]
    other = torch.rand(4, generator=batch_generator(seed, number - 1))
    assert torch.equal(own[0], own[1])
    assert not torch.equal(own[0], other)


def test_the_default_limit_grows_with_the_batches(picture, monkeypatch):
    limits = []

    def train(self, run, bar):
        limits.append(run.plan.budget.max_iterations)
        run.observe(1.0, run.codes.numpy(), run.network.state_dict)
        return "lossless"

    monkeypatch.setattr(Fast, "train", train)
    lil.fit(picture, **SETTINGS)
    monkeypatch.setattr(fast, "TILES_AT_ONCE", 2)
    lil.fit(picture, **SETTINGS)
    lil.fit(picture, **SETTINGS, max_iterations=7)
    assert limits == [FAST.max_iterations, 4 * FAST.max_iterations, 7]


# Finished batches on disk ---------------------------------------------------------------------


class KilledError(Exception):
    pass


def killed_after(monkeypatch, count):
    """Let a fit die after so many batches are written, as by a signal that nobody catches."""
    original = parts.PartsFolder.write
    written = []

    def write(self, number, tiles, batch):
        original(self, number, tiles, batch)
        written.append(number)
        if len(written) == count:
            raise KilledError

    monkeypatch.setattr(parts.PartsFolder, "write", write)
    return written


@pytest.mark.parametrize("kind", ["picture", "sound"])
def test_a_killed_fit_goes_on_and_ends_as_an_undisturbed_one(
    tmp_path, monkeypatch, two_at_once, picture, kind
):
    signal = picture
    settings = dict(SETTINGS)
    if kind == "sound":
        wave = np.random.default_rng(0).normal(0, 900, 120).cumsum().astype(np.int16)
        signal = lil.Signal(wave[:, None], 16, "wave", 8000, "PCM_16")
        settings |= {"tile": 15, "hidden_features": 32, "hidden_layers": 2}
    undisturbed = lil.fit(signal, **settings)
    with monkeypatch.context() as patch:
        killed_after(patch, 2)
        with pytest.raises(KilledError):
            lil.fit(signal, **settings, resume_dir=tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["batch-00000.safetensors", "batch-00001.safetensors"]
    written = killed_after(monkeypatch, 99)
    resumed = lil.fit(signal, **settings, resume_dir=tmp_path)
    assert written == [2, 3]
    assert same(weights(undisturbed), weights(resumed))
    assert resumed.stopped == "lossless"
    assert resumed.entry.iteration == undisturbed.entry.iteration
    assert resumed.entry.samples_seen == undisturbed.entry.samples_seen
    assert resumed.entry.flops == undisturbed.entry.flops
    first = resumed.history.entries[0]
    assert 0 < first.iteration < resumed.entry.iteration
    assert first.wrong_bits < undisturbed.history.entries[0].wrong_bits
    spent = [cost(path)["seconds"] for path in sorted(tmp_path.iterdir())]
    assert resumed.entry.seconds > sum(spent)


def cost(path):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"][parts.MARK])["costs"]


def test_without_a_folder_nothing_is_written_and_the_weights_are_the_same(
    tmp_path, monkeypatch, two_at_once, picture
):
    monkeypatch.chdir(tmp_path)
    plain = lil.fit(picture, **SETTINGS)
    assert not list(tmp_path.iterdir())
    kept = lil.fit(picture, **SETTINGS, resume_dir=tmp_path / "deep" / "folder")
    assert same(weights(plain), weights(kept))
    assert len(list((tmp_path / "deep" / "folder").iterdir())) == 4


@pytest.fixture
def kept(tmp_path, two_at_once, picture):
    lil.fit(picture, **SETTINGS, resume_dir=tmp_path)
    return tmp_path


def other_signal(picture):
    samples = picture.samples.copy()
    samples[0, 0, 0] ^= 1
    return picture.with_samples(samples), {}


def other_depth(picture):
    """The same samples, and so the same hash, with other bits."""
    return lil.Signal(picture.samples >> 1, 7, "seven bits"), {}


@pytest.mark.parametrize(
    "change",
    [
        other_signal,
        other_depth,
        lambda picture: (picture, {"seed": 1}),
        lambda picture: (picture, {"hidden_features": 25}),
        lambda picture: (picture, {"options": {"omega_0": 29.0}}),
        lambda picture: (picture, {"recipe": replace(FAST, trainer=Fast(output_rate=0.09))}),
    ],
)
def test_batches_of_another_fit_are_not_taken(kept, picture, monkeypatch, change):
    signal, changed = change(picture)
    written = killed_after(monkeypatch, 99)
    settings = SETTINGS | changed
    fit = lil.fit(signal, **settings, resume_dir=kept)
    assert written == [0, 1, 2, 3]
    assert fit.entry.wrong_bits == 0
    monkeypatch.undo()
    monkeypatch.setattr(fast, "TILES_AT_ONCE", 2)
    assert same(weights(fit), weights(lil.fit(signal, **settings)))


def test_batches_of_another_version_are_not_taken(kept, picture, monkeypatch):
    monkeypatch.setattr(parts, "VERSION", parts.VERSION + 1)
    written = killed_after(monkeypatch, 99)
    lil.fit(picture, **SETTINGS, resume_dir=kept)
    assert written == [0, 1, 2, 3]


def change_weights(data):
    """Other weights under the old description."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    tensors = safetensors.torch.load(data)
    tensors["weights"][0, 0] += 1
    return safetensors.torch.save(tensors, metadata)


def change_costs(data):
    """The same weights, and more iterations than they took."""
    length = int.from_bytes(data[:8], "little")
    described = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][parts.MARK])
    described["costs"]["iterations"] += 800
    return safetensors.torch.save(safetensors.torch.load(data), {parts.MARK: json.dumps(described)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"damaged",
        lambda data: data[:-1],
        lambda data: data + bytes(10**6),
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"[" * (len(data) - 8),
        lambda data: data.replace(parts.MARK.encode(), b"x" * len(parts.MARK)),
        lambda data: data.replace(b"seconds", b"xeconds"),
        change_weights,
        change_costs,
    ],
)
def test_damaged_files_are_done_again(kept, picture, monkeypatch, damage):
    path = kept / "batch-00001.safetensors"
    intact = weights(lil.fit(picture, **SETTINGS, resume_dir=kept))
    path.write_bytes(damage(path.read_bytes()))
    written = killed_after(monkeypatch, 99)
    fit = lil.fit(picture, **SETTINGS, resume_dir=kept)
    assert written == [1]
    assert same(intact, weights(fit))


def test_a_batch_of_another_place_is_not_taken(kept, picture, monkeypatch):
    first = (kept / "batch-00000.safetensors").read_bytes()
    (kept / "batch-00001.safetensors").write_bytes(first)
    written = killed_after(monkeypatch, 99)
    assert lil.fit(picture, **SETTINGS, resume_dir=kept).entry.wrong_bits == 0
    assert written == [1]


def test_bad_places_are_errors_before_any_training(tmp_path, monkeypatch, two_at_once, picture):
    monkeypatch.setattr(tile_batch.TileBatch, "train_epoch", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(lil.InputError, match="cannot write into the folder"):
        lil.fit(picture, **SETTINGS, resume_dir=tmp_path / "file")
    (tmp_path / "batch-00003.safetensors").mkdir()
    with pytest.raises(lil.InputError, match=r"batch-00003.safetensors: it is a folder"):
        lil.fit(picture, **SETTINGS, resume_dir=tmp_path)


def test_only_our_own_files_are_forgotten(kept):
    mine = {
        "mine.txt": b"mine",
        "batch-1.safetensors": b"mine",
        "batch-00077.safetensors": b"a file of mine that happens to have such a name",
        "batch-00078.safetensors": safetensors.torch.save({"weights": torch.zeros(2)}),
        ".part.safetensors": b"mine",
    }
    for name, content in mine.items():
        (kept / name).write_bytes(content)
    (kept / "batch-00079.safetensors").mkdir()
    (kept / (".part" + "0" * 16 + ".safetensors")).write_bytes(b"cut off")
    parts.forget_parts(kept)
    left = {path.name: path.read_bytes() for path in kept.iterdir() if path.is_file()}
    assert left == mine
    for name in mine:
        (kept / name).unlink()
    (kept / "batch-00079.safetensors").rmdir()
    parts.forget_parts(kept)
    assert not kept.exists()
    parts.forget_parts(kept)
