"""What tests need beyond Python and its package index.

A test names what it needs by a marker. Where that is missing the test is skipped with the reason, and the run ends with
a table; where CI is set, a missing component fails it. `.ci/packages.sh` installs the packages named here.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs
import pytest

from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.local.subprocess_local import LocalSandbox
from mmio_bisect.errors import SandboxError
from mmio_bisect.workflow.ports.sandbox import Isolation

INSTALL = "make test-all"
_DOCKER_HOST = os.environ.get("DOCKER_HOST")


def fixture_path(path: str) -> Path:
    """Where `.ci/fetch.sh` puts what needs no root: in the user's cache."""
    return platformdirs.user_cache_path("mmio-bisect") / path


def _docker_answers() -> bool:
    with pytest.MonkeyPatch.context() as patch, suppress(SandboxError), closing(Engine(seconds=10)) as engine:
        if _DOCKER_HOST is not None:
            patch.setenv("DOCKER_HOST", _DOCKER_HOST)
        return bool(engine.version)
    return False


def _index_answers() -> bool:
    words = (sys.executable, "-m", "pip", "index", "versions", "ziglang")
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _kernel_isolates() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return LocalSandbox(base=Path(folder) / "base").abilities() == frozenset(Isolation)


def _postgresql_is_installed() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Met by `programs` on PATH, `fetched` paths that are there, and a check that holds; `packages` are Debian's."""

    marker: str
    what: str
    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    check: Callable[[], bool] = lambda: True

    @property
    def installed(self) -> bool:
        return all(map(shutil.which, self.programs)) and self.check()

    @property
    def met(self) -> bool:
        return all(fixture_path(path).exists() for path in self.fetched) and self.installed


REQUIREMENTS = (
    Requirement(marker="docker", what="a docker daemon", check=_docker_answers),
    Requirement(
        marker="compose",
        what="docker-compose 1.29 and 2.26",
        programs=("docker", "docker-compose"),
        packages=("docker-compose",),
        fetched=("test-compose/docker-compose",),
    ),
    Requirement(
        marker="browser",
        what="Chromium and its driver",
        programs=(os.environ.get("CHROMIUM", "chromium"), os.environ.get("CHROMEDRIVER", "chromedriver")),
        packages=("chromium", "chromium-driver"),
    ),
    Requirement(
        marker="postgresql",
        what="PostgreSQL's programs",
        packages=("postgresql",),
        check=_postgresql_is_installed,
    ),
    Requirement(marker="ccache", what="ccache", programs=("ccache",), packages=("ccache",)),
    Requirement(marker="systemd", what="systemd-analyze", programs=("systemd-analyze",), packages=("systemd",)),
    Requirement(
        marker="tcc",
        what="TinyCC's source, and a C compiler to build it",
        programs=("cc", "make"),
        packages=("gcc", "libc6-dev", "make"),
        fetched=("test-tcc/tcc",),
    ),
    Requirement(
        marker="cross_gcc",
        what="Debian's GCC 12 for the targets",
        programs=("gcc-12", "aarch64-linux-gnu-gcc-12", "arm-linux-gnueabihf-gcc-12", "riscv64-linux-gnu-gcc-12"),
        packages=("gcc-12", "gcc-12-aarch64-linux-gnu", "gcc-12-arm-linux-gnueabihf", "gcc-12-riscv64-linux-gnu"),
    ),
    Requirement(marker="rustc", what="Debian's rustc 1.63", fetched=("test-rustc/rust/rustc",)),
    Requirement(
        marker="rust_archives",
        what="Debian's rustc 1.63 and 1.85 as release archives",
        fetched=("test-rustdist/bookworm", "test-rustdist/trixie"),
    ),
    Requirement(marker="llvm_mc", what="Debian's llvm-mc 19", fetched=("test-llvm/llvm/llvm-mc",)),
    Requirement(marker="network", what="the package index", check=_index_answers),
    Requirement(marker="isolation", what="a kernel that lets this user make namespaces", check=_kernel_isolates),
)

# A test that asks for one of these fixtures has the marker without saying so.
FIXTURES = {
    "docker_host": "docker",
    "llvm_mc": "llvm_mc",
    "postgresql": "postgresql",
    "rustc": "rustc",
    "zigs": "network",
}

_BY_MARKER = {requirement.marker: requirement for requirement in REQUIREMENTS}


@cache
def is_there(marker: str) -> bool:
    return _BY_MARKER[marker].met


def pytest_configure(config: pytest.Config) -> None:
    for requirement in REQUIREMENTS:
        config.addinivalue_line("markers", f"{requirement.marker}: needs {requirement.what}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(FIXTURES[fixture])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [name for name in _BY_MARKER if item.get_closest_marker(name) is not None]
    missing = [name for name in wanted if not is_there(name)]
    if not missing:
        return
    reason = f"missing: {', '.join(_BY_MARKER[name].what for name in missing)}"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}. CI is set, so nothing may be; `{INSTALL}` installs it.", pytrace=False)
    item.user_properties += [("missing", name) for name in missing]
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped: Iterable[pytest.TestReport] = terminalreporter.stats.get("skipped", ())
    counts = Counter(
        value for report in skipped for name, value in getattr(report, "user_properties", ()) if name == "missing"
    )
    if not counts:
        return
    terminalreporter.section("skipped, by what is missing")
    for requirement in REQUIREMENTS:
        if count := counts[requirement.marker]:
            terminalreporter.line(f"{count:>6}  {requirement.marker:<14} {requirement.what}")
    terminalreporter.line(f"To run them, as root on Debian: {INSTALL}")


def main() -> None:
    """Print Debian's packages for what is missing here, one a line."""
    for requirement in REQUIREMENTS:
        if requirement.packages and not requirement.installed:
            sys.stdout.write("".join(f"{package}\n" for package in requirement.packages))


if __name__ == "__main__":
    main()
