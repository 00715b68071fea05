"""Series of what is on this machine: scripts take the place of compilers."""

from pathlib import Path

import pytest
from signalling import Uncancelled

from mmio_bisect.adapters.series.installed import InstalledConfig, InstalledSeries, _with_libraries
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.toolchain import Point
from mmio_bisect.errors import UnknownVersionError


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def series(folder: Path, *programs: str, family: CompilerFamily = CompilerFamily.CLANG) -> InstalledSeries:
    config = InstalledConfig(family=family, summary="", programs=programs)
    return InstalledSeries("installed", config, path=f"{folder}/none:{folder}")


def names(found: InstalledSeries) -> list[str]:
    """Without the digests of sizes and times."""
    return [point.version.rpartition(".")[0] for point in found.listing().points]


def test_compilers_on_path_are_points_in_the_order_of_versions(tmp_path: Path) -> None:
    program(tmp_path / "clang-9", "Debian clang version 9.0.1")
    program(tmp_path / "clang-14", "Debian clang version 14.0.6")
    assert names(series(tmp_path, "clang-[0-9]*")) == ["9.0.1+clang-9", "14.0.6+clang-14"]


def test_one_compiler_of_two_names_is_one_point(tmp_path: Path) -> None:
    (tmp_path / "clang").symlink_to(program(tmp_path / "clang-14", "clang version 14.0.6"))
    assert names(series(tmp_path, "clang-[0-9]*", "clang")) == ["14.0.6+clang-14"]


def test_what_is_no_compiler_of_the_family_is_left_out(tmp_path: Path) -> None:
    program(tmp_path / "clang-9", "an assembler")
    program(tmp_path / "clang-14", "gcc (Debian) 12.2.0")
    (tmp_path / "clang-15").write_text("not executable")
    assert names(series(tmp_path, "clang-*")) == []


def test_a_toolchain_of_rustup_is_named_as_rustup_names_it(tmp_path: Path) -> None:
    program(tmp_path / "toolchains" / "nightly-2026-01-01" / "bin" / "rustc", "rustc 1.95.0-nightly (abc 2025-12-31)")
    found = series(tmp_path, f"{tmp_path}/toolchains/*/bin/rustc", family=CompilerFamily.RUSTC)
    assert names(found) == ["1.95.0-nightly+nightly-2026-01-01"]


def test_another_file_under_the_same_name_is_another_point(tmp_path: Path) -> None:
    path = program(tmp_path / "clang-14", "clang version 14.0.6")
    (before,) = series(tmp_path, "clang-14").listing().points
    path.write_text(path.read_text() + "# rebuilt\n")
    (after,) = series(tmp_path, "clang-14").listing().points
    assert before != after
    with pytest.raises(UnknownVersionError, match="another one now"):
        series(tmp_path, "clang-14").fetch(before, tmp_path, Uncancelled())


def test_the_digest_is_of_what_is_in_the_files(tmp_path: Path) -> None:
    path = program(tmp_path / "clang-14", "clang version 14.0.6")
    found = series(tmp_path, "clang-14")
    (point,) = found.listing().points
    fetched = found.fetch(point, tmp_path, Uncancelled())
    assert (fetched.tool, fetched.image) == ((str(path),), None)
    assert found.origin(point) == f"{path}, on this machine: nothing is fetched"
    path.write_text(path.read_text() + "# rebuilt\n")
    again = series(tmp_path, "clang-14")
    (other,) = again.listing().points
    assert again.fetch(other, tmp_path, Uncancelled()).digest != fetched.digest


def test_a_dynamic_program_is_its_libraries_too(tmp_path: Path) -> None:
    (tmp_path / "clang-1").symlink_to("/bin/cat")
    names = [path.name for path in _with_libraries(tmp_path / "clang-1")]
    assert names[0] == "cat"
    assert any(name.startswith("libc.so") for name in names)


def test_nothing_installed_is_no_point(tmp_path: Path) -> None:
    assert series(tmp_path, "clang-*", "~/nowhere/*").listing().points == ()
    with pytest.raises(UnknownVersionError):
        series(tmp_path, "clang-*").origin(Point(series="installed", version="1", sort_key=""))
