"""What systemd wants to hear from a service of Type=notify with a watchdog; nothing when it did not start us.

Two have to live before the watchdog is patted: the supervisor says that every actor answers (`answered`), and the
loop of the program itself carries it on (`pass_on`).
"""

import os
import socket
import threading

NOTIFY_SOCKET = "NOTIFY_SOCKET"


class SystemdNotify:
    """Datagrams to the socket that systemd names. A message that cannot be sent is dropped: heating goes on."""

    def __init__(self, address: str | None = None) -> None:
        """`address` None: as the environment says."""
        name = os.environ.get(NOTIFY_SOCKET, "") if address is None else address
        # systemd writes @ for the null byte of a socket without a file.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._answered = threading.Event()

    def ready(self) -> None:
        """Everything has been started."""
        self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def answered(self) -> None:
        """The supervisor has seen a sign of life of every actor; from any thread."""
        self._answered.set()

    def pass_on(self) -> None:
        """Pat the watchdog when every actor has answered since the last pat."""
        if self._answered.is_set():
            self._answered.clear()
            self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(text.encode(), self._address)
        except (OSError, ValueError):
            return
