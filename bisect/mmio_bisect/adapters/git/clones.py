"""Bare clones of our own: made once, brought up to date, and asked; gitpython runs git and raises its errors."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import git

from mmio_bisect.adapters.held_folder import held_work_folder, sweep

# No hook and no configuration of the clone's runs.
SAFE: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
_FETCHED: Final = "mmio-bisect-fetched"  # its modification time is when; git writes FETCH_HEAD even when it fails


def clone_bare(url: str, own: Path, environment: Mapping[str, str], *, without_files: bool = False) -> None:
    """Raises `git.GitCommandError`."""
    options = ["--filter=blob:none"] if without_files else None
    work = own.parent / "work"
    sweep(work)
    with held_work_folder(work) as aside:
        git.Repo.clone_from(
            url, aside / "clone", bare=True, env=os.environ | environment, multi_options=options
        ).close()
        (aside / "clone" / _FETCHED).touch()
        if not own.exists():  # else another was quicker
            (aside / "clone").rename(own)


def update(repository: git.Repo) -> None:
    """Raises `git.GitCommandError`."""
    repository.git.fetch("--quiet", "--tags", "--force", "origin", "+refs/heads/*:refs/heads/*")
    (Path(repository.git_dir) / _FETCHED).touch()


def heard_at(folder: Path, *, own: bool) -> datetime:
    """When the clone, whose git folder this is, last heard of its upstream: of a user's, as far as its files tell."""
    names = (_FETCHED,) if own else ("FETCH_HEAD", "HEAD")
    times = [(folder / name).stat().st_mtime for name in names if (folder / name).exists()]
    return datetime.fromtimestamp(max(times, default=0.0), UTC)


def asked(repository: git.Repo, *words: str) -> str | None:
    """What git prints; None where it fails or prints nothing."""
    try:
        return str(repository.git.execute(["git", *SAFE, *words])).strip() or None
    except git.GitCommandError:
        return None


def last_words(error: git.GitCommandError) -> str:
    lines = [line.strip() for line in str(error.stderr).splitlines() if line.strip(" '\n")]
    fatal = [line for line in lines if "fatal:" in line or "error:" in line] or lines[-1:]
    return fatal[0].removeprefix("stderr: ").strip("'")[:300] if fatal else f"git ended with {error.status}"
