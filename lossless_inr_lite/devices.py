"""Where a fit runs, and how much memory is free there."""

from lossless_inr_lite.errors import InputError, check_choice

DEVICES = ["auto", "cpu", "cuda"]


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


def free_memory(device: str = "cpu") -> int | None:
    """Return the free bytes of `device`; None when the system does not tell."""
    if device == "cuda":
        import torch

        return torch.cuda.mem_get_info()[0]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            facts = dict(line.split(":", 1) for line in lines)
        return int(facts["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return _free_memory_by_psutil()


def _free_memory_by_psutil() -> int | None:
    """Ask psutil, where it is installed: not every system has /proc."""
    try:
        import psutil
    except ImportError:
        return None
    return int(psutil.virtual_memory().available)


def check_memory(needed: int, device: str = "cpu") -> None:
    """Raise InputError when `needed` bytes are more than `device` has free."""
    free = free_memory(device)
    if free is not None and needed > free:
        raise InputError(
            f"this needs about {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free: "
            "use a smaller --size, --tile or network, or smaller chunks (--chunk-samples)"
        )
