"""Execute the chapters side by side, into the cache from which the book is built.

``python book/execute.py [--jobs N]``

`jupyter-book build` executes what its cache does not hold, one chapter after another. This command
fills that cache first, with as many chapters at once as there are cores and one thread each. A
chapter that fails is left to the build, which tells why.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import single_nb_execution
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))

from companion import LITE, cache_path, profile

from lossless_inr_lite.companion.kernels import file_kernel
from lossless_inr_lite.companion.paths import NOTEBOOKS
from lossless_inr_lite.devices import usable_cores

SECONDS_A_CELL = 1800


def main() -> None:
    """Execute what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=usable_cores(), help="chapters at once")
    options = parser.parse_args()
    if profile() != LITE:  # those pages show the notebooks of a batch run
        return
    cache = get_cache(cache_path())
    missing = {path: notebook for path, notebook in notebooks().items() if is_new(cache, notebook)}
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        running = {
            pool.submit(executed, path, notebook): path for path, notebook in missing.items()
        }
        for done in as_completed(running):
            path = running[done]
            bundle, seconds = done.result()
            if bundle is None:
                print(f"{path.stem}: failed after {seconds:.0f} s, the build will tell", flush=True)
                continue
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            print(f"{path.stem}: {seconds:.0f} s", flush=True)


def notebooks() -> dict[Path, NotebookNode]:
    """Every chapter by its file, in order."""
    return {
        path: nbformat.read(path, as_version=nbformat.NO_CONVERT)
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    }


def is_new(cache: JupyterCacheAbstract, notebook: NotebookNode) -> bool:
    """Whether the cache has no run of that very notebook."""
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return True
    return False


def executed(path: Path, notebook: NotebookNode) -> tuple[CacheBundleIn | None, float]:
    """A run of a chapter for the cache, None when it failed, and its seconds."""
    started = time.perf_counter()
    with file_kernel(notebook.metadata.kernelspec.name, threads=1) as kernel:
        try:
            result = single_nb_execution(
                notebook,
                cwd=str(path.parent),
                timeout=SECONDS_A_CELL,
                allow_errors=False,
                km=kernel,
            )
        except DeadKernelError:
            return None, time.perf_counter() - started
    seconds = time.perf_counter() - started
    if result.err is not None:
        return None, seconds
    data = {"execution_seconds": result.time}
    return CacheBundleIn(notebook, str(path), data=data), seconds


if __name__ == "__main__":
    main()
