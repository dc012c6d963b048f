"""The older name of `media` and `filmstrip`."""

from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.media import fit_movie, show_movie

__all__ = ["Filmstrip", "fit_movie", "show_movie"]
