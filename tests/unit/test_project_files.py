"""The files beside the package: locks that hold what pyproject.toml asks for, and what runs around a commit."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNNING = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
WANTED = {
    "requirements.lock": RUNNING + PROJECT["project"]["optional-dependencies"]["postgresql"],
    "requirements-dev.lock": RUNNING + PROJECT["dependency-groups"]["dev"],
}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(name: str) -> dict[str, tuple[Version, list[str]]]:
    """Each package of a lock: its version, and what stands behind it."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / name).read_text()).splitlines()
    found: dict[str, tuple[Version, list[str]]] = {}
    for line in (line for line in lines if line.strip() and not line.strip().startswith("#")):
        pinned, *rest = re.split(r"(?= --hash)", line)
        requirement = Requirement(pinned)
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        found[canonicalize_name(requirement.name)] = (Version(pin.version), [word.strip() for word in rest])
    return found


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_every_dependency_at_a_version_of_its_range(name: str) -> None:
    packages = locked(name)
    for wanted in map(Requirement, WANTED[name]):
        version, _ = packages[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{name} has {wanted.name} {version}: `make lock`"


@pytest.mark.parametrize("name", WANTED)
def test_every_package_of_a_lock_has_hashes_and_no_index_has_an_address_there(name: str) -> None:
    for package, (_, hashes) in locked(name).items():
        assert hashes, package
        assert all(HASH.fullmatch(word) for word in hashes), package
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)


def test_development_runs_the_versions_that_users_run() -> None:
    running, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert running.items() <= development.items()


def test_the_continuous_integration_is_a_workflow_of_github_s_and_safe() -> None:
    workflow = ROOT / ".github/workflows/ci.yml"
    schema = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    for program, *words in (schema, ("zizmor", "--offline", "--no-config")):
        ended = subprocess.run(
            (PROGRAMS / program, *words, workflow), capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}"
    steps = [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]
    assert any(".ci/run" in step.get("run", "") for step in steps)


def test_the_hooks_before_a_commit_are_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == commands
