"""Folders that several processes make, hold and remove."""

import os
from pathlib import Path

import pytest

from mmio_bisect.adapters.held_folder import make_folder


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = tmp_path / "above" / "work", os.mkdir
    tried = []

    def removed_at_once(path: os.PathLike[str], mode: int = 0o777) -> None:
        tried.append(Path(path))
        if tried.count(folder) == 2:  # another has it, and removes it before anybody looks
            raise FileExistsError(17, "File exists", str(path))
        real(path, mode)

    monkeypatch.setattr(os, "mkdir", removed_at_once)
    make_folder(folder)  # its first try misses the folder above
    assert folder.is_dir()
    assert tried.count(folder) == 3
    make_folder(folder)


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "work")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "link")
