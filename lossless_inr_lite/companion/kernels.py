"""Kernels that may run side by side.

Jupyter's kernels listen on network ports that are chosen before they start, so two that start at
once may take the same one. These are spoken to through files, in a folder of their own.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.manager import AsyncKernelManager

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What tells the libraries under numpy and torch how many threads to take."""


@contextmanager
def file_kernel(kernel_name: str, threads: int | None = None) -> Iterator[AsyncKernelManager]:
    """The manager of a kernel that is not started yet. At the end the kernel is shut down.

    threads: how many a computation in it takes, unless the environment says it; None: as many as
    there are cores.
    """
    with tempfile.TemporaryDirectory(prefix="kernel") as folder:
        kernel = AsyncKernelManager(
            kernel_name=kernel_name,
            transport="ipc",
            ip=f"{folder}/kernel",
            connection_file=f"{folder}/kernel.json",
        )
        specification = kernel.kernel_spec
        if threads is not None and specification is not None:
            missing = [name for name in THREADS if name not in os.environ]
            specification.env |= dict.fromkeys(missing, str(threads))
        try:
            yield kernel
        finally:
            if kernel.has_kernel:
                asyncio.run(_shut_down(kernel))


async def _shut_down(kernel: AsyncKernelManager) -> None:
    await kernel.shutdown_kernel(now=True)
