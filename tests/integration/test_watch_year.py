"""A tick of the watch with a year of nightlies on record: what is known is not probed again, and nothing is told."""

from datetime import date, timedelta
from pathlib import Path

from loopback_dist import serving_dist
from nights_on_record import record, requests
from rust_artefacts import HOST, TRIPLE, publish_nightly, scripted
from tool_process import Tool

from mmio_bisect.domain.recipe import OptLevel

FIRST = date(2023, 2, 1)
CONFIG = """
[watch]
opt = ["2"]
pauses = []
[watch.series.rust-nightly]
from = "2023-02-01"
to = "{day}"
"""


def test_a_new_nightly_is_one_probe_a_recipe_whatever_is_on_record(tmp_path: Path) -> None:
    asked = requests([OptLevel.O2])
    with serving_dist() as server:
        tool = Tool(root=tmp_path, extra={"MMIO_BISECT_RUST_DIST": server.url})
        tool.database.parent.mkdir()
        record(f"sqlite:///{tool.database}", FIRST, 365, asked)
        for place in (365, 366):
            day = str(FIRST + timedelta(days=place))
            publish_nightly(server, day, scripted(day, bad=True))
            (tool.folder / "mmio-bisect.toml").write_text(CONFIG.format(day=day))
            tick = tool("watch", "--once", "--json")
            assert tick.status == 0, tick.err
            (series,) = tick.document["series"]
            assert (series["probed"], series["skipped"], series["notices"]) == ([day], 0, [])
            assert series["cost"] == {"toolchains_fetched": 1, "cells_compiled": len(asked)}
        assert server.count(f"rustc-nightly-{HOST}.tar.xz") == server.count(f"rust-std-nightly-{TRIPLE}.tar.xz") == 2
        again = tool("watch", "--once", "--json")
        assert again.document["series"][0]["cost"] == {"toolchains_fetched": 0, "cells_compiled": 0}
