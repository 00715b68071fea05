"""The README's workflow and units, held against what those who will read them say of them.

GitHub's own schema (check-jsonschema carries it), zizmor for what is unsafe, and systemd itself.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


def example(ending: str) -> str:
    """What stands in the README below a first line `# …/NAME`, to the end of its block or the next such line."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    files = [part for block in blocks for part in re.split(r"^(?=# \S*/)", block, flags=re.MULTILINE)]
    (found,) = [part for part in files if part.startswith("# ") and part.splitlines()[0].endswith(ending)]
    return found


def checked(*words: str | Path) -> str:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}{ended.stderr}"
    return f"{ended.stdout}{ended.stderr}"


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    path = tmp_path / ".github" / "workflows" / "watch.yml"
    path.parent.mkdir(parents=True)
    path.write_text(example("/watch.yml"))
    return path


def test_the_workflow_is_one_of_github_s(workflow: Path) -> None:
    checked(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)


def test_the_workflow_is_safe(workflow: Path) -> None:
    checked(PROGRAMS / "zizmor", "--offline", "--no-config", workflow)


def test_the_workflow_keeps_its_history_also_when_a_regression_fails_it(workflow: Path) -> None:
    text = workflow.read_text()
    assert text.index("watch --once") < text.index("cache/save") < text.index("if: always()")


@pytest.mark.systemd
def test_the_units_are_understood_by_systemd(tmp_path: Path) -> None:
    units = [tmp_path / f"mmio-bisect.{kind}" for kind in ("service", "timer")]
    for unit in units:
        unit.write_text(example(unit.name))
    assert checked("systemd-analyze", "verify", "--man=no", *units) == ""


@pytest.mark.systemd
def test_the_timer_s_time_is_one() -> None:
    (time,) = re.findall(r"^OnCalendar=(.+)$", example("mmio-bisect.timer"), re.MULTILINE)
    assert "06:30:00" in checked("systemd-analyze", "calendar", time)
