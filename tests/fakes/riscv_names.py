"""RISC-V registers by the names that a disassembler prints."""

RISCV_LOW = ("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1")
RISCV_NAMES = {
    **{name: f"x{number}" for number, name in enumerate(RISCV_LOW)},
    **{f"a{number}": f"x{10 + number}" for number in range(8)},
    **{f"s{number}": f"x{16 + number}" for number in range(2, 12)},
    **{f"t{number}": f"x{25 + number}" for number in range(3, 7)},
    **{f"ft{number}": f"f{number if number < 8 else 20 + number}" for number in range(12)},
    **{f"fs{number}": f"f{8 + number if number < 2 else 16 + number}" for number in range(12)},
    **{f"fa{number}": f"f{10 + number}" for number in range(8)},
    "zero": "xzr",
}  # fmt: skip
