"""The configuration file: where it is found, what it may say, and how it says what it may not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mmio_bisect.adapters.config.configuration_file import NAME, TEMPLATE, find, load
from mmio_bisect.adapters.config.schedule import Schedule
from mmio_bisect.errors import InvalidConfigurationError
from mmio_bisect.workflow.ports.sandbox import Bounds
from mmio_bisect.workflow.probing.budget import Allowance
from mmio_bisect.workflow.watch.configuration import Retention


def written(folder: Path, text: str) -> Path:
    file = folder / NAME
    file.write_text(text)
    return file


def test_the_nearest_file_above_counts_and_else_the_users(tmp_path: Path) -> None:
    deep, user = tmp_path / "a" / "b", tmp_path / "user"
    deep.mkdir(parents=True)
    user.mkdir()
    assert find(deep, user) is None
    users = written(user, "")
    assert find(deep, user) == users
    above = written(tmp_path, "")
    assert find(deep, user) == above
    assert find(deep, user) != written(deep, "")
    assert find(deep, user) == deep / NAME


def test_the_template_can_be(tmp_path: Path) -> None:
    config = load(written(tmp_path, TEMPLATE), {})
    (series,) = config.series
    assert (series.name, series.first, series.opts, config.disk) == ("rust-nightly", "2026-11-01", ("2",), 20 << 30)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = 'database = "sqlite:///h.db"\nstore = "s"\n[notify.m]\nurl_file = "secret"\n'
    config = load(written(tmp_path, text), {})
    assert config.database == f"sqlite:///{tmp_path}/h.db"
    assert config.store == tmp_path / "s"
    assert config.channels[0].address.file == tmp_path / "secret"


def test_a_series_says_only_what_differs(tmp_path: Path) -> None:
    text = '[watch]\nopt = ["2"]\nrecipes = ["a*"]\n[watch.series.zig]\nopt = ["s"]\n[watch.series.rust]\n'
    zig, rust = load(written(tmp_path, text), {}).series
    assert (zig.opts, zig.recipes, rust.opts) == (("s",), ("a*",), ("2",))


def test_a_series_has_a_profile_of_its_own_and_may_be_followed_down(tmp_path: Path) -> None:
    text = '[watch]\ndescend = true\n[watch.series.zig]\nprofile = "xen-arm"\ndescend = false\n[watch.series.rust]\n'
    zig, rust = load(written(tmp_path, text), {}).series
    assert (zig.profile, zig.descend, rust.profile, rust.descend) == ("xen-arm", False, "arm-isv", True)


def test_sizes_and_times_have_units(tmp_path: Path) -> None:
    text = """
[watch]
time = "1h 30m"
downloads = "2.5GiB"
builds = 0
source_pauses = ["0s", "1d12h"]
[limits]
memory = "512M"
time = "90s"
output = "64K"
[retention]
toolchains = "30d"
toolchain_count = 5
"""
    config = load(written(tmp_path, text), {"MMIO_BISECT_TIME": "7.5"})
    assert config.budget == Allowance(seconds=5400, downloads=2684354560, builds=0)
    assert list(config.source_pauses) == [0, 129600]
    assert config.limits == Bounds(memory=512 << 20, seconds=7.5, output=65536)
    assert config.retention == Retention(toolchains=2592000, count=5)


def test_variables_override(tmp_path: Path) -> None:
    file = written(tmp_path, '[watch]\njobs = 2\nopt = ["2"]\n')
    config = load(file, {"MMIO_BISECT_JOBS": "5", "MMIO_BISECT_OPT": "1,s", "MMIO_BISECT_DATABASE": "sqlite:////x"})
    assert (config.jobs, config.database) == (5, "sqlite:////x")


def test_paths_in_variables_are_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    file = written(tmp_path, "")
    monkeypatch.chdir(tmp_path / "sub")
    variables = {"DATABASE": "sqlite:///h.db", "STORE": "5", "SERIES_FILE": "a.toml,/b.toml"}
    config = load(file, {f"MMIO_BISECT_{name}": value for name, value in variables.items()})
    assert config.database == f"sqlite:///{tmp_path / 'sub' / 'h.db'}"
    assert config.store == tmp_path / "sub" / "5"
    assert config.series_files == (tmp_path / "sub" / "a.toml", Path("/b.toml"))


@pytest.mark.parametrize(
    ("text", "environment", "sentence"),
    [
        ("databse = 1\n", {}, ", line 1: databse is not a known key: there are database, store,"),
        ('[watch]\n\nopt = ["7"]\n', {}, ", line 3: watch.opt: “7” is not one of 0, 1, 2, 3, s, z."),
        ("[watch]\njobs = 0\n", {}, ", line 2: watch.jobs: Input should be greater than or equal to 1."),
        ("[watch.series.zig]\nfrm = 1\n", {}, ", line 2: watch.series.zig.frm is not a known key: there are"),
        ("[notify.m]\n", {}, ", line 1: notify.m: write either url_env"),
        ('[notify.m]\nurl = "x"\n', {}, ", line 2: notify.m.url is not a known key: there are url_env, url_file."),
        ('sandbox = "vm"\n', {}, ", line 1: sandbox: Input should be 'auto', 'docker' or 'local'."),
        ('[watch]\ndisk = "much"\n', {}, ", line 2: watch.disk: “much” is not a size"),
        ('[watch]\n\ntime = "soon"\n', {}, ", line 3: watch.time: “soon” is not a time: write one with d, h, m and s"),
        ("[watch]\ndownloads = 5\n", {}, ", line 2: watch.downloads: Input should be a valid string."),
        ("[watch]\nbuilds = -1\n", {}, ", line 2: watch.builds: Input should be greater than or equal to 0."),
        ('[watch]\nsource_pauses = ["1d", "x"]\n', {}, ", line 2: watch.source_pauses: “x” is not a time"),
        ('[limits]\nmemory = "1M"\n', {}, ", line 1: limits: no compiler runs in less than 64MiB of memory."),
        ("[limits]\nmem = 1\n", {}, ", line 2: limits.mem is not a known key: there are memory, time, output,"),
        ("[retention]\nobjects = 1\n", {}, ", line 2: retention.objects is not a known key: there are toolchains"),
        ('[watch.series.zig]\nprofile = "x"\n', {}, ", line 2: watch.series.zig.profile: “x” is not one of arm-isv,"),
        ("", {"MMIO_BISECT_TIME": "long"}, "MMIO_BISECT_TIME: “long” is not a time"),
        ("", {"MMIO_BISECT_JOBS": "²"}, "MMIO_BISECT_JOBS: Input should be a valid integer"),
        ('[retention]\nruns = "999999d"\n', {}, ", line 2: retention.runs: “999999d” is more than a century"),
        ('[watch]\nsource_pauses = ["99999999999d"]\n', {}, ", line 2: watch.source_pauses: “99999999999d” is more"),
        ("[watch\n", {}, " is not valid TOML: "),
        ("", {"MMIO_BISECT_PROFILE": "none"}, "MMIO_BISECT_PROFILE: “none” is not one of "),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, text: str, environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidConfigurationError) as refused:
        load(written(tmp_path, text), environment)
    assert sentence in str(refused.value)


def test_times_are_of_the_zone_and_summer_time_skips_none() -> None:
    schedule = Schedule("30 2 * * *", "Europe/Berlin")
    winter = schedule.after(datetime(2026, 1, 1, tzinfo=UTC))
    assert winter == datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
    spring = schedule.after(datetime(2026, 3, 28, 12, tzinfo=UTC))  # that night has no half past two
    assert spring is not None
    assert spring.date().isoformat() in {"2026-03-29", "2026-03-30"}


@pytest.mark.parametrize(("crontab", "zone"), [("often", "UTC"), ("0 25 * * *", "UTC"), ("0 6 * * *", "Mars/Base")])
def test_times_that_cannot_be_are_refused(crontab: str, zone: str) -> None:
    with pytest.raises(InvalidConfigurationError):
        Schedule(crontab, zone)
