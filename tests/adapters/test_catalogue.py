"""Series as data: what files may say, which level wins, and how a wrong key is refused."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from catalogued import source_of
from paper_image_builder import PaperImageBuilder
from signalling import Uncancelled

from mmio_bisect.adapters.series.catalogue import KINDS, SHIPPED, config_type, shipped_catalogue
from mmio_bisect.adapters.series.git_commits import read_size
from mmio_bisect.adapters.series.image import expanded
from mmio_bisect.adapters.series.user_files import catalogue_with, validated
from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.errors import InvalidSeriesFileError
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import RunsIn, SeriesSource

VENDOR = """
kind = "debian"
family = "clang"
suites = ["trixie"]

[series.vendor]
summary = "a vendor's clang"
package = 'vendor-clang-(?P<major>\\d+)'
install = ["vendor-clang-{major}"]
tool = "/opt/vendor/{major}/bin/clang"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(InvalidSeriesFileError) as caught:
        catalogue_with((file,))
    return str(caught.value)


def source(file: Path, name: str, image_builder: PaperImageBuilder | None = None) -> SeriesSource:
    return source_of(catalogue_with((file,)), name, file.parent, image_builder)


def test_every_shipped_file_is_read_and_every_series_in_it_can_be_made(tmp_path: Path) -> None:
    catalogue = shipped_catalogue()
    named = {name for path in SHIPPED.glob("*.toml") for name in tomllib.loads(path.read_text())["series"]}
    assert set(catalogue.names()) == named
    for name in named:
        made = source_of(catalogue, name, tmp_path)
        assert (made.name, made.family) == (name, catalogue.config(name).family)
        assert made.summary


def test_what_ships_is_read_without_pydantic_as_pydantic_would() -> None:
    catalogue = shipped_catalogue()
    for name, table in catalogue.tables.items():
        assert catalogue.config(name) == validated("shipped", name, table)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_loaded_without_the_libraries_that_its_toolchains_need(kind: str) -> None:
    heavy = "'pydantic', 'httpx', 'docker', 'git'"
    code = f"""
import sys, json
from mmio_bisect.adapters.series.catalogue import config_type, shipped_catalogue
config_type({kind!r})
catalogue = shipped_catalogue()
for name, table in catalogue.tables.items():
    if table["kind"] == {kind!r}:
        catalogue.config(name)
print(json.dumps([[heavy for heavy in ({heavy}) if heavy in sys.modules],
                  [name for name in sys.modules if name.startswith("mmio_bisect.adapters.series.")]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, modules = json.loads(done.stdout)
    assert loaded == []
    others = {f"mmio_bisect.adapters.series.{module}" for module, _ in KINDS.values()} - {config_type(kind).__module__}
    assert not others & set(modules)


def test_the_shipped_series_are_those_that_users_know() -> None:
    catalogue = shipped_catalogue()
    families = {name: catalogue.config(name).family for name in catalogue.names()}
    assert families.items() >= {
        "zig": CompilerFamily.CLANG, "clang": CompilerFamily.CLANG, "llc": CompilerFamily.LLC,
        "rustc": CompilerFamily.RUSTC, "gcc": CompilerFamily.GCC, "installed-clang": CompilerFamily.CLANG,
    }.items()  # fmt: skip
    assert catalogue.config("clang").runs_in is RunsIn.DOCKER
    assert catalogue.config("installed-gcc").runs_in is RunsIn.HOST


def test_a_vendors_series_needs_no_code(file: Path) -> None:
    file.write_text(VENDOR)
    assert source(file, "vendor").summary == "a vendor's clang"
    assert "zig" in catalogue_with((file,)).names()


def test_inner_levels_override_outer_ones_and_a_users_file_what_ships(file: Path, tmp_path: Path) -> None:
    file.write_text('[series.gcc]\nsuites = ["trixie"]\n')
    again = tmp_path / "again.toml"
    again.write_text('summary = "outer"\n[series.gcc]\n[series.clang]\nsummary = "inner"\n')
    catalogue = catalogue_with((file, again))
    summaries = {name: source_of(catalogue, name, tmp_path).summary for name in ("gcc", "clang")}
    assert summaries == {"gcc": "outer", "clang": "inner"}
    image_builder = PaperImageBuilder()
    source_of(catalogue, "gcc", tmp_path, image_builder).listing()
    assert image_builder.asked == ["trixie"]
    assert catalogue.config("gcc").family is CompilerFamily.GCC, "what the user's file does not say stays as it ships"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VENDOR + 'tol = "/x"\n', "series.vendor.tol is not a key of this kind of series: did you mean tool?"),
        (VENDOR + "qqqq = 1\n", "series.vendor.qqqq is not a key of this kind of series: there are kind, family,"),
        (VENDOR.replace("tool =", "tol ="), "series.vendor.tol is not a key of this kind of series: did you mean"),
        (VENDOR.replace('tool = "/opt', '# "/opt'), "series.vendor lacks tool: add it."),
        (VENDOR.replace('"debian"', '"debain"'), "no known kind ('debain'): write kind = one of zig,"),
        (VENDOR.replace('family = "clang"', 'family = "icc"'), "“icc” is not a family of compilers; there are clang"),
        (VENDOR.replace('["trixie"]', '"trixie"'), "series.vendor.suites: Input should be a valid list."),
        (VENDOR.replace('["trixie"]', '["trixie; rm"]'), "“trixie; rm” is not a suite's name."),
        (VENDOR.replace("(?P<major>", "(?P<major"), "is not a regular expression"),
        (VENDOR.replace("vendor-clang-(", "vendor&clang-("), "has letters that no pattern of package names needs."),
        (VENDOR.replace('"vendor-clang-{major}"', '"vendor-clang-{minr}"'), "may name major, version, minor in braces"),
        (VENDOR.replace('tool = "/opt', 'tool = "opt'), "is not a path in the image: begin it with /."),
        (VENDOR.replace("[series.vendor]", '[series."a:b"]'), "a name has no space, colon or @"),
        (VENDOR.replace("[series", "[suite.x]\nwhat = 1\n[series", 1), "suite.x.what is not a key of a suite"),
        ('[suite.own]\nsources = ["deb http://a b c"]\n' + "[series.clang]\n", "write base = a suite of Debian's."),
        ('kind = "zig"\n', "has no series: write `[series.NAME]`"),
        ("series = 1\n", "has no series"),
        ("[series]\nx = 1\n", "series.x is not a table"),
        ("[series.x\n", "is not valid TOML"),
        (
            '[series.x]\nkind = "image"\nfamily = "gcc"\nsummary = ""\nimages = ["gcc"]\ntool = "/usr/bin/gcc"\n',
            "“gcc” is not an image: write repository:tag",
        ),
    ],
)  # fmt: skip
def test_what_no_schema_knows_is_refused_with_file_and_key(file: Path, text: str, said: str) -> None:
    message = refusal(file, text)
    assert message.startswith(str(file))
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSeriesFileError, match="cannot be read \\(No such file or directory\\)"):
        catalogue_with((tmp_path / "none.toml",))


def test_numbers_in_an_image_are_counted_out() -> None:
    assert expanded(["gcc:{9..11}", "rust:1.{70..71}-slim"]) == (
        "gcc:9", "gcc:10", "gcc:11", "rust:1.70-slim", "rust:1.71-slim",
    )  # fmt: skip
    with pytest.raises(ValueError, match="counts nothing"):
        expanded(["gcc:{11..9}"])
    with pytest.raises(ValueError, match="two images have the tag 9"):
        expanded(["gcc:9", "other/gcc:{8..9}"])


def test_images_are_points_in_the_order_of_versions_and_digested_by_content(file: Path, tmp_path: Path) -> None:
    file.write_text(
        '[series.gnu]\nkind = "image"\nfamily = "gcc"\nsummary = "GCC"\n'
        'images = ["registry.example:5000/gcc:{9..10}"]\ntool = "/usr/local/bin/gcc"\n'
    )
    image_builder = PaperImageBuilder()
    series = source(file, "gnu", image_builder)
    points = series.listing().points
    assert [point.version for point in points] == ["9", "10"]
    assert series.origin(points[0]) == "the image registry.example:5000/gcc:9, pulled unless it is here"
    fetched = [series.fetch(point, tmp_path, Uncancelled()) for point in points]
    assert image_builder.asked == ["registry.example:5000/gcc:9", "registry.example:5000/gcc:10"]
    assert fetched[0].digest != fetched[1].digest
    assert all(one.image is not None and one.tool == ("/usr/local/bin/gcc",) for one in fetched)


def test_lines_for_apt_stand_for_a_suite_that_is_not_debians(file: Path) -> None:
    file.write_text(
        VENDOR.replace('["trixie"]', '["vendor"]')
        + '[series.vendor.suite.vendor]\nbase = "trixie"\n'
        + 'sources = ["deb [trusted=yes] http://vendor.example/apt own main"]\n'
    )
    scripts: list[str] = []

    class Listening(PaperImageBuilder):
        def ask(self, suite: str, script: str, signals: Signals) -> str:  # noqa: ARG002 - as the port says
            scripts.append(f"{suite}\n{script}")
            native = "Package: .native\nVersion: 0\nArchitecture: amd64\n\n"
            return native + native.replace(".native", "vendor-clang-7").replace(": 0", ": 7.1-2")

    series = source(file, "vendor", Listening())
    assert [str(point) for point in series.listing().points] == ["vendor@7.1+vendor"]
    (script,) = scripts
    assert script.startswith("trixie\n")
    assert "echo 'deb [trusted=yes] http://vendor.example/apt own main' >> /etc/apt/sources.list" in script
    assert 'case "$release" in own)' in script


@pytest.mark.parametrize("text", ["512", "1.5", "2G", "2gib", "GiB", ""])
def test_a_size_in_a_series_file_has_its_unit(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        read_size(text)


@pytest.mark.parametrize(("text", "count"), [("2GiB", 2 << 30), ("100 MB", 100 << 20), ("1.5KiB", 1536)])
def test_a_size_in_a_series_file_is_read_as_bytes(text: str, count: int) -> None:
    assert read_size(text) == count
