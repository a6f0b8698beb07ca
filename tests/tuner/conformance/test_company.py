"""Several hosts of one job: in which order they start, and how long one may go on without the others."""

from collections.abc import Callable, Mapping

import pytest

from tuner.conformance.company import Company

HOSTS = ("algo-1", "algo-2", "algo-3")
Make = Callable[..., Company]


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The company's clock."""
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Make:
    """A company of three hosts that gives the others 10 s."""
    return lambda late=None: Company(HOSTS, late=late or {}, grace=10.0, clock=clock)


def may_start(company: Company) -> Mapping[str, bool]:
    """Which hosts may start."""
    return {host: company.may_start(host) for host in HOSTS}


def test_hosts_start_one_after_the_other(make: Make) -> None:
    """So that the name of an earlier one is known to a later one."""
    company = make()
    assert {"algo-1": True, "algo-2": False, "algo-3": False} == may_start(company)

    company.has_started("algo-1")
    assert (True, False) == (company.may_start("algo-2"), company.may_start("algo-3"))


def test_nobody_waits_for_a_late_host(make: Make, clock: Clock) -> None:
    """It starts when its time has come, counted from the first that has started."""
    company = make({"algo-1": 20.0})
    assert {"algo-1": False, "algo-2": True, "algo-3": False} == may_start(company)

    company.has_started("algo-2")
    clock.now += 19.9
    assert not company.may_start("algo-1")
    clock.now += 0.1
    assert company.may_start("algo-1")


def test_a_host_that_could_not_be_started_holds_up_no_other(make: Make) -> None:
    """It is over with it."""
    company = make()
    company.has_ended("algo-1", well=False)

    assert company.may_start("algo-2")
    assert company.has_failed


def test_the_others_have_the_grace_once_one_has_failed(make: Make, clock: Clock) -> None:
    """One that ends well ends nobody's time."""
    company = make()
    company.has_ended("algo-1", well=True)
    clock.now += 1000
    assert not company.time_is_up

    company.has_ended("algo-2", well=False)
    clock.now += 10
    assert not company.time_is_up
    clock.now += 0.1
    assert company.time_is_up


def test_a_company_that_is_dissolved_ends_at_once(make: Make) -> None:
    """What one of them was to be run for cannot be told any more."""
    company = make()
    company.dissolve()

    assert company.time_is_up
