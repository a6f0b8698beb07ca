"""Whether a port of this machine is free: asked before anything is unpacked or started."""

import socket

from tuner.serving.errors import PortInUse

#: Where endpoints are reached, and nowhere else.
HOST = "127.0.0.1"


def check_port(port: int) -> None:
    """Raise PortInUse where another program listens on `port`; 0 stands for any free one."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are no hindrance
        try:
            tried.bind((HOST, port))
        except PermissionError:
            return  # below 1024; the engine may take it all the same
        except OSError as error:
            raise PortInUse(
                f"The port {port} of this machine is in use by another program. Give another one with --port, or none:"
                " then a free one is taken."
            ) from error
