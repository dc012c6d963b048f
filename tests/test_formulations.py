"""Every network with every formulation.

It is built, trained, saved, and decoded from the file to the same words.
"""

import numpy as np
import pytest
from test_networks import OPTIONS, each_network

import lossless_inr_lite as lil
from lossless_inr_lite.formulations import FORMULATIONS


def picture():
    samples = np.random.default_rng(0).integers(0, 64, (4, 3, 2)).astype(np.uint8)
    return lil.Signal(samples, 6, "picture")


def sound():
    samples = np.random.default_rng(1).integers(-128, 128, (7, 1)).astype(np.int16)
    return lil.Signal(samples, 8, "sound", 8000, "PCM_S8")


@pytest.mark.parametrize("signal", [picture(), sound()], ids=lambda s: s.name)
@pytest.mark.parametrize("formulation", sorted(FORMULATIONS))
@each_network
def test_every_network_poses_every_problem(tmp_path, name, formulation, signal):
    fit = lil.fit(
        signal,
        formulation=formulation,
        network=name,
        hidden_features=5,
        hidden_layers=1,
        recipe="paper",
        max_iterations=2,
        options=OPTIONS[name],
        certify=False,
    )
    assert fit.history.entries[-1].iteration == 2
    assert all(np.isfinite(fit.history.column("loss")))
    words, _ = fit.model.decode(batch=5)
    model, header = lil.read_model(lil.save(fit, tmp_path / "f.safetensors"))
    assert header.options == OPTIONS[name]
    decoded, _ = model.decode()
    assert np.array_equal(decoded, words)
    assert int(np.bitwise_count(words ^ signal.words).sum()) == fit.entry.wrong_bits


@pytest.mark.parametrize(
    ("formulation", "tile"), [("bit_heads", None), ("bit_coordinate", None), ("bit_heads", 3)]
)
@each_network
def test_fast_makes_a_tiny_picture_lossless(name, formulation, tile):
    """Width 30 gives WIRE 21 complex features.

    So an odd number of real weights comes before the first complex one.
    """
    samples = np.random.default_rng(0).integers(0, 16, (6, 6, 1)).astype(np.uint8)
    fit = lil.fit(
        lil.Signal(samples, 4, "noise"),
        formulation=formulation,
        network=name,
        hidden_features=30,
        hidden_layers=2,
        tile=tile,
        certify=False,
        max_iterations=500,
    )
    assert fit.stopped == "lossless"
    words, _ = fit.model.decode()
    assert np.array_equal(words, samples)


@pytest.mark.parametrize("name", ["relu_pe", "instant_ngp"])
def test_fast_has_a_rate_for_relu(name):
    """At the rate of a bounded activation the second does not arrive."""
    fit = lil.fit(
        lil.load_image("astronaut", size=12),
        formulation="bit_heads",
        network=name,
        hidden_features=48,
        hidden_layers=2,
        certify=False,
        max_iterations=300,
    )
    assert fit.stopped == "lossless"
