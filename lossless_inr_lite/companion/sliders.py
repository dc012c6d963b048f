"""The older name of `media`."""

from lossless_inr_lite.companion.media import planes_slider

__all__ = ["planes_slider"]
