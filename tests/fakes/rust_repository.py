"""A small real git repository that grows as Rust's does: merges by bors on the first-parent line, a moving gitlink."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LLVM = tuple(f"{number:040x}" for number in (0x17, 0x18, 0x19))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request and its merge, at noon of `day`. `llvm` is where it moves the gitlink; `tag` names the merge.

    With `rolled_up` (number and title of each) it is a rollup of these.
    """

    day: str
    llvm: str | None = None
    author: str = "bors"
    tag: str | None = None
    rolled_up: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """`merges` are the commits of the merges, in order; `pulled` those that they brought in."""

    folder: Path
    merges: tuple[str, ...]
    pulled: tuple[str, ...]


def grow(folder: Path, pulls: Sequence[Pull]) -> Grown:
    """By git's own fast-import, in a bare repository."""
    _git("init", "--quiet", "--bare", "--initial-branch=master", str(folder))
    lines = ["feature done", "commit refs/heads/master", "mark :1"]
    lines += [_person("committer", "graydon", "2010-06-16"), *_data("The beginning"), _file("README.md", "Rust")]
    lines += [f"M 160000 {LLVM[0]} src/llvm-project", ""]
    main = 1
    for number, pull in enumerate(pulls, start=1):
        side, merge = 2 * number, 2 * number + 1
        change = f"M 160000 {pull.llvm} src/llvm-project" if pull.llvm else _file(f"src/{number}.rs", str(number))
        if pull.rolled_up:
            lines += _rollup(pull, number, side, main)
        else:
            lines += [f"commit refs/heads/pull-{number}", f"mark :{side}", _person("committer", "someone", pull.day)]
            lines += [*_data(f"Change {number}"), f"from :{main}", change, ""]
        lines += ["commit refs/heads/master", f"mark :{merge}", _person("author", pull.author, pull.day)]
        lines += [
            _person("committer", pull.author, pull.day),
            *_data(_message(pull, number)),
        ]
        lines += [f"from :{main}", f"merge :{side}", change, ""]
        if pull.tag:
            lines += [f"reset refs/tags/{pull.tag}", f"from :{merge}", ""]
        main = merge
    marks = folder / "marks"
    _git(
        "-C",
        str(folder),
        "fast-import",
        "--quiet",
        "--done",
        f"--export-marks={marks}",
        text="\n".join([*lines, "done", ""]),
    )
    commits = dict(line.split() for line in marks.read_text().splitlines())
    order = range(1, len(pulls) + 1)
    return Grown(
        folder=folder,
        merges=tuple(commits[f":{2 * number + 1}"] for number in order),
        pulled=tuple(commits[f":{2 * number}"] for number in order),
    )


def _rollup(pull: Pull, number: int, side: int, main: int) -> list[str]:
    """A branch of merges, each of a pull request's own commit: as the queue's rollups are made."""
    lines, tip = [], main
    for place, (pulled, title) in enumerate(pull.rolled_up, start=1):
        own, merge = 1000 * number + 2 * place, 1000 * number + 2 * place + 1
        if place == len(pull.rolled_up):
            merge = side
        change = _file(f"src/{number}-{place}.rs", title)
        lines += [f"commit refs/heads/pull-{pulled}", f"mark :{own}", _person("committer", "someone", pull.day)]
        lines += [*_data(f"wip on {title}"), f"from :{main}", change, ""]
        lines += [f"commit refs/heads/rollup-{number}", f"mark :{merge}", _person("committer", "roller", pull.day)]
        lines += _data(f"Rollup merge of #{pulled} - someone:change-{place}, r=other\n\n{title}\n\nWhy: fixes #1.\n")
        lines += [f"from :{tip}", f"merge :{own}", change, ""]
        tip = merge
    return lines


def _message(pull: Pull, number: int) -> str:
    if not pull.rolled_up:
        return f"Auto merge of #{number} - someone:change, r=other\n\nChange {number}\n\nIt was needed.\n"
    listed = "\n".join(f" - #{pulled} ({title})" for pulled, title in pull.rolled_up)
    return (
        f"Auto merge of #{number} - roller:rollup-abc, r=roller\n\nRollup of {len(pull.rolled_up)} pull requests\n\n"
        f"Successful merges:\n\n{listed}\n\nFailed merges:\n\n - #9 (This did not apply)\n\n"
        "r? `@ghost`\n`@rustbot` modify labels: rollup\n"
    )


def _person(role: str, name: str, day: str) -> str:
    seconds = int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC).timestamp())
    return f"{role} {name} <{name}@example.org> {seconds} +0000"


def _data(text: str) -> tuple[str, str]:
    return f"data {len(text.encode())}", text


def _file(name: str, text: str) -> str:
    return f"M 100644 inline {name}\ndata {len(text)}\n{text}"


def _git(*words: str, text: str = "") -> None:
    subprocess.run(["git", *words], input=text, text=True, check=True)
