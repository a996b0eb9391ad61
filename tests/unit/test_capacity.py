"""How many children a machine bears, read from folders that look like a machine's ``/proc`` and ``/sys``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.worker import capacity, cgroup
from celeriac.engine.worker.capacity import MIB, Capacity

GIB = 1 << 30
NO_LIMIT = 9_223_372_036_854_771_712
"""What version 1 writes where there is no limit."""

Machine = Callable[[dict[str, str]], Path]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Make a root folder with these files."""

    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


MEMORY_2 = {
    "proc/self/cgroup": "0::/app/web\n",
    "sys/fs/cgroup/app/web/memory.max": "max\n",
    "sys/fs/cgroup/app/web/memory.current": f"{300 * MIB}\n",
    "sys/fs/cgroup/app/memory.max": f"{GIB}\n",
    "sys/fs/cgroup/app/memory.current": f"{600 * MIB}\n",
    "sys/fs/cgroup/app/memory.stat": f"anon 5\ninactive_file {100 * MIB}\nactive_file 7\n",
}
MEMORY_1 = {
    "proc/self/cgroup": "5:name=systemd:/\n4:memory:/app/web\n3:cpu,cpuacct:/app\n0::/\n",
    "sys/fs/cgroup/memory/app/web/memory.limit_in_bytes": f"{512 * MIB}\n",
    "sys/fs/cgroup/memory/app/web/memory.usage_in_bytes": f"{400 * MIB}\n",
    "sys/fs/cgroup/memory/app/web/memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{NO_LIMIT}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{2 * GIB}\n",
}


# -- control groups ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "400000 100000", "sys/fs/cgroup/cpu.max": "2 1"}, 2.0),
        ({"proc/self/cgroup": "0::/not/ours\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        ({"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/app\n",
                "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            {
                "proc/self/cgroup": "3:cpuacct,cpu:/app\n",
                "sys/fs/cgroup/cpu/app/cpu.cfs_quota_us": "100000\n",
                "sys/fs/cgroup/cpu/app/cpu.cfs_period_us": "100000\n",
            },
            1.0,
        ),
        ({}, None),
    ],
    ids=["2", "2 unlimited", "2 bound from above", "2 of a container", "2 outside", "1", "1 by a link", "none at all"],
)
def test_the_cpu_quota_is_the_narrowest_on_the_way_up(machine: Machine, files: dict[str, str], quota: float | None) -> None:
    assert cgroup.cpu_quota(machine(files)) == quota


@pytest.mark.parametrize(
    ("files", "free"), [(MEMORY_2, GIB - 500 * MIB), (MEMORY_1, 162 * MIB), ({}, None)], ids=["2", "1", "none at all"]
)
def test_what_the_kernel_can_drop_counts_as_free(machine: Machine, files: dict[str, str], free: int | None) -> None:
    assert cgroup.free_memory(machine(files)) == free


def test_a_group_over_its_limit_has_nothing_left_rather_than_less(machine: Machine) -> None:
    root = machine({**MEMORY_2, "sys/fs/cgroup/app/memory.current": f"{2 * GIB}\n"})
    assert cgroup.free_memory(root) == 0


# -- the machine ---------------------------------------------------------------------------------------------------------------


def test_the_cpus_are_those_we_are_bound_to_within_the_quota_rounded_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 4, 5}, raising=False)
    root = machine({"proc/self/cgroup": "0::/\n"})
    assert capacity.usable_cpus(root) == 3
    for quota, cpus in (("150000", 2), ("1000", 1), ("900000", 3)):
        machine({"sys/fs/cgroup/cpu.max": f"{quota} 100000\n"})
        assert capacity.usable_cpus(root) == cpus


def test_where_nobody_is_bound_to_cpus_all_of_them_count(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert capacity.usable_cpus(machine({})) == 6


def test_free_is_what_both_the_machine_and_the_group_have(machine: Machine) -> None:
    root = machine({**MEMORY_1, "proc/meminfo": "MemTotal:  99 kB\nMemAvailable:   8388608 kB\n"})
    assert capacity.free_memory(root) == 162 * MIB
    machine({"proc/meminfo": "MemAvailable:   1024 kB\n"})
    assert capacity.free_memory(root) == MIB


def test_a_child_is_as_large_as_the_process_it_is_forked_from(machine: Machine) -> None:
    root = machine({"proc/self/status": "Name: x\nVmRSS:\t  2048 kB\n"})
    assert capacity.measure(root).child == 2 * MIB
    machine({"proc/self/smaps_rollup": "00400000-7ff [rollup]\nRss: 2048 kB\nPss:   1024 kB\n"})
    assert capacity.measure(root).child == MIB


def test_where_nothing_is_told_a_child_is_of_middling_size_and_memory_is_no_limit(machine: Machine) -> None:
    found = capacity.measure(machine({}))
    assert (found.free, found.child) == (None, capacity.TYPICAL_CHILD)
    assert found.default_children() == found.cpus
    found.require_room_for(10_000)


def test_this_machine_can_be_measured() -> None:
    found = capacity.measure()
    assert found.cpus >= 1
    assert found.free is None or found.free > 0
    assert found.child > MIB


# -- children ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpus", "free", "children"),
    [(8, 100 * GIB, 8), (8, 800 * MIB, 4), (8, 150 * MIB, 1), (8, 0, 1), (1, 100 * GIB, 1), (8, None, 8)],
)
def test_there_are_as_many_children_as_cpus_and_as_half_of_the_memory_holds(cpus: int, free: int | None, children: int) -> None:
    assert Capacity(cpus, free, 100 * MIB).default_children() == children


def test_what_does_not_fit_is_refused_with_what_it_needs_what_is_free_and_what_fits() -> None:
    machine = Capacity(8, 1000 * MIB, 100 * MIB)
    machine.require_room_for(10)
    with pytest.raises(ImproperlyConfigured) as refused:
        machine.require_room_for(11)
    for part in ("-c 11 needs about 1,100 MiB", "100 MiB for each", "1,000 MiB are free", "enough for -c 10.", "--force"):
        assert part in str(refused.value)


def test_one_child_is_never_refused() -> None:
    Capacity(8, 0, 100 * MIB).require_room_for(1)
