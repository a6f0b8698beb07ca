"""Keeps the containers of several hosts of one job together, each of which is followed by a thread of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock


class Company:
    """The hosts of one job: they start one after the other, and once one has failed the others have `grace` seconds.

    Hosts in `late` start so many seconds after the first one, and no other waits for them.
    """

    def __init__(
        self, hosts: Sequence[str], *, late: Mapping[str, float], grace: float, clock: Callable[[], float]
    ) -> None:
        self._hosts = tuple(hosts)
        self._late = late
        self._grace = grace
        self._clock = clock
        self._changing = Lock()
        self._begun: float | None = None
        self._failed: float | None = None
        self._is_dissolved = False
        self._met: set[str] = set()  # started, or ended without

    def may_start(self, host: str) -> bool:
        """Whether all hosts before it have started, and its time has come."""
        with self._changing:
            if host in self._late:
                return self._begun is not None and self._clock() >= self._begun + self._late[host]
            before = self._hosts[: self._hosts.index(host)]
            return all(one in self._met for one in before if one not in self._late)

    def has_started(self, host: str) -> None:
        """The host's container runs."""
        with self._changing:
            self._met.add(host)
            self._begun = self._clock() if self._begun is None else self._begun

    def has_ended(self, host: str, *, well: bool) -> None:
        """The host's container has ended, or could not be started."""
        with self._changing:
            self._met.add(host)
            self._begun = self._clock() if self._begun is None else self._begun
            if not well and self._failed is None:
                self._failed = self._clock()

    @property
    def has_failed(self) -> bool:
        """Whether a host has not ended well."""
        return self._failed is not None or self._is_dissolved

    @property
    def time_is_up(self) -> bool:
        """Whether what still runs is to be killed."""
        failed = self._failed
        return self._is_dissolved or (failed is not None and self._clock() > failed + self._grace)

    def dissolve(self) -> None:
        """Let everything end now: the run as a whole cannot be made."""
        self._is_dissolved = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a container stands among the hosts of one job: its name there, the private network, its own OS hostname."""

    host: str
    network: str
    hostname: str
    company: Company
