"""The command line as a process: help, exit codes, quickness, `check` with a real compiler's objects."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from pydantic_core import SchemaValidator, core_schema

from mmio_bisect import __version__
from mmio_bisect.cli import codes
from mmio_bisect.cli.app import main
from mmio_bisect.cli.commands import COMMANDS, Command, Group, commands_for_git_bisect, is_for_git_bisect
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.errors import CancelledError, MissingToolchainError, MmioBisectError


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mmio_bisect", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **environment},
    )


def test_every_class_of_errors_has_an_exit_code_of_its_own() -> None:
    numbers = [found.exit_code for found in codes.error_classes()]
    assert len(numbers) == len(set(numbers))
    assert not {codes.ANSWERED, 1, codes.SUSPECTS_ONLY, codes.CONTRADICTED} & set(numbers)


@pytest.mark.parametrize("error", list(codes.error_classes()), ids=lambda found: found.__name__)
def test_an_error_stops_git_bisect_with_200_and_its_code_and_is_no_signal_no_crash_and_no_other_error(
    error: type[MmioBisectError], capsys: pytest.CaptureFixture[str]
) -> None:
    """Raised where the adapters are made, by each of the table's commands that are made for `git bisect run`."""

    def refuse(_settings: Settings) -> NoReturn:
        raise MissingToolchainError("No.", for_good=True) if error is MissingToolchainError else error("No.")

    stopped = CancelledError.exit_code if error is CancelledError else 200 + error.exit_code
    for name in commands_for_git_bisect():
        assert main([*name.split(), "a"], wire=refuse) == stopped
    assert main(["recipes", "list"], wire=refuse) == error.exit_code
    assert stopped == 130 or 128 + signal.NSIG <= stopped < codes.CRASHED
    capsys.readouterr()


def test_check_is_made_for_git_bisect_and_words_that_only_look_like_it_are_not() -> None:
    assert "check" in commands_for_git_bisect()
    assert is_for_git_bisect(["check", "--nonsense"])
    for words in (["recipes", "check"], ["history", "check"], ["recipes", "show", "check"], ["chec"], ["--help"], []):
        assert not is_for_git_bisect(words), words


def test_help_lists_every_exit_code() -> None:
    text = " ".join(run("--help").stdout.split())
    for found in codes.error_classes():
        assert f" {found.exit_code} " in text, found.__name__
    assert "0 answered, 2 wrong usage, 3 suspects only, 4 contradiction" in text
    assert "11 unknown recipe" in text


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "check",
        "explain",
        "doctor",
        "history",
        "recipes",
        "series",
        "toolchains",
        "history show",
        "recipes check",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert f"Usage: mmio-bisect {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "check", "explain", "history", "recipes", "series", "toolchains"])
def test_help_gives_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    assert f"mmio-bisect {command} " in capsys.readouterr().out.partition("Examples:")[2]


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == "mmio-bisect 0.1.0\n"


HEAVY = ("sqlalchemy", "alembic", "capstone", "elftools", "docker", "git")


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], (*HEAVY, "rich.progress", "mmio_bisect.composition.wiring", "mmio_bisect.workflow.bisect.hunt")),
        (["--help"], tuple(f"mmio_bisect.cli.{one.module}" for one in COMMANDS if one.module != "history")),
        (["run", "--help"], (*HEAVY, "rich.progress", "pydantic")),
    ],
)
def test_help_imports_nothing_heavy(words: list[str], heavy: tuple[str, ...]) -> None:
    program = (
        f"import sys; from mmio_bisect.cli.app import main; main({words!r}); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stderr == "[]\n"


def test_an_interrupt_that_was_dealt_with_while_modules_load_does_not_end_the_process(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(
        """
from mmio_bisect import __main__
from mmio_bisect.cli import commands

def run_command_line():
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return 130

commands.run_command_line = run_command_line
raise SystemExit(__main__.main())
"""
    )
    ended = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False, timeout=60)
    assert ended.returncode == 130  # and not -2, which is death by SIGINT


@pytest.mark.parametrize("words", [["series", "list"], ["check", "store_then_step", "--compiler", "cc"]])
def test_an_interrupt_while_a_library_works_is_one_whatever_the_library_makes_of_it(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    def wire(_settings: Settings) -> NoReturn:
        with monkeypatch.context() as patched:
            patched.setattr(re, "compile", interrupt)
            SchemaValidator(core_schema.str_schema(pattern=".", regex_engine="python-re"))
        raise AssertionError

    assert main(words, wire=wire) == CancelledError.exit_code


def test_the_version_alone_needs_no_typer_and_no_rich() -> None:
    program = (
        "import sys; sys.argv[1:] = ['--version']; from mmio_bisect.__main__ import main; main(); "
        "print([name for name in ('typer', 'rich') if name in sys.modules], file=sys.stderr)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (said.stdout, said.stderr) == (f"mmio-bisect {__version__}\n", "[]\n")


@pytest.mark.parametrize(
    "entry",
    [one for entry in COMMANDS for one in (entry.commands if isinstance(entry, Group) else [entry])],
    ids=lambda one: f"{one.module}-{one.name}",
)
def test_every_command_of_the_table_is_where_the_table_says(entry: Command) -> None:
    assert callable(entry.load())
    assert (entry.epilog() or "Exits").lstrip().startswith(("Examples:", "Exits"))


def test_an_answer_from_history_loads_no_disassembler(tmp_path: Path) -> None:
    program = (
        "import sys; from mmio_bisect.cli.app import main; main(['history', 'list']); "
        "print([name for name in ('capstone', 'elftools', 'pip', 'pydantic') if name in sys.modules], file=sys.stderr)"
    )
    environment = {**os.environ, "MMIO_BISECT_DATABASE": f"sqlite:///{tmp_path / 'history.db'}"}
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert said.stderr == "[]\n"


def test_a_reader_who_goes_away_changes_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mmio_bisect", "explain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_a_crash_of_check_is_not_taken_for_a_bad_commit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def crash(_settings: object) -> None:
        raise ZeroDivisionError

    assert main(["check", "store_then_step", "--compiler", "cc"], wire=crash) == codes.CRASHED  # type: ignore[arg-type]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_crash_of_any_command_has_a_code_that_no_answer_has(capsys: pytest.CaptureFixture[str]) -> None:
    def crash(_settings: object) -> None:
        raise ZeroDivisionError

    assert main(["recipes", "list"], wire=crash) == codes.CRASHED  # type: ignore[arg-type]
    assert "Traceback" in capsys.readouterr().err


def test_the_program_word_check_decides_and_not_an_argument_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", "check"]) == 11
    assert main(["check", "--nonsense"]) == 202
    capsys.readouterr()


def test_an_object_alone_is_no_question_but_its_functions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    shapes = Path(__file__).parents[1] / "fixtures" / "objects" / "flows.o"
    assert main(["check", "--object", str(shapes)]) == 202
    said = capsys.readouterr()
    assert {"moved", "copies_in"} <= set(said.out.split("\n"))
    assert "functions of these with --fn" in said.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 202, "either RECIPE --compiler PATH, or --object FILE"),
        (("store_then_step",), 202, "either RECIPE --compiler PATH, or --object FILE"),
        (("store_then_step", "--compiler", "/nowhere/cc"), 219, "No compiler found at /nowhere/cc"),
        (("nothing_like_it", "--compiler", "/nowhere/cc"), 211, "No recipe is named 'nothing_like_it'"),
        (("--object", "/nowhere/f.o", "--fn", "f(mmio)"), 226, "/nowhere/f.o cannot be read"),
        (("--object", "/dev/null"), 226, "/dev/null: "),
        (("--object", "/dev/null", "--fn", "f(mmio"), 202, "is not a function"),
        (("--object", "/dev/null", "--fn", "f(mmio)"), 226, "/dev/null: "),
        (("--object", "/dev/null", "--fn", "f(mmio)", "--window", "4"), 202, "is not a range; allowed: LOW..HIGH"),
        (("--object", "/dev/null", "--fn", "f(mmio)", "--opt", "2"), 202, "go with --compiler"),
        (("store_then_step", "--compiler", "cc", "--fn", "f(mmio)"), 202, "--fn and --window go with --object"),
    ],
)
def test_what_check_cannot_do_is_a_sentence_and_stops_git_bisect(
    words: tuple[str, ...], code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *words]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert sentence in said.err


def test_recipes_are_listed_shown_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "list"]) == 0
    assert "store_then_step  c rs ll\n" in capsys.readouterr().out
    assert main(["recipes", "show", "store_then_step", "--json"]) == 0
    case = json.loads(capsys.readouterr().out)["cases"][0]
    assert case["functions"] == ["store_then_step(mmio) accesses=store32+0,store32+4"]
    assert main(["recipes", "check"]) == 0
    assert capsys.readouterr().out.endswith(" files read, 0 problems.\n")
    wrong = tmp_path / "wrong.c"
    wrong.write_text("//mmio: fnn=f(mmio)\n")
    assert main(["recipes", "check", str(wrong), str(tmp_path / "none.c")]) == 12
    problems = capsys.readouterr().out.splitlines()
    assert problems[0].startswith(f"{wrong}:1: ")
    assert "none.c" in problems[1]
    assert problems[2] == "2 files read, 2 problems."


def test_sigterm_is_an_interrupt() -> None:
    program = (
        "import os, signal; from mmio_bisect.cli import app\n"
        "def stop(settings): os.kill(os.getpid(), signal.SIGTERM)\n"
        "raise SystemExit(app.main(['recipes', 'list'], wire=stop))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stdout) == (CancelledError.exit_code, "")
    assert "Traceback" not in said.stderr


def test_errors_without_a_class_of_their_own_have_a_code_too() -> None:
    assert MmioBisectError.exit_code == 10


_BISECT = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from mmio_bisect.cli.app import main
from mmio_bisect.composition.wiring import RealWiring
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.workflow.ports.series import Capabilities

DOES = {"0.12.1": "good", "0.13.0": "bad", "0.14.0": "no such builtin"}

class Listed(RealWiring):
    def source(self, series):
        points = [Point(series=series, version=one, sort_key=f"{place:04}") for place, one in enumerate(DOES)]
        return SimpleNamespace(
            family=CompilerFamily.CLANG,
            capabilities=Capabilities(),
            listing=lambda refresh: Listing(series=series, points=tuple(points), asked_at=datetime.now(UTC)),
            interpret=lambda word, listing: (),
        )

def scripted_wiring(settings):
    from scripted_wiring import Script, scripted
    return scripted(Script(DOES), settings)

wire = scripted_wiring if sys.argv[1:] == ["scripted"] else Listed
code = main(["run", "store_then_step", "zig:..", "--opt", "2", "--json", "--quiet"], wire=wire)
heavy = ("mmio_bisect.classify.verdict.judge", "elftools", "docker", "alembic", "pydantic", "rich.progress")
print(code, [name for name in heavy if name in sys.modules], file=sys.stderr)
"""


def test_what_history_answers_loads_neither_the_classifier_nor_what_compiles(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MMIO_BISECT_DATABASE": f"sqlite:///{tmp_path / 'history.db'}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    compiled, known = (
        subprocess.run(
            [sys.executable, "-c", _BISECT, how],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env=environment,
        )
        for how in ("scripted", "listed")
    )
    assert "mmio_bisect.classify.verdict.judge" in compiled.stderr
    assert known.stderr == "0 []\n"
    assert json.loads(known.stdout)["answers"] == json.loads(compiled.stdout)["answers"]
