"""Notices through Apprise, which knows mail, chats and webhooks by their addresses.

An address may hold a password, so it is read when it is needed, and never becomes part of a message: Apprise's own log
is not shown, and an error names the channel and where its address is.
"""

import logging
import os
from collections.abc import Sequence

import apprise

from mmio_bisect.errors import UndeliveredError
from mmio_bisect.workflow.watch.configuration import Channel
from mmio_bisect.workflow.watch.notices import Notice

logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").propagate = False

_SHORT = frozenset({"text"})


class AppriseMessenger:
    """The `Messenger`."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = {channel.name: channel for channel in channels}

    def knows(self, channel: str) -> bool:
        return channel in self._channels

    def send(self, channel: str, notice: Notice) -> None:
        known = self._channels.get(channel)
        if known is None:
            raise UndeliveredError(f"The channel {channel} is configured no more: add [notify.{channel}] again")
        service = apprise.Apprise()
        if not service.add(_address(known)):
            raise UndeliveredError(f"What {known.address} holds for the channel {channel} is not an Apprise address")
        # A service of plain text (short messages) gets the short form, all others the report.
        plain = all(str(server.notify_format) in _SHORT and server.body_maxlen < 2000 for server in service)
        body, form = (notice.plain, "text") if plain else (notice.markdown, "markdown")
        if not service.notify(body=body, title=notice.title, body_format=form):
            raise UndeliveredError(f"The channel {channel} (address in {known.address}) took no notice")


def _address(channel: Channel) -> str:
    secret = channel.address
    if secret.variable is not None:
        value = os.environ.get(secret.variable, "")
    else:
        try:
            value = "" if secret.file is None else secret.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UndeliveredError(f"{secret}, the address of channel {channel.name}, cannot be read") from error
    if not value.strip():
        raise UndeliveredError(f"{secret}, the address of channel {channel.name}, is empty")
    return value.strip()
