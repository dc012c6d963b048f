"""Small signals that several tests share."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

import lossless_inr_lite as lil
from lossless_inr_lite.companion.paths import ROOT

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")


class ByChapter(LoadFileScheduling):
    """The tests of a file stay in one process, which shares what they make.

    In the file of the chapters those of each chapter do: its run is what takes long.
    """

    def _split_scope(self, nodeid: str) -> str:
        chapter = re.search(r"test_chapters\.py::\w+\[(\d\d_[a-z_]+)", nodeid)
        return chapter[1] if chapter else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return ByChapter(config, log) if config.getvalue("dist") == "loadfile" else None


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
