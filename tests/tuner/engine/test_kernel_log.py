"""What the kernel says of containers and GPUs."""

from pathlib import Path

from tuner.engine.kernel_log import failed_gpu, read_kernel_log, was_killed_for_memory
from tuner.engine.memory import memory_peak

CONTAINER = "4c01db0b339c"
OF_THE_MACHINE = (
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
    f"task_memcg=/docker/{CONTAINER},task=python3,pid=4242,uid=0"
)
OF_ITS_LIMIT = (
    f"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/docker/{CONTAINER},"
    f"task_memcg=/docker/{CONTAINER},task=python3,pid=4242,uid=0"
)
XID_79 = "NVRM: Xid (PCI:0000:81:00): 79, pid=1234, name=python3, GPU has fallen off the bus."
XID_31 = "NVRM: Xid (PCI:0000:81:00): 31, pid=1234, name=python3, Ch 00000008, MMU Fault"


def test_a_kill_for_the_memory_of_the_machine_names_the_container() -> None:
    """One for its own limit the engine tells itself."""
    assert was_killed_for_memory(CONTAINER, [(1.0, "eth0 is up"), (2.0, OF_THE_MACHINE)])
    assert not was_killed_for_memory(CONTAINER, [(2.0, OF_ITS_LIMIT)])
    assert not was_killed_for_memory("another", [(2.0, OF_THE_MACHINE)])


def test_only_errors_of_the_gpu_itself_are_failures_of_it() -> None:
    """A memory fault is the program's; and what was before the container began is not about it."""
    assert "GPU PCI:0000:81:00 failed (Xid 79)" == failed_gpu([(10.0, XID_31), (11.0, XID_79)], since=5.0)
    assert None is failed_gpu([(10.0, XID_31)], since=5.0)
    assert None is failed_gpu([(1.0, XID_79)], since=5.0)


def test_the_kernels_log_is_read_entry_by_entry(tmp_path: Path) -> None:
    """A log that is not there, or is not one, is an empty one."""
    (tmp_path / "kmsg").write_text("6,100,2500000,-;eth0 is up\n SUBSYSTEM=net\n")
    (tmp_path / "else").write_text("hello")

    assert ((2.5, "eth0 is up"),) == read_kernel_log(tmp_path / "kmsg")
    assert () == read_kernel_log(tmp_path / "else")
    assert () == read_kernel_log(tmp_path / "missing")


def test_a_containers_peak_is_where_its_engine_and_the_kernel_put_it(tmp_path: Path) -> None:
    """Version 1 has a folder for memory, version 2 one for everything; without either nothing is known."""
    for place, name in ((f"memory/docker/{CONTAINER}", "memory.max_usage_in_bytes"), ("docker/new", "memory.peak")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_text("1048576\n")

    assert (1048576, 1048576, None) == tuple(memory_peak(one, tmp_path) for one in (CONTAINER, "new", "none"))
