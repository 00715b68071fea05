"""How two workers share the tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

from scheduling import SLOW

FAKES = Path(__file__).parents[1] / "fakes"
MODULE = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_here(number): ...

@pytest.mark.docker
@pytest.mark.parametrize("number", range(2))
def test_in_docker(number): ...
"""


def test_a_module_s_tests_stay_together_and_all_of_docker_s_which_begin_first(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    docker\n")
    words = ("-p", "scheduling", "-p", "no:cacheprovider", "-v", "-n", "2", "--dist", "loadgroup")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--no-loadscope-reorder", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(FAKES)},
    )
    done = re.findall(r"^\[(gw\d)\] .* PASSED test_(\w+)\.py::test_(here|in_docker)", ended.stdout, re.MULTILINE)
    assert len(done) == 30
    for module in ("one", "two", "three"):
        assert len({worker for worker, name, where in done if (name, where) == (module, "here")}) == 1
    (daemons,) = {worker for worker, _, where in done if where == "in_docker"}
    assert next(where for worker, _, where in done if worker == daemons) == "in_docker"


def test_what_is_known_to_be_slow_is_there() -> None:
    assert [name for name in SLOW if not (FAKES.parent / f"{name}.py").is_file()] == []
