"""A PostgreSQL of the test's own: Debian's programs, a folder, a socket in it, no port; never as root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

_USER = "nobody"


def _programs() -> Path:
    """The newest of Debian's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        raise FileNotFoundError(
            "There is no PostgreSQL below /usr/lib/postgresql: install Debian's package postgresql."
        )
    return found[-1]


@contextmanager
def postgres(password: str | None = None) -> Iterator[str]:
    """Gives the URL of an empty database, without its name: `…/{name}` is to be filled in.

    None: whoever reaches the socket is trusted.
    """
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path may have a hundred characters only
    as_user = {"user": _USER} if os.geteuid() == 0 else {}
    if as_user:
        shutil.chown(folder, _USER)
    user = _USER if as_user else pwd.getpwuid(os.geteuid()).pw_name
    data = folder / "data"
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, env=environment, cwd=folder, **as_user)  # type: ignore[call-overload]

    try:
        # ICU's collation stands for any language's: nothing may depend on plain order unasked.
        locale = ("--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8")
        known: tuple[str, ...] = ("-A", "trust")
        if password is not None:
            (folder / "password").write_text(password)
            known = ("-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
        run(str(programs / "initdb"), "-D", str(data), "-U", user, *known, "--no-sync", *locale)
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=32MB"
        control = (str(programs / "pg_ctl"), "-D", str(data), "-w")
        run(*control, "-l", str(folder / "log"), "-o", settings, "start")
        try:
            who = user if password is None else f"{user}:{quote(password)}"
            yield f"postgresql+psycopg://{who}@/{{name}}?host={folder}"
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def create(url: str, name: str, *, like: str = "template1") -> str:
    """A database of that name, a copy of another; gives its URL."""
    from sqlalchemy import create_engine, text  # noqa: PLC0415 - for this alone

    engine = create_engine(url.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {like}"))
    engine.dispose()
    return url.format(name=name)
