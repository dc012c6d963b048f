"""What stands around a run: a container's limits, start-up files, names, another run."""

from pathlib import Path

import pytest
import torch

from lossless_inr_lite.devices import free_memory, limit_threads, usable_cores

MIB = 2**20
NO_LIMIT_V1 = "9223372036854771712\n"


def tree(root, files):
    """Write a false /proc and /sys; the machine has 8 GiB free."""
    files = {"proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8388608 kB\n"} | files
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)


def test_without_groups_the_machine_counts(tmp_path):
    root = tree(tmp_path, {})
    assert free_memory(root=root) == 8192 * MIB
    assert usable_cores(root) == 8


def test_a_container_with_groups_of_version_2(tmp_path):
    group = "sys/fs/cgroup"
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            f"{group}/memory.max": f"{512 * MIB}\n",
            f"{group}/memory.current": f"{400 * MIB}\n",
            f"{group}/memory.stat": f"inactive_file {60 * MIB}\nactive_file {4 * MIB}\nanon 9\n",
            f"{group}/cpu.max": "150000 100000\n",
        },
    )
    assert free_memory(root=root) == 176 * MIB
    assert usable_cores(root) == 2


def test_the_tightest_of_nested_groups_counts(tmp_path):
    outer = "sys/fs/cgroup/user.slice"
    inner = f"{outer}/job 1.scope"
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/job 1.scope\n",
            f"{outer}/memory.max": f"{256 * MIB}\n",
            f"{outer}/memory.current": f"{200 * MIB}\n",
            f"{outer}/cpu.max": "300000 100000\n",
            f"{inner}/memory.max": "max\n",
            f"{inner}/memory.current": f"{100 * MIB}\n",
            f"{inner}/cpu.max": "max 100000\n",
        },
    )
    assert free_memory(root=root) == 56 * MIB
    assert usable_cores(root) == 3


@pytest.mark.parametrize("cpu", ["cpu", "cpu,cpuacct"])
def test_a_container_with_groups_of_version_1_whose_path_is_the_hosts(tmp_path, cpu):
    memory = "sys/fs/cgroup/memory"
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/docker/0a1b\n4:cpu,cpuacct:/docker/0a1b\n0::/system\n",
            f"{memory}/memory.limit_in_bytes": f"{1024 * MIB}\n",
            f"{memory}/memory.usage_in_bytes": f"{1000 * MIB}\n",
            f"{memory}/memory.stat": f"inactive_file 1\ntotal_inactive_file {100 * MIB}\n",
            f"sys/fs/cgroup/{cpu}/cpu.cfs_quota_us": "50000\n",
            f"sys/fs/cgroup/{cpu}/cpu.cfs_period_us": "100000\n",
        },
    )
    assert free_memory(root=root) == 124 * MIB
    assert usable_cores(root) == 1


def test_groups_without_limits_limit_nothing(tmp_path):
    memory = "sys/fs/cgroup/memory"
    cpu = "sys/fs/cgroup/cpu"
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/\n4:cpu:/\n",
            f"{memory}/memory.limit_in_bytes": NO_LIMIT_V1,
            f"{memory}/memory.usage_in_bytes": f"{1000 * MIB}\n",
            f"{cpu}/cpu.cfs_quota_us": "-1\n",
            f"{cpu}/cpu.cfs_period_us": "100000\n",
        },
    )
    assert free_memory(root=root) == 8192 * MIB
    assert usable_cores(root) == 8


def test_torch_gets_no_more_threads_than_there_are_cores(monkeypatch):
    threads = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr("lossless_inr_lite.devices.usable_cores", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    limit_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    limit_threads()
    assert threads == [3]


@pytest.mark.parametrize("text", ["", "many", "0::../../x\n", "::::\n0:\n", "0::/\x00\n"])
def test_what_cannot_be_read_limits_nothing(tmp_path, text):
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": text,
            "sys/fs/cgroup/memory.max": "a lot",
            "sys/fs/cgroup/cpu.max": "1 0",
        },
    )
    assert free_memory(root=root) == 8192 * MIB
    assert usable_cores(root) == 8


def test_a_group_that_is_over_its_limit_has_nothing_free(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "100",
            "sys/fs/cgroup/memory.current": "140",
        },
    )
    assert free_memory(root=root) == 0
