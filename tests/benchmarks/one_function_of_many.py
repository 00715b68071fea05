"""What judging one function of a large object costs, beside `llvm-objdump --disassemble-symbols` on the same object.

Processor time of either; the tool's without its start-up. Needs aarch64-linux-gnu-as and llvm-objdump, which may be
given.

    python tests/benchmarks/one_function_of_many.py [LLVM-OBJDUMP]
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.workflow.probing.check import check_object

ROUNDS = 5


def main() -> None:
    objdump = sys.argv[1] if len(sys.argv) > 1 else "llvm-objdump"
    with tempfile.TemporaryDirectory() as folder:
        for functions, labels in ((60_000, 0), (200_000, 0), (1, 1_000_000)):
            made = assemble(Path(folder), functions, labels)
            name = f"f{functions // 2}"
            ratio = statistics.median(ours(made, name) / theirs(made, name, objdump) for _ in range(ROUNDS))
            print(f"{functions} functions, {labels} labels, {made.stat().st_size} bytes: {ratio:.1f} x llvm-objdump")


def assemble(folder: Path, functions: int, labels: int) -> Path:
    source, made = folder / "many.s", folder / "many.o"
    with source.open("w") as file:
        for number in range(functions):
            file.write(f".globl f{number}\n.type f{number},%function\nf{number}: str w8,[x0],#4\n bl outside\n ret\n")
            file.write(f".size f{number}, . - f{number}\n")
        file.write(".data\n" + "".join(f"label{number}: .byte 0\n" for number in range(labels)))
    subprocess.run(["aarch64-linux-gnu-as", source, "-o", made], check=True)
    return made


def ours(made: Path, name: str) -> float:
    wiring = RealWiring(Settings())
    objects, function = wiring.objects(), wiring.read_function(f"{name}(mmio)", ())
    begun = spent(resource.RUSAGE_SELF)
    check_object(made.read_bytes(), case_functions=(function,), windows=(), profile=ARM_ISV, objects=objects)
    return spent(resource.RUSAGE_SELF) - begun


def theirs(made: Path, name: str, objdump: str) -> float:
    begun = spent(resource.RUSAGE_CHILDREN)
    subprocess.run([objdump, f"--disassemble-symbols={name}", made], check=True, stdout=subprocess.DEVNULL)
    return spent(resource.RUSAGE_CHILDREN) - begun


def spent(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
