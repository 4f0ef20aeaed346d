"""A panel's answer at once: JupyterLab's line to a kernel without TCP's wait for company.

A key press brings three small messages back: busy, the changed value, idle. With TCP's default
(Nagle's algorithm) the second waits until the browser has acknowledged the first, up to 40 ms.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptSocket(ZMQChannelsWebsocketConnection):
    """The server's own kind of line, each message sent as soon as it is there."""

    def connect(self) -> Any:
        """Connect, and send small messages without delay."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
