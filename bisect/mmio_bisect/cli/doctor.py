"""`mmio-bisect doctor`: is everything here that a bisection needs?"""

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from mmio_bisect import __version__
from mmio_bisect.cli import options
from mmio_bisect.cli.context import wiring_of
from mmio_bisect.composition.wiring import Settings
from mmio_bisect.domain.sizes import size_text
from mmio_bisect.errors import DownloadError, MmioBisectError, SandboxError, sentence
from mmio_bisect.report.terminal import output
from mmio_bisect.report.terminal.listings import Finding, State, findings_document, findings_text
from mmio_bisect.workflow.ports.sandbox import exposed
from mmio_bisect.workflow.ports.wiring import Wiring

EXAMPLES = """
Exits with 0 unless a check failed; a warning is something that one can live with, such as no network while the
toolchains are there.
"""

# `zig` needs pip's machine-readable index (`pip index versions --json`).
_PIP_NEEDED = (25, 1)
# One toolchain takes up to 400 MB while it is unpacked.
_SCANT_DISK = 2 << 30


def doctor(
    context: typer.Context,
    database: options.Database = None,
    store: options.Store = None,
    recipes: options.Recipes = None,
    series_file: options.SeriesFiles = None,
    as_json: options.AsJson = False,
) -> int:
    wiring = wiring_of(
        context, Settings(database=database, store=store, recipes=recipes, series_files=tuple(series_file or ()))
    )
    findings = list(_findings(wiring))
    if as_json:
        output.show_document(findings_document(findings))
    else:
        output.show(findings_text(findings))
    failed = any(finding.state is State.FAIL for finding in findings)
    return MmioBisectError.exit_code if failed else 0


def _findings(wiring: Wiring) -> Iterator[Finding]:
    yield Finding(name="mmio-bisect", state=State.OK, detail=f"{__version__}, Python {sys.version.split()[0]}")
    yield _pip()
    yield _package("capstone")
    yield _git()
    yield _explained("recipes", partial(_recipes, wiring))
    yield _explained("local sandbox", partial(_sandbox, wiring))
    yield _docker(wiring)
    yield _explained("toolchain store", partial(_store, wiring))
    yield _explained("history", lambda: Finding(name="history", state=State.OK, detail=wiring.database_state()))
    for series in wiring.series():
        if wiring.costs_to_list(series):
            continue
        yield _explained(f"series {series}", partial(_series, wiring, series))


def _explained(name: str, find: Callable[[], Finding]) -> Finding:
    """A source that does not answer is a warning: what was fetched before still works. All else is a failure."""
    try:
        return find()
    except DownloadError as error:
        return Finding(name=name, state=State.WARN, detail=str(error))
    except MmioBisectError as error:
        return Finding(name=name, state=State.FAIL, detail=str(error))


def _pip() -> Finding:
    found = _package("pip")
    if found.state is State.OK and tuple(map(int, found.detail.split(".")[:2])) < _PIP_NEEDED:
        needed = ".".join(map(str, _PIP_NEEDED))
        return Finding(
            name="pip", state=State.FAIL, detail=f"{found.detail}, but series zig needs {needed}: upgrade pip"
        )
    return found


def _package(name: str) -> Finding:
    try:
        return Finding(name=name, state=State.OK, detail=version(name))
    except PackageNotFoundError:
        return Finding(name=name, state=State.FAIL, detail="not installed: install mmio-bisect with its dependencies")


def _git() -> Finding:
    where = shutil.which("git")
    if where is None:
        return Finding(name="git", state=State.WARN, detail="not found: only `git bisect run` needs it")
    return Finding(name="git", state=State.OK, detail=where)


def _recipes(wiring: Wiring) -> Finding:
    checked = wiring.recipe_problems()
    wrong = [problem for _, problem in checked if problem is not None]
    if wrong:
        return Finding(name="recipes", state=State.FAIL, detail=f"{wrong[0]} ({len(wrong)} in all)")
    return Finding(name="recipes", state=State.OK, detail=f"{len(checked)} files")


def _sandbox(wiring: Wiring) -> Finding:
    granted = wiring.isolation()
    detail = f"limits, and namespaces: {', '.join(sorted(granted))}" if granted else "limits alone: no namespaces here"
    if left := exposed(granted):
        detail = f"{detail}; a compiler can {'; '.join(left)}"
    return Finding(name="local sandbox", state=State.WARN if left else State.OK, detail=detail)


def _docker(wiring: Wiring) -> Finding:
    """Without docker there is less isolation, but nothing that ships with the tool fails."""
    docker = wiring.docker_sandbox()
    try:
        found, image = docker.reach(), docker.present_image()
    except SandboxError as error:
        detail = f"{sentence(str(error))} Recipes of your own will need --sandbox local."
        return Finding(name="docker sandbox", state=State.WARN, detail=detail)
    if image is None:
        detail = f"{found}; an image will be pulled, or else built, when it is first needed"
        return Finding(name="docker sandbox", state=State.WARN, detail=detail)
    return Finding(name="docker sandbox", state=State.OK, detail=f"{found}, image {image}")


def _store(wiring: Wiring) -> Finding:
    entries = wiring.store().entries()
    folder = wiring.store_folder()
    free = shutil.disk_usage(_existing(folder)).free
    size = size_text(sum(entry.size for entry in entries))
    detail = f"{folder}: {len(entries)} toolchains, {size}; {size_text(free)} free"
    return Finding(name="toolchain store", state=State.OK if free >= _SCANT_DISK else State.WARN, detail=detail)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def _series(wiring: Wiring, series: str) -> Finding:
    listing = wiring.source(series).listing()
    points = listing.points
    if not points:
        return Finding(name=f"series {series}", state=State.WARN, detail="nothing of it is on this machine")
    detail = f"{len(points)} points, {points[0]} to {points[-1]}; asked {listing.asked_at:%Y-%m-%d %H:%M} UTC"
    return Finding(name=f"series {series}", state=State.OK, detail=detail)
