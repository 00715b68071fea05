"""Grammar grows; what was written before means what it meant: judgements are kept under their expectation's digest."""

from pathlib import Path

import pytest

from mmio_bisect.adapters.recipes.recipe_files import read_case

RECIPES = Path(__file__).parents[2] / "recipes"

# As of the commit before the grammar first grew (November 2026).
DIGESTS = {
    "asm_accessor": "f7e243ed5604ab4f",
    "block_write": "e5e2d9cb0aa1af6f",
    "copy_in": "cb664d39db7c2dee",
    "device_struct": "3601e92529541911",
    "fill_loop": "2e83014a36941364",
    "fixed_address": "770a7fbc15c8a8e0",
    "float_register": "1b543d243a23d27e",
    "packed_field": "d1050a4b1c62df6c",
    "read_sum": "e2842f8a775b0dd2",
    "slice_fill": "0071f3e82a021e33",
    "store_then_step": "d55c9d72b9781c69",
    "u128_register": "02a5ea35910cb655",
    "u64_register": "a49bcb34b99672c8",
}
FILES = [file for stem in DIGESTS for file in sorted(RECIPES.glob(f"{stem}.*"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_recipe_expects_what_it_expected(file: Path) -> None:
    assert read_case(file).expectation_digest.startswith(f"sha256:{DIGESTS[file.stem]}")
