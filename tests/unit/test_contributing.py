"""CONTRIBUTING.md, held against the tree: every path that it names is there, and no folder is missing from its map."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bisect" / "mmio_bisect"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def paths() -> set[str]:
    """What stands in backticks and has a slash or a file's ending; of a new file, `<…>` or `000N`, its folder."""
    words = set(re.findall(r"`([\w./<>-]+)`", TEXT))
    named = {word for word in words if "/" in word or re.search(r"\w\.(py|toml|md|yml|lock)$", word)}
    return {re.sub(r"[^/]*(<|000N).*", "", word) for word in named} - {"", "mmio-bisect.toml", "__init__.py"}


def is_there(path: str) -> bool:
    wanted_folder = path.endswith("/")
    found = [root / path for root in (ROOT, PACKAGE) if (root / path).exists()]
    if not found and "/" not in path:
        found = list(PACKAGE.rglob(path))
    return any(each.is_dir() == wanted_folder for each in found)


def test_every_path_is_there() -> None:
    named = paths()
    assert len(named) > 60
    assert not sorted(path for path in named if not is_there(path))


def test_the_map_has_a_line_for_each_folder_of_the_package_and_no_other() -> None:
    tracked = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [(ROOT / line).relative_to(PACKAGE) for line in tracked.splitlines() if (ROOT / line).exists()]
    folders = {f"{folder}/" for file in files for folder in file.parents if folder != Path()}
    rooms = re.findall(r"^\| `([\w/]+/)` \| \S.* \|$", TEXT, re.MULTILINE)
    assert sorted(rooms) == sorted(folders)


def test_the_floors_are_those_that_the_linter_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["mmio_bisect"]]
    assert " → ".join(layers) in TEXT.splitlines()
