"""The configuration's limits of a compile, and what is not said of them."""

from dataclasses import replace
from pathlib import Path

from mmio_bisect.adapters.config.configuration_file import load
from mmio_bisect.adapters.sandbox.execution import Limits
from mmio_bisect.composition.wiring import limits_of


def test_what_the_file_says_of_limits_is_what_the_sandbox_keeps_to(tmp_path: Path) -> None:
    file = tmp_path / "mmio-bisect.toml"
    file.write_text('[limits]\nmemory = "1GiB"\ntime = "1m 30s"\noutput = "2K"\nobject = "8M"\nprocesses = 9\n')
    assert limits_of(load(file, {}).limits) == replace(
        Limits(),
        memory_bytes=1 << 30,
        wall_seconds=90,
        cpu_seconds=90,
        output_bytes=2048,
        file_bytes=8 << 20,
        processes=9,
    )
    assert limits_of(load(None, {}).limits) == Limits()
