"""``python -m lossless_inr_lite.batch``: the batch of the companion, under its short name."""

import runpy

if __name__ == "__main__":
    # Run by name: nothing outside `companion` imports it.
    runpy.run_module("lossless_inr_lite.companion.batch", run_name="__main__", alter_sys=True)
