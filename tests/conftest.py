"""Small signals that several tests share."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import lossless_inr_lite as lil
from lossless_inr_lite.companion.paths import ROOT

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    """Keep the tests of a file in one process, which shares what they make, unless they say more.

    `--dist loadgroup` sends every group to the next process that is free.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def tiny():
    """A real 4-pixel-square colour picture: enough to fit in a second."""
    return lil.load_image("astronaut", size=4)


@pytest.fixture(scope="session")
def tiny_fit(tiny):
    """A certified fit of `tiny`, made once."""
    return lil.fit(tiny, recipe="paper", hidden_features=24, hidden_layers=2, seed=1)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the larger data sets are not here")
    return SHARED
