"""The runs on two hosts: two containers on a private network, told of each other as the platform does.

Each recipe gives its runs under its own name with the host's behind it; `of` finds them again.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from contracts.resources import HOMOGENEOUS_GROUP, Host, format_resource_config
from tuner.conformance.bench import Bench, Recipe
from tuner.conformance.case import Claim
from tuner.conformance.company import Place
from tuner.conformance.observation import Run
from tuner.conformance.probe import Glimpse, Interruption
from tuner.conformance.sending import Sending

HOSTS = ("algo-1", "algo-2")
LEADER, WORKER = HOSTS
_NOT_CLAIMED = "training on several hosts is not claimed (--claim hosts, or an InstanceCount of the job above 1)"
#: What the service's hosts are called by their operating system.
_UNLIKE = {"algo-1": "ip-10-0-182-41", "algo-2": "ip-10-0-97-203"}
_OTHER_INTERFACE = "net"
_NAMED_BY_THE_ENGINE = "this engine gives the interfaces of containers its own names: no other could be tried"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Setting:
    """How two hosts are run.

    `hostnames` are the operating system's. `other_first`: within a group each host's own file has it last. `groups` are
    their instance groups; `late` starts some of them later, in seconds.
    """

    hostnames: Mapping[str, str] = field(default_factory=lambda: dict(zip(HOSTS, HOSTS, strict=True)))
    other_first: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    interface_prefix: str | None = None
    late: Mapping[str, float] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] | None = None
    interruptions: Mapping[str, Interruption] = field(default_factory=dict)


def of(name: str, runs: Mapping[str, Run]) -> Mapping[str, Run]:
    """The runs of the recipe `name` by host; empty where they were not made."""
    return {host: runs[f"{name}, {host}"] for host in HOSTS if f"{name}, {host}" in runs}


def is_good(runs: Mapping[str, Run]) -> bool:
    """Whether all hosts were run and ended well."""
    return len(runs) == len(HOSTS) and all(run.is_good for run in runs.values())


def _run(name: str, bench: Bench, setting: _Setting) -> Mapping[str, Run]:
    """Run both hosts with `setting`, side by side."""
    company = bench.probe.company(HOSTS, setting.late)
    limit = bench.limit + sum(setting.late.values())
    leads_out = Claim.ISOLATION not in bench.case.claims

    def run(host: str) -> Run:
        seen = None
        try:
            seen = bench.probe.run(
                _sending(bench, setting, host),
                interruption=setting.interruptions.get(host),
                limit=limit,
                place=Place(host=host, network=network, hostname=setting.hostnames[host], company=company),
            )
        finally:
            company.has_ended(host, well=seen is not None and seen.is_good)
            if seen is None:
                company.dissolve()
        return seen

    with (
        bench.probe.network(leads_out=leads_out, interface_prefix=setting.interface_prefix) as network,
        ThreadPoolExecutor(len(HOSTS), thread_name_prefix="host") as pool,
    ):
        seen = dict(zip(HOSTS, pool.map(run, HOSTS), strict=True))
    return {f"{name}, {host}": one for host, one in seen.items()}


def _sending(bench: Bench, setting: _Setting, host: str) -> Sending:
    start = bench.start
    told = {"SM_CURRENT_HOST": host, "SM_HOSTS": json.dumps(HOSTS)}
    return replace(
        start,
        resource_config=_resource_config(setting, host),
        with_checkpoints=Claim.CHECKPOINTS in bench.case.claims,
        hyperparameters=start.hyperparameters if setting.hyperparameters is None else setting.hyperparameters,
        environment={name: told.get(name, value) for name, value in start.environment.items()},
    )


def _resource_config(setting: _Setting, host: str) -> Mapping[str, Any]:
    members = {name: Host(name=name, group=setting.groups.get(name, HOMOGENEOUS_GROUP)) for name in HOSTS}
    interface = "eth0" if setting.interface_prefix is None else f"{setting.interface_prefix}0"
    text = format_resource_config(members[host], tuple(members.values()), network_interface_name=interface)
    document: dict[str, Any] = json.loads(text)
    if setting.other_first:
        for group in document["instance_groups"]:
            group["hosts"] = sorted(group["hosts"], key=lambda name: name == host)
    return document


def together(bench: Bench) -> Mapping[str, Run] | str:
    """Two hosts with all that the platform brings; where that does not go well, what of it does harm.

    On the platform the operating system's hostname is not the host's name, and hosts of a group are in any order.
    """
    if Claim.HOSTS not in bench.case.claims:
        return _NOT_CLAIMED
    runs = _run("two hosts", bench, _Setting(hostnames=_UNLIKE, other_first=True))
    if is_good(of("two hosts", runs)):
        return runs
    plain = _run("two hosts, as plain as can be", bench, _Setting())
    if is_good(of("two hosts, as plain as can be", plain)):
        plain = {
            **plain,
            **_run("other hostnames", bench, _Setting(hostnames=_UNLIKE)),
            **_run("other host first", bench, _Setting(other_first=True)),
        }
    return {**runs, **plain}


def late_names(bench: Bench) -> Mapping[str, Run] | str:
    """Two hosts of which one starts late, so that the other does not find its name; each of them once."""
    if Claim.HOSTS not in bench.case.claims:
        return _NOT_CLAIMED
    unknown = bench.probe.patience.unknown

    def late(host: str) -> Mapping[str, Run]:
        return _run(f"{host} late", bench, _Setting(late={host: unknown}))

    with ThreadPoolExecutor(len(HOSTS)) as pool:  # most of the time they wait
        leader, worker = pool.map(late, HOSTS)
    return {**leader, **worker}


def other_interface(bench: Bench) -> Mapping[str, Run] | str:
    """The interface to the other hosts is not eth0."""
    if Claim.HOSTS not in bench.case.claims:
        return _NOT_CLAIMED
    if not bench.probe.names_interfaces:
        return _NAMED_BY_THE_ENGINE
    return _run("other interface", bench, _Setting(interface_prefix=_OTHER_INTERFACE))


def two_groups(bench: Bench) -> Mapping[str, Run] | str:
    """Each host in an instance group of its own."""
    if Claim.HOSTS not in bench.case.claims:
        return _NOT_CLAIMED
    return _run("two groups", bench, _Setting(groups={LEADER: "leaders", WORKER: "workers"}))


def lost_host(bench: Bench) -> Mapping[str, Run] | str:
    """The second host is killed once training is seen to be under way, on whichever host."""
    if Claim.HOSTS not in bench.case.claims:
        return _NOT_CLAIMED
    training = Event()

    def look(glimpse: Glimpse) -> bool:
        if bench.is_training(glimpse):
            training.set()
        return False

    def seen(glimpse: Glimpse) -> bool:
        look(glimpse)
        return training.is_set()

    interruptions = {
        LEADER: Interruption(moment=look, signals=()),
        WORKER: Interruption(moment=seen, signals=("SIGKILL",)),
    }
    return _run("lost host", bench, _Setting(hyperparameters=bench.case.longer(), interruptions=interruptions))


RECIPES_OF_HOSTS: Mapping[str, Recipe] = {
    "late names": late_names,
    "lost host": lost_host,
    "two hosts": together,
    "other interface": other_interface,
    "two groups": two_groups,
}
