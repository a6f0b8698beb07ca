"""What keeps a container from what is not its own. Pure; docs/isolation.md tells the reasons item by item."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tuner.engine.podman import user_mode_network
from tuner.engine.protocol import EngineFacts
from tuner.profile import IsolationItem

#: Of the engine's capabilities for root those that training and serving images use: changing owners and modes, writing
#: whatever its owner, becoming another user, signalling its own processes, low ports, and sshd's chroot (MPI).
#: Not among them, of Docker's default set: NET_RAW, MKNOD, AUDIT_WRITE, SETFCAP, SETPCAP.
KEPT_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
)

#: The engine's network for containers that are to be alone, of all homes: each reaches the world, none another.
APART_NETWORK = "algodock-apart"
#: Its label; also that of no home.
APART_LABEL = "algodock.apart"
#: Docker's option that has containers of one bridge reach each other, or not.
APART_OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}

#: Where clouds give a machine's credentials to whoever asks from it. Made the container's own address, this one leads
#: nowhere else, and so do all that are link-local.
METADATA_ADDRESS = "169.254.169.254"
_LINK_LOCAL = "169.254."

#: The part of the machine's memory that a container without a limit of its own may take.
MEMORY_SHARE = 0.9
#: Where the machine's memory runs out all the same, containers are ended before the machine's own programs.
OOM_SCORE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation:
    """What containers on one engine get, or do not. None and False are the engine's own way.

    `network` is where containers are that have no private one, or `network_mode` what they have instead of one;
    `memory_bytes` is the limit of those without one.
    """

    capabilities: Sequence[str] | None = None
    network: str | None = None
    network_mode: str | None = None
    hides_metadata: bool = False
    memory_bytes: int | None = None
    oom_score: int | None = None


#: None of it.
ENGINES_OWN = Isolation()


def isolation(off: Collection[IsolationItem], engine: EngineFacts, resolvers: Iterable[str] | None) -> Isolation:
    """The isolation on `engine`, without the items that are `off`.

    `resolvers` are the addresses of this machine's name servers, None where the engine's machine is another one. One
    that is link-local, as on Google's cloud, would be lost with the address of the metadata.
    """
    is_apart, has_no_metadata = IsolationItem.NETWORK not in off, IsolationItem.METADATA not in off
    # Podman's bridges let their containers talk, and give none a link-local address besides.
    has_networks_of_ours = is_apart and not engine.is_podman
    names_need_link_local = resolvers is None or any(one.startswith(_LINK_LOCAL) for one in resolvers)
    has_memory = IsolationItem.MEMORY not in off and engine.limits_memory
    return Isolation(
        capabilities=None if IsolationItem.CAPABILITIES in off else KEPT_CAPABILITIES,
        network=APART_NETWORK if has_networks_of_ours else None,
        network_mode=user_mode_network(hides_metadata=has_no_metadata)
        if is_apart and engine.has_user_mode_network
        else None,
        hides_metadata=has_networks_of_ours and has_no_metadata and not names_need_link_local,
        memory_bytes=int(MEMORY_SHARE * engine.memory_bytes) if has_memory else None,
        oom_score=None if IsolationItem.MEMORY in off else OOM_SCORE,
    )


def resolvers_in(resolv_conf: str) -> list[str]:
    """The addresses of the name servers in the text of a ``resolv.conf``."""
    lines = (line.split() for line in resolv_conf.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
