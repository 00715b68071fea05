"""`check`: one object or one compiler, and `git bisect run` over it.

The compiler is a script that copies one of two objects: what is measured here is the command, not a compiler.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mmio_bisect.cli.app import main
from mmio_bisect.errors import UsageError

SHAPES = Path(__file__).parents[1] / "fixtures" / "objects" / "shapes.o"
# In the function `store`: str w8, [x0] and str w8, [x0], #4
PLAIN, POST_INDEXED = (word.to_bytes(4, "little") for word in (0xB9000008, 0xB8004408))
RECIPE = """\
//mmio: target=aarch64 opt=2
//mmio: fn=store(mmio) accesses=store32+0
void store(volatile unsigned *p) { *p = 1; }
"""
COMPILER = """\
#!/bin/sh
if [ "$1" = --version ]; then echo "clang version 18.1.0"; exit; fi
while [ "$1" != -o ]; do shift; done
case {choice} in
  broken) echo "error: it does not build"; exit 1 ;;
  *) cp {folder}/{choice}.o "$2" ;;
esac
"""
BAD_TEXT = """\
bad.o: bad

store: bad
     0  mov     w8, #1
▶    4  str     w8, [x0], #4
     8  ret
▶ 0x4 str w8, [x0], #4  writeback-post of store32+0: register writeback: ISV = 0; emulated by xen-arm, not by arm-isv
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shapes = SHAPES.read_bytes()
    (tmp_path / "good.o").write_bytes(shapes)
    (tmp_path / "bad.o").write_bytes(shapes.replace(PLAIN, POST_INDEXED))
    (tmp_path / "store.c").write_text(RECIPE)
    for choice in ("good", "bad", "broken"):
        write_compiler(tmp_path / f"clang-{choice}", choice, tmp_path)
    return tmp_path


def write_compiler(path: Path, choice: str, folder: Path) -> None:
    path.write_text(COMPILER.format(choice=choice, folder=shlex.quote(str(folder))))
    path.chmod(0o755)


def test_a_good_object_exits_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--object", str(folder / "good.o"), "--fn", "store(mmio) accesses=store32+0"]) == 0
    assert capsys.readouterr().out.startswith("good.o: good\n")


def test_a_pattern_that_matches_no_function_is_an_error_that_names_those_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "--object", str(folder / "good.o"), "--fn"]
    assert main([*words, "st*re(mmio) accesses=store32+0"]) == 0
    assert main([*words, "stroe*(mmio) accesses=store32+0"]) == 200 + UsageError.exit_code
    assert "error: The object defines no function stroe*; it defines store, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "profile"),
    [("x86_64", "kvm-x86"), ("i686", "kvm-x86"), ("riscv64", "kvm-riscv"), ("aarch64", "arm-isv")],
)
def test_the_document_names_the_profile_that_was_used(
    target: str, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--object", str(SHAPES.parent / f"targets.{target}.o"), "--fn", "sets_a_bit(mmio) each=load32,store32"]
    assert main(["check", *words, "--json"]) in {0, 1}
    assert json.loads(capsys.readouterr().out)["checks"][0]["judgement"]["profile"] == profile


def test_a_bad_object_exits_with_1_and_shows_the_instruction(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--object", str(folder / "bad.o"), "--fn", "store(mmio) accesses=store32+0"]) == 1
    assert capsys.readouterr().out == BAD_TEXT


def test_a_recipe_can_say_what_the_object_must_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder / "store.c"), "--object", str(folder / "bad.o"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["command"], told["case"], told["verdict"]) == (2, "check", "store.c", "bad")
    defects = told["checks"][0]["judgement"]["functions"][0]["defects"]
    assert [(defect["kind"], defect["offset"]) for defect in defects] == [("writeback-post", 4)]


def test_only_the_defects_asked_for_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--object", str(folder / "bad.o"), "--fn", "store(mmio)", "--defect", "torn"]
    assert main(words) == 0
    capsys.readouterr()


@pytest.mark.parametrize(("choice", "code"), [("good", 0), ("bad", 1), ("broken", 125)])
def test_a_compiler_is_judged_by_what_it_makes(
    folder: Path, choice: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    compiler = folder / f"clang-{choice}"
    assert main(["check", str(folder / "store.c"), "--compiler", str(compiler), "--sandbox", "local"]) == code
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"clang-{choice} (clang 18.1.0) aarch64 -O2: ")
    assert last.startswith(f"To reproduce: {compiler} --target=aarch64-unknown-linux-gnu -O2 ")


def test_an_untestable_compile_says_what_the_compiler_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(folder / "store.c"), "--compiler", str(folder / "clang-broken"), "--sandbox", "local"])
    assert "untestable (rejected: error: it does not build)\n" in capsys.readouterr().out


def test_what_was_compiled_can_be_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiler, kept = folder / "clang-bad", folder / "kept"
    words = ["check", str(folder / "store.c"), "--compiler", str(compiler), "--sandbox", "local", "--keep", str(kept)]
    main(words)
    assert (kept / "clang-bad" / "store.c-aarch64-O2" / "store.o").read_bytes() == (folder / "bad.o").read_bytes()
    capsys.readouterr()


def test_a_foreign_recipe_needs_the_sandbox_to_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder / "store.c"), "--compiler", str(folder / "clang-good")]) == 200 + 20
    assert "pass --sandbox local" in capsys.readouterr().err


def test_git_bisect_run_finds_the_commit_that_changed_the_compiler(folder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "compiler"
    repository.mkdir()
    environment = {
        **os.environ,
        **{f"GIT_{who}_{what}": "nobody@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "MMIO_BISECT_VISIBLE": str(tmp_path),  # where the scripts that stand for compilers have what they call
    }

    def git(*words: str) -> str:
        said = subprocess.run(
            ["git", *words], cwd=repository, env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        return said.stdout.strip()

    git("init", "--quiet")
    commits = []
    for number, choice in enumerate(("good", "good", "broken", "good", "bad", "bad")):
        write_compiler(repository / "clang", choice, folder)
        (repository / "number").write_text(str(number))
        git("add", "--all")
        git("commit", "--quiet", "--message", f"{number}: {choice}")
        commits.append(git("rev-parse", "HEAD"))
    git("bisect", "start", commits[-1], commits[0])
    check = [sys.executable, "-m", "mmio_bisect", "check", str(folder / "store.c")]
    said = git("bisect", "run", *check, "--compiler", "./clang", "--sandbox", "local")
    assert f"{commits[4]} is the first bad commit" in said
