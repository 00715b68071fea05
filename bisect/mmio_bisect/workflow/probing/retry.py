"""Faults that may pass by themselves: a download that broke off, a daemon that did not answer. They are not verdicts.

The adapters try again what is cheap to try again (a request, a container); here a whole probe is, after a pause.
"""

from collections.abc import Callable
from typing import TypeVar

from mmio_bisect.errors import CorruptArtefactError, DownloadError, MmioBisectError, SandboxError
from mmio_bisect.workflow.probing.pool import Stoppable

PASSING = (DownloadError, CorruptArtefactError, SandboxError)

BACK_OFF = (1.0, 4.0)
"""Seconds before the second and the third try."""

Result = TypeVar("Result")


def with_back_off(
    work: Callable[[Stoppable], Result],
    signals: Stoppable,
    pauses: tuple[float, ...],
    on_fault: Callable[[MmioBisectError, float], None],
) -> Result:
    """What the work gives. `on_fault` takes each fault and the seconds until the next try; the last fault is raised."""
    for seconds in pauses:
        try:
            return work(signals)
        except PASSING as error:
            on_fault(error, seconds)
            signals.pause(seconds)
    return work(signals)
