"""`mmio-bisect guard`: the docker socket that a containerised watch is given in place of docker's own."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mmio_bisect.composition.volumes import store_volume
from mmio_bisect.errors import UsageError
from mmio_bisect.guard.server import guarding
from mmio_bisect.report.terminal import output

EXAMPLES = """
Examples:

  MMIO_BISECT_STORE_VOLUME=compilers:/compilers mmio-bisect guard /run/mmio-bisect/docker.sock

DOCKER_HOST is the daemon's socket, /var/run/docker.sock where it is not set.
"""


def guard(
    socket: Annotated[Path, typer.Argument(metavar="SOCKET", help="Where it listens, for whoever sees that folder.")],
) -> int:
    volume = store_volume()
    if volume is None:
        raise UsageError("Say which volume sandboxes may mount: MMIO_BISECT_STORE_VOLUME=NAME:FOLDER.")
    docker_host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    with guarding(socket, docker_host, volume, output.note) as serve:
        output.note(f"guard: {socket} for {docker_host}, volume {volume.name}")
        try:
            serve()
        except KeyboardInterrupt:
            output.note("guard: ended")
    return 0
