"""A password that is in the database's URL is in nothing that any command prints, writes or keeps."""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from postgres import create, postgres
from scripted_wiring import Script, scripted
from sqlalchemy import create_engine, make_url

from mmio_bisect.adapters.history import schema
from mmio_bisect.cli.app import main
from mmio_bisect.cli.commands import COMMANDS, Command, Group
from mmio_bisect.errors import DownloadError, MissingToolchainError

CANARY = "canary-4f1e"
DOES = {"0.11.0": "good", "0.12.0": "good", "0.12.1": "good", "0.13.0": "bad"}
MIRROR = f"https://{CANARY}@mirror.example/dist?token={CANARY}"
RUN = ("run", "store_then_step", "zig:..", "--opt", "2")
CONFIG = f"""
[watch]
recipes = ["store_then_step"]
opt = ["2"]
pauses = []
page = "page.html"

[watch.series.zig]
from = "0.11.0"

[notify.refused]
url_env = "REFUSED"

[notify.unknown]
url_file = "address"

[notify.missing]
url_env = "{CANARY.replace("-", "_").upper()}_IS_NO_SECRET"
"""

# A database that is not a file.
NOT_HERE = {("history", "backup")}

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("secrets")]


@dataclass(slots=True)
class World:
    """Commands in one folder, over one database; everything that was said is kept."""

    folder: Path
    url: str
    capture: pytest.CaptureFixture[str]
    said: str = ""

    def __call__(self, *words: str, script: Script | None = None) -> tuple[int, str]:
        code = main(words, wire=partial(scripted, script or Script(DOES)))
        out, err = self.capture.readouterr()
        self.said += f"$ {words[0]}\n{out}{err}"
        return code, out + err


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """It wants the password."""
    with postgres(CANARY) as url:
        yield url


@pytest.fixture
def world(
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> World:
    url = create(server, f"history_{os.urandom(4).hex()}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMIO_BISECT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("REFUSED", f"json://me:{CANARY}@127.0.0.1:9/{CANARY}")
    (tmp_path / "address").write_text(f"nosuch://{CANARY}/{CANARY}")
    (tmp_path / "mmio-bisect.toml").write_text(CONFIG)
    return World(folder=tmp_path, url=url, capture=capsys)


def every_command(folder: Path) -> Iterator[tuple[str, ...]]:
    """Each in each of its forms, in an order in which each finds what it asks for."""
    yield from ((*RUN, *more) for more in ((), ("--json",), ("--dry-run",), ("--keep", str(folder / "kept"))))
    yield from (("sweep", "store_then_step", "zig", "--opt", "2", *more) for more in ((), ("--json",), ("--dry-run",)))
    yield from (("attribute", "store_then_step", "zig:0.12.1..0.13.0", *more) for more in ((), ("--json",)))
    yield ("check", "store_then_step", "--compiler", "/nowhere/cc")
    yield from (("report", "1", *more) for more in ((), ("--json",)))
    yield from (("watch", "--once", *more) for more in ((), ("--json",), ("--log", "json")))
    yield from (("watch", "--dry-run", *more) for more in ((), ("--json",)))
    yield from (("watch", "status", *more) for more in ((), ("--json",)))
    yield from (("doctor", *more) for more in ((), ("--json",)))
    for name in ("list", "matrix", "transitions", "fingerprint", "stats", "rejudge"):
        yield from (("history", name, *more) for more in ((), ("--json",)))
    yield from (("history", "list", "--series", "zig", *more) for more in ((), ("--json",)))
    yield from (("history", "show", "1", *more) for more in ((), ("--json",)))
    yield from (("history", "sql", "SELECT * FROM runs", *more) for more in ((), ("--json",), ("--csv",)))
    yield ("history", "diff", "zig@0.12.1", "zig@0.13.0", "--recipe", "store_then_step")
    yield ("history", "report", "--html", str(folder / "history.html"))
    yield ("history", "note", "--recipe", "store_then_step", "--link", MIRROR, f"see {MIRROR}")
    yield from (("history", "note", *more) for more in ((), ("--json",)))
    yield ("history", "export")
    yield ("history", "export", "--output", str(folder / "export.jsonl"))
    yield ("history", "import", str(folder / "export.jsonl"))
    yield ("history", "backup", str(folder / "backup.db"))
    yield from (("history", "check", *more) for more in ((), ("--json",)))
    yield from (("config", "show", *more) for more in ((), ("--json",)))
    yield ("config", "check")
    yield ("config", "init", str(folder / "other.toml"))
    yield from (("recipes", name) for name in ("list", "check"))
    yield ("recipes", "show", "store_then_step")
    yield ("series", "list")
    yield from (("series", "show", "zig", *more) for more in ((), ("--json",)))
    yield ("toolchains", "list")
    yield ("toolchains", "fetch", "zig:0.13.0..0.13.0")
    yield ("toolchains", "verify")
    yield ("toolchains", "prune", "--keep", "1GiB")
    yield ("explain", "pair")
    yield ("guard", str(folder / "nowhere"), "--listen", str(folder / "nowhere"))


def paths(entries: Sequence[Command | Group] = COMMANDS) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield from (
            ((entry.name, *path) for path in paths(entry.commands)) if isinstance(entry, Group) else ((entry.name,),)
        )


def assert_nowhere(world: World) -> None:
    """Not in what was said, not in a file, not in a row."""
    at = world.said.find(CANARY)
    assert at < 0, world.said[max(0, at - 500) : at + 100]
    ours = {"address"}
    for file in world.folder.rglob("*"):
        if file.is_file() and file.name not in ours:
            assert CANARY.encode() not in file.read_bytes(), file
    engine = create_engine(world.url)
    with engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                assert CANARY not in repr(row), (table.name, row)
    engine.dispose()


@pytest.mark.parametrize("by", ["option", "variable"])
def test_every_command_in_every_form(world: World, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password before the host in an option, and as a parameter in the variable."""
    if by == "variable":
        world.url = make_url(world.url).set(password=None).render_as_string() + f"&password={CANARY}"
        monkeypatch.setenv("MMIO_BISECT_DATABASE", world.url)
    tried = set()
    for words in every_command(world.folder):
        takes = words[0] in {"run", "sweep", "report", "watch", "doctor", "history"}
        code, said = world(*words, *(("--database", world.url) if by == "option" and takes else ()))
        assert "Traceback" not in said, said
        assert code != 2 or words[:2] in NOT_HERE or words[0] == "guard", said
        tried |= {words[:1], words[:2]}
    assert {path for path in paths() if path not in tried} == set()
    assert "***" in world.said
    assert_nowhere(world)


@pytest.mark.parametrize(
    "failure",
    [
        DownloadError(f"{MIRROR} is refused (403 Forbidden)"),
        MissingToolchainError(f"{MIRROR} has no such file", for_good=True),
        RuntimeError(f"a defect at {MIRROR}"),
        KeyboardInterrupt(),
    ],
    ids=["refused", "missing", "defect", "interrupt"],
)
def test_an_error_with_an_address_in_it_wherever_it_is_kept_or_told(world: World, failure: BaseException) -> None:
    to = ("--database", world.url)
    failing = Script(DOES, failure=failure)
    world(*RUN, *to, script=failing)
    world("sweep", "store_then_step", "zig", "--opt", "2", *to, script=failing)
    world("watch", "--once", *to, script=failing)
    silent = Script(DOES, silence=None if isinstance(failure, KeyboardInterrupt) else failure)
    for form in ((), ("--json",)):
        world("watch", "--once", *form, *to, script=silent)
        world("watch", "status", *form, *to, script=silent)
        world("doctor", *form, *to, script=silent)
        world("history", "list", *form, *to)
        world("history", "show", "1", *form, *to)
    world("history", "export", *to)
    assert_nowhere(world)


def test_the_command_that_is_told_resumes_where_libpq_knows_the_password(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told = world(*RUN, "--database", world.url, script=Script(DOES, failure=KeyboardInterrupt()))
    assert code == 130
    lead, _, command = told.strip().splitlines()[-1].partition(": mmio-bisect ")
    assert lead.endswith("with the database's password in ~/.pgpass or its whole URL in MMIO_BISECT_DATABASE")
    assert world(*shlex.split(command))[0] == 22  # no password
    file = world.folder / ".pgpass"
    file.write_text(f"*:*:*:*:{CANARY}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert world(*shlex.split(command))[0] == 0
    file.unlink()
    assert_nowhere(world)


@pytest.mark.parametrize(
    "url",
    [
        f"host=nowhere user=me password={CANARY}",
        f"host=nowhere user=me password = '{CANARY} {CANARY}'",
        f"me:{CANARY}@host/db",
        f"postgresql+psycopg://me:{CANARY}@{CANARY}@/db?host=nowhere",
        f"postgresql+psycopg://me:{CANARY}@127.0.0.1:port/db",
        f"postgresql+psycopg://me:{CANARY}@127.0.0.1:9/db",
        f"postgresql+psycopg://me@127.0.0.1:9/db?passwd={CANARY}",
        f"postgresql+psycopg://me@127.0.0.1:9/db?password={CANARY}&nonsense=1",
        f"nosuch://me:{CANARY}@host/db",
        f"sqlite:///folder/history.db?password={CANARY}",
        f"sqlite:///history.db?password={CANARY}",
    ],
)
def test_a_database_that_cannot_be_opened(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        (*RUN, "--database", url),
        ("history", "list", "--database", url),
        ("doctor", "--json", "--database", url),
    ):
        assert main(words, wire=partial(scripted, Script(DOES))) in {10, 22}
        said = "".join(capsys.readouterr())
        assert CANARY not in said
        assert "Traceback" not in said
    monkeypatch.setenv("MMIO_BISECT_DATABASE", url)
    commands = ("history stats", "watch --once", "config show", "config show --json")
    for command in (shlex.join(RUN), *commands):
        main(command.split(), wire=partial(scripted, Script(DOES)))
        said = "".join(capsys.readouterr())
        assert CANARY not in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    "table",
    [
        f'[notify.mail]\nurl_file = "slack://{CANARY}/{CANARY}"',
        f'[notify.mail]\nurl_env = "slack://{CANARY}/{CANARY}"',
        f'[notify]\nmail = "slack://{CANARY}/{CANARY}"',
        f'[notify.mail]\nurl = "slack://{CANARY}/{CANARY}"',
    ],
)
def test_an_address_in_the_wrong_place_of_the_configuration(
    table: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmio-bisect.toml").write_text(table)
    for words in (("config", "check"), ("config", "show"), ("watch", "--once"), ("watch", "status", "--json")):
        assert main(words, wire=partial(scripted, Script(DOES))) == 50
        said = "".join(capsys.readouterr())
        assert CANARY not in said
        assert "mmio-bisect.toml, line " in said
