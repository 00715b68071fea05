"""Notices from the outbox to their channels, each once: tried again in every tick until it is taken."""

from dataclasses import dataclass

from mmio_bisect.errors import UndeliveredError
from mmio_bisect.workflow.watch.notices import Delivery, Messenger, Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    sent: tuple[Delivery, ...]
    failed: tuple[tuple[Delivery, UndeliveredError], ...]


def deliver(outbox: Outbox, messenger: Messenger) -> Delivered:
    """A process killed between a channel's answer and our note of it sends once more: no channel can be asked."""
    sent, failed = [], []
    for one in filter(lambda one: messenger.knows(one.channel), outbox.pending()):
        try:
            messenger.send(one.channel, one.notice)
        except UndeliveredError as error:
            outbox.failed(one.notice.key, one.channel, str(error))
            failed.append((one, error))
        else:
            outbox.delivered(one.notice.key, one.channel)
            sent.append(one)
    return Delivered(sent=tuple(sent), failed=tuple(failed))
