"""`.docker/pin.sh`, with a docker that only says what it is asked for."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / ".docker" / "pin.sh"


def test_what_stands_in_env_stays_and_stays_closed(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    script = shutil.copy(_SCRIPT, tmp_path / ".docker")
    programs, socket, env = tmp_path / "bin", tmp_path / "docker.sock", tmp_path / ".env"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\n[ $1 = pull ] || echo debian@sha256:123\n")
    (programs / "docker").chmod(0o755)
    socket.touch()
    env.write_text("MAIL_URL=smtp://someone:secret@there\nMMIO_BISECT_BASE=old\n")
    env.chmod(0o600)
    words = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "DOCKER_SOCKET": str(socket)}
    subprocess.run(["/bin/sh", script], env=words, check=True, capture_output=True)
    assert env.read_text().splitlines() == [
        "MAIL_URL=smtp://someone:secret@there",
        "MMIO_BISECT_BASE=debian@sha256:123",
        f"DOCKER_GID={socket.stat().st_gid}",
    ]
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
