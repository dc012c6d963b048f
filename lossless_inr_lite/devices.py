"""Where a fit runs, how much memory is free there, and how many cores it may use.

A container has limits of its own, which the machine's figures do not tell. They are read from its
control groups, of version 2 (the Linux kernel's Documentation/admin-guide/cgroup-v2.rst) and of
version 1 (Documentation/admin-guide/cgroup-v1/memory.rst, Documentation/scheduler/sched-bwc.rst).
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lossless_inr_lite.errors import InputError, check_choice

DEVICES = ["auto", "cpu", "cuda"]
SYSTEM = Path("/")


def get_device(name: str) -> str:
    """Return "cpu" or "cuda"; "auto" becomes "cuda" where there is a GPU.

    Raises InputError for an unknown device, and for one that is not there.
    """
    import torch

    check_choice("device", name, DEVICES)
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise InputError(
            "device 'cuda' was asked for, and this machine has no usable GPU: use auto or cpu"
        )
    if name == "auto":
        return "cuda" if has_gpu else "cpu"
    return name


def free_memory(device: str = "cpu", root: Path = SYSTEM) -> int | None:
    """Return the free bytes of `device`; None when the system does not tell.

    On the CPU this is what the machine has, or what the container may still take if that is less.
    `root` is where /proc and /sys lie.
    """
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    known = list(_free_in_groups(root))
    of_machine = _free_memory_of_machine(root)
    if of_machine is not None:
        known.append(of_machine)
    return min(known, default=None)


def usable_cores(root: Path = SYSTEM) -> int:
    """Return how many cores this process may use, at least 1.

    These are the ones that the scheduler gives it, or the container's share of time if that is
    less. A share of 1.5 cores counts as 2. `root` is where /proc and /sys lie.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quotas = [math.ceil(quota) for quota in _core_quotas(root)]
    return max(1, min([cores, *quotas]))


def limit_threads() -> None:
    """Let torch use no more threads than there are cores to use.

    By itself it counts the machine's cores. What the user chose by OMP_NUM_THREADS stays.
    """
    import torch

    if "OMP_NUM_THREADS" in os.environ:
        return
    cores = usable_cores()
    if torch.get_num_threads() > cores:
        torch.set_num_threads(cores)


def check_memory(needed: int, device: str = "cpu") -> None:
    """Raise InputError when `needed` bytes are more than `device` has free."""
    free = free_memory(device)
    if free is not None and needed > free:
        raise InputError(
            f"this needs about {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free: "
            "use a smaller --size, --tile or network, or smaller chunks (--chunk-samples)"
        )


def _free_memory_of_machine(root: Path) -> int | None:
    """What the kernel calls MemAvailable."""
    try:
        with open(root / "proc/meminfo", encoding="ascii") as lines:
            facts = dict(line.split(":", 1) for line in lines)
        return int(facts["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return _free_memory_by_psutil()


def _free_memory_by_psutil() -> int | None:
    """Ask psutil, where it is installed: not every system has /proc."""
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.virtual_memory().available)


# Control groups ----------------------------------------------------------------------------------


def _free_in_groups(root: Path) -> Iterator[int]:
    """The bytes that each group with a limit may still take.

    The cache of files counts as used, but the kernel takes it back when memory is needed.
    """
    for folder in _groups(root, ""):
        limit = _number(folder / "memory.max")
        used = _number(folder / "memory.current")
        if limit is not None and used is not None:
            yield max(0, limit - used + _cache(folder, ""))
    for folder in _groups(root, "memory"):
        limit = _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.usage_in_bytes")
        # Without a limit the file holds a number near 2^63, which never is the smallest.
        if limit is not None and used is not None:
            yield max(0, limit - used + _cache(folder, "total_"))


def _cache(folder: Path, prefix: str) -> int:
    """The bytes of a group that hold contents of files. `prefix` marks sums over its subgroups."""
    names = (f"{prefix}inactive_file", f"{prefix}active_file")
    return sum(_fact(folder / "memory.stat", name) for name in names)


def _core_quotas(root: Path) -> Iterator[float]:
    """The cores' worth of time that each group with a limit may take."""
    for folder in _groups(root, ""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        yield from _share(_as_number(quota), _as_number(period))
    for folder in _groups(root, "cpu"):
        quota = _number(folder / "cpu.cfs_quota_us")
        yield from _share(quota, _number(folder / "cpu.cfs_period_us"))


def _share(quota: int | None, period: int | None) -> Iterator[float]:
    """The quota as a share of the period, if there is one: none is "max" or -1."""
    if quota is not None and period is not None and quota > 0 and period > 0:
        yield quota / period


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of all groups around it.

    `controller` is that of version 1, and empty for version 2. Inside a container the path that
    /proc names may be the host's and not be there: then the root of what is mounted is the group.
    """
    own = _own_group(root, controller)
    if own is None:
        return
    for mount in _mounts(root, controller):
        for group in (own, *own.parents):
            folder = mount / str(group).lstrip("/")
            if folder.is_dir():
                yield folder


def _mounts(root: Path, controller: str) -> Iterator[Path]:
    """Where the groups of a controller are usually mounted."""
    base = root / "sys/fs/cgroup"
    if controller == "":
        yield base
        yield base / "unified"  # where both versions are mounted
    elif controller == "cpu":
        yield base / "cpu"
        yield base / "cpu,cpuacct"
    else:
        yield base / controller


def _own_group(root: Path, controller: str) -> PurePosixPath | None:
    """The path of this process's group: /proc/self/cgroup has lines "number:controllers:path"."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = PurePosixPath(path).parts
        if controller in controllers.split(",") and path.startswith("/") and ".." not in parts:
            return PurePosixPath(path)
        if controller in controllers.split(","):  # a group outside of this container's root
            return PurePosixPath("/")
    return None


def _fact(path: Path, name: str) -> int:
    """The number behind a name in a file of lines "name number"; 0 when it is not there."""
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == name:
            return _as_number(words[1]) or 0
    return 0


def _number(path: Path) -> int | None:
    """The number in a file; None for "max", for anything else, and without the file."""
    return _as_number(_text(path))


def _as_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
