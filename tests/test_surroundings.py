"""What stands around a run: a container's limits, start-up files, names, another run."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import papermill
import pytest
import torch
from nbformat import v4
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lossless_inr_lite import InputError
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.companion.locks import RUN, FolderLock, check_free
from lossless_inr_lite.companion.parameters import check_parameters
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


# Lists -------------------------------------------------------------------------------------------


def test_names_in_a_yaml_list_may_hold_commas_and_spaces():
    assert comma_list(["a,b.png", " c.png"]) == ["a,b.png", " c.png"]
    assert comma_list('["a,b.png", " c.png", d]') == ["a,b.png", " c.png", "d"]
    assert comma_list([8, 2.5]) == ["8", "2.5"]
    assert comma_list([]) == comma_list("[]") == comma_list("") == []


def test_a_text_that_names_a_file_is_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert comma_list("a,b.png") == ["a", "b.png"]
    Path("a,b.png").touch()
    assert comma_list("a,b.png") == ["a,b.png"]
    assert comma_list("a,b.png,c") == ["a", "b.png", "c"]
    Path("[1]").touch()
    assert comma_list("[1]") == ["[1]"]


def test_a_very_long_list_is_no_file_name():
    assert len(comma_list(",".join(["a.png"] * 10_000))) == 10_000
    assert comma_list("a\0b,c") == ["a\0b", "c"]


@pytest.mark.parametrize("text", ["['a]", "[a: b: c]", "[[a]]", "[a, null]", "[a, '']", "[true]"])
def test_brackets_around_anything_but_names_are_refused(text):
    with pytest.raises(InputError, match="list"):
        comma_list(text)


def test_a_parameter_takes_a_list_only_where_one_is_meant():
    def checked(name, value):
        return vars(check_parameters({"__annotations__": {name: str}, name: value}))[name]

    assert checked("signals", ["a,b.png"]) == ["a,b.png"]
    with pytest.raises(InputError, match=r"parameter signals is \[None\]: a list holds None"):
        checked("signals", [None])
    with pytest.raises(InputError, match=r"parameter signal is \['a'\]"):
        checked("signal", ["a"])


# Start-up files ----------------------------------------------------------------------------------

DECLARES = 'profile: str = "lite"  # which\nsignals: str = "astronaut"  # what\n'
TAKES = (
    "from lossless_inr_lite.companion.parameters import check_parameters\n"
    "print(sorted(vars(check_parameters(globals())).items()))"
)


@pytest.fixture
def startup(tmp_path, monkeypatch):
    """A folder of IPython with a start-up file and a line of its configuration."""
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("answer = 42\nmine: int = 7\nsignals = 'other'\n")
    (profile / "ipython_config.py").write_text(
        "get_config().InteractiveShellApp.exec_lines = ['colour: str = \"red\"', 'size = 3']\n"
    )
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(profile / "startup" / "00.py"))
    return tmp_path


def run_cells(folder, parameters):
    """What a notebook of a parameters cell and a check prints."""
    notebook = v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "P"}
    declaring = v4.new_code_cell(DECLARES, metadata={"tags": ["parameters"]})
    started = v4.new_code_cell("print(answer, mine, colour, size)")
    notebook.cells = [started, declaring, v4.new_code_cell(TAKES)]
    source = folder / "in.ipynb"
    source.write_text(v4.writes(notebook))
    done = papermill.execute_notebook(
        source, folder / "out.ipynb", parameters, kernel_name="python3", progress_bar=False
    )
    assert done.cells[0].outputs[0].text == "42 7 red 3\n"  # the files did run
    return done.cells[-1].outputs[0].text


def test_what_start_up_files_define_is_no_parameter(startup):
    text = run_cells(startup, {"signals": ["a,b.png"]})
    assert text == "[('profile', 'lite'), ('signals', ['a,b.png'])]\n"


def test_names_are_those_of_the_cells_that_ran():
    variables = {
        "In": [
            "",
            "%pip install x",
            DECLARES,
            "# Parameters\nprofile = 'cpu'\n",
            "x = 1",
        ],
        "__annotations__": {"other": int},
        "profile": "cpu",
        "signals": "astronaut",
        "other": 3,
        "x": 1,
    }
    variables["In"] += ["y: int", "z: int = 3"]
    found = check_parameters(variables)
    assert vars(found) == {"profile": "cpu", "signals": "astronaut"}
    variables["In"].insert(3, "# Parameters\nsize = 8\nprofile = 'cpu'")
    assert check_parameters(variables) == found  # an older injected cell
    variables["In"].append("# Parameters\nsize = 8")
    with pytest.raises(InputError, match="unknown parameter 'size'"):
        check_parameters(variables)


# Two runs ----------------------------------------------------------------------------------------

HOLDS = (
    "import sys, pathlib; from lossless_inr_lite.companion.locks import FolderLock, RUN, BATCH; "
    "lock = FolderLock(pathlib.Path(sys.argv[1]), sys.argv[2]); print('held', flush=True); "
    "sys.stdin.read()"
)


@pytest.fixture
def other_run():
    """Start another process that holds a lock on a folder; all are ended after the test."""
    started = []

    def start(folder, name):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_run_in_a_folder_is_refused_until_the_first_ends(tmp_path, other_run):
    first = other_run(tmp_path / "run", RUN)
    with pytest.raises(InputError, match=r"another run writes into .*run: wait until it ends"):
        FolderLock(tmp_path / "run", RUN)
    FolderLock(tmp_path / "other", RUN).release()
    first.kill()
    first.wait()
    assert (tmp_path / "run" / RUN).exists()  # stale, and it blocks nothing
    FolderLock(tmp_path / "run", RUN).release()
    assert os.listdir(tmp_path / "run") == []


def test_a_process_may_begin_its_own_run_again(tmp_path):
    first = FolderLock(tmp_path, RUN)
    second = FolderLock(tmp_path, RUN)
    first.release()
    assert (tmp_path / RUN).exists()
    second.release()
    assert not (tmp_path / RUN).exists()
    check_free(tmp_path, RUN)


# Versions of Python ------------------------------------------------------------------------------


def test_every_python_that_is_named_suits_all_that_is_required():
    """What is installed names the versions that it runs on; the project names no other."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: 3." in line]
    assert named == ["3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={named[0]}"
    for line in project["dependencies"] + project["optional-dependencies"]["book"]:
        name = Requirement(line).name
        suits = SpecifierSet(metadata(name)["Requires-Python"] or "")
        assert [version for version in named if f"{version}.0" not in suits] == [], name
