"""LLVM's dumps, read: real ones of clang 17 and 18 (see `fixtures/dumps/build.sh`), and the forms of other versions."""

from pathlib import Path

import pytest

from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.attribution import PassName, Snapshot
from mmio_bisect.workflow.attribution.dumps import (
    find_divergence,
    find_forming_pass,
    memory_opcodes,
    normalise,
    read_bisected,
    read_snapshots,
    same_pass,
)

DUMPS = Path(__file__).parents[1] / "fixtures" / "dumps"
FUNCTION = "store_then_step"
POST = frozenset({DefectKind.WRITEBACK_POST})


def real(version: int) -> tuple[Snapshot, ...]:
    return read_snapshots((DUMPS / f"changed-{version}.txt").read_text(), FUNCTION)


def test_each_pass_that_changed_the_function_gives_one_snapshot_ir_first() -> None:
    found = real(18)
    assert [str(snapshot.after) for snapshot in found[:4]] == [
        "SROAPass",
        "GlobalOptPass",
        "PostOrderFunctionAttrsPass",
        "aarch64-isel",
    ]
    assert [snapshot.machine for snapshot in found] == [False] * 3 + [True] * 14
    assert found[3].after == PassName(title="AArch64 Instruction Selection", argument="aarch64-isel")
    assert found[0].text.splitlines()[0].startswith("define dso_local ptr @store_then_step(")
    assert found[0].text.splitlines()[-1] == "}"
    assert found[-1].text.splitlines()[0].startswith("# Machine code for function store_then_step:")
    assert found[-1].text.splitlines()[-1].strip() == "RET undef $lr, implicit killed $x0"


def test_another_functions_dumps_are_not_this_ones() -> None:
    assert read_snapshots((DUMPS / "changed-18.txt").read_text(), "store_then") == ()


def test_the_access_takes_its_form_in_the_load_store_optimiser() -> None:
    found = find_forming_pass(real(18), POST)
    assert found is not None
    assert found.before is not None
    assert str(found.name) == "aarch64-ldst-opt"
    assert memory_opcodes(found.before) == ("STRWui", "STRWui")
    assert memory_opcodes(found.after) == ("STRWpost", "STRWui")


def test_a_form_that_is_never_left_is_there_from_instruction_selection_on() -> None:
    found = find_forming_pass(real(17))
    assert found is not None
    assert str(found.name) == "aarch64-isel"


def test_no_machine_code_no_forming_pass() -> None:
    assert find_forming_pass(real(18)[:3]) is None


def test_the_two_versions_part_after_instruction_selection() -> None:
    found = find_divergence(real(17), real(18))
    assert found is not None
    assert found.common is not None
    assert found.bad is not None
    assert found.good is not None
    assert str(found.common.after) == "aarch64-isel"
    assert str(found.bad.name) == "machine-sink"
    assert str(found.good.name) == "machine-scheduler"
    assert not found.earlier


def test_what_never_parts_does_not_diverge() -> None:
    assert find_divergence(real(18), real(18)) is None


def test_what_came_together_again_is_said() -> None:
    mine = [snapshot("a", "define void @f() {\n  ret void\n}"), snapshot("b", X), snapshot("c", Y)]
    found = find_divergence([snapshot("p", X), snapshot("q", "define void @f() {\n  unreachable\n}")], mine)
    assert found is not None
    assert (found.earlier, str(found.bad and found.bad.name), str(found.good and found.good.name)) == (True, "c", "q")


def test_two_that_never_agree_diverge_at_once() -> None:
    found = find_divergence([snapshot("p", X)], [snapshot("c", Y)])
    assert found is not None
    assert (found.common, str(found.bad and found.bad.name)) == (None, "c")


X = "define ptr @f(ptr %0) {\n  %2 = getelementptr i32, ptr %0, i64 1\n  ret ptr %2\n}"
Y = "define ptr @f(ptr %0) {\n  %2 = getelementptr i32, ptr %0, i64 2\n  ret ptr %2\n}"


def snapshot(name: str, text: str, *, machine: bool = False) -> Snapshot:
    return Snapshot(after=PassName(title=name), machine=machine, text=text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X.replace("%2", "%sum")),
        (X, X.replace("getelementptr i32", "getelementptr inbounds nuw i32").replace("ptr %0)", "ptr noundef %0) #0")),
        (X, X.replace("ret ptr %2", "ret ptr %2, !tbaa !5").replace("define ptr", "define dso_local nonnull ptr")),
        (X, X.replace("ptr %", "i32* %").replace("define ptr", "define i32*").replace("ptr %0,", "i32* %0,")),
    ],
)
def test_names_attributes_metadata_and_typed_pointers_make_no_difference(one: str, other: str) -> None:
    assert normalise(snapshot("a", one)) == normalise(snapshot("b", other))


def test_that_lifetimes_had_sizes_makes_no_difference() -> None:
    old, new = ("%a = alloca i64\ncall void @llvm.lifetime.start.p0(" + size + "ptr %a)" for size in ("i64 8, ", ""))
    assert normalise(snapshot("a", old)) == normalise(snapshot("b", new))


def test_another_number_does() -> None:
    assert normalise(snapshot("a", X)) != normalise(snapshot("a", Y))


def test_liveness_and_register_names_make_no_difference_in_machine_code() -> None:
    one = (
        "# Machine code for function f: IsSSA\n\nbb.0:\n  liveins: $x0\n  %3:gpr64sp = nuw ADDXri killed %0:gpr64, 8, 0"
    )
    other = "# Machine code for function f: NoPHIs\n\nbb.0:\n16B\t  %7:gpr64 = ADDXri %1:gpr64common, 8, 0"
    assert normalise(snapshot("a", one, machine=True)) == normalise(snapshot("b", other, machine=True))


def test_the_legacy_pass_managers_banners_are_read_too() -> None:
    text = (
        f"*** IR Dump After SROA ***\n{X}\n"
        "# *** IR Dump After AArch64 Instruction Selection ***:\n"
        "# Machine code for function f: IsSSA\n\nbb.0:\n  RET\n\n# End machine code for function f.\n\n"
    )
    assert [(str(found.after), found.machine) for found in read_snapshots(text, "f")] == [
        ("SROA", False),
        ("AArch64 Instruction Selection", True),
    ]


def test_dumps_that_change_nothing_are_left_out() -> None:
    text = f"; *** IR Dump After APass on f ***\n{X}\n; *** IR Dump After BPass on [module] ***\n{X}\n"
    assert [str(found.after) for found in read_snapshots(text, "f")] == ["APass"]


def test_counted_passes_come_in_the_order_of_their_numbers() -> None:
    passes = read_bisected((DUMPS / "counted-18.txt").read_text())
    assert len(passes) == 139
    assert passes[136].title == "AArch64 load / store optimization pass"


@pytest.mark.parametrize(
    ("counted", "dumped", "same"),
    [
        ("aarch64-ldst-opt", "AArch64 load / store optimization pass (aarch64-ldst-opt)", True),
        ("AArch64 load / store optimization pass", "AArch64 load / store optimization pass (aarch64-ldst-opt)", True),
        ("SROAPass", "SROAPass", True),
        ("machine-sink", "AArch64 load / store optimization pass (aarch64-ldst-opt)", False),
    ],
)
def test_a_pass_is_known_by_title_or_argument(counted: str, dumped: str, same: bool) -> None:
    (one,) = read_bisected(f"BISECT: running pass (1) {counted} on function (f)")
    (other,) = read_snapshots(f"*** IR Dump After {dumped} on f ***\n{X}\n", "f")
    assert same_pass(one, other.after) is same


IR = "define void @f() {\n  ret void\n}"


def ir(*bodies: str) -> list[Snapshot]:
    """Passes named by their places, after which the function returns these numbers."""
    return [snapshot(f"p{place}", IR.replace("void", f"i{body}")) for place, body in enumerate(bodies)]


@pytest.mark.parametrize(
    ("good", "bad", "common", "their", "mine", "earlier"),
    [
        ("12", "13", "p0", "p1", "p1", False),
        ("1", "13", "p0", None, "p1", False),
        ("12", "1423", "p2", None, "p3", True),
        ("123", "143", None, None, None, None),
        ("1213", "124", "p1", "p2", "p2", False),
        ("2", "3", None, "p0", "p0", False),
        ("", "34", None, None, "p0", False),
    ],
)
def test_two_part_after_the_last_state_that_both_reach(
    good: str, bad: str, common: str | None, their: str | None, mine: str | None, earlier: bool | None
) -> None:
    found = find_divergence(ir(*good), ir(*bad))
    if earlier is None:
        assert found is None
        return
    assert found is not None
    assert (found.common and str(found.common.after)) == common
    assert (found.good and str(found.good.name)) == their
    assert (found.bad and str(found.bad.name)) == mine
    assert found.earlier is earlier
    assert found.bad is not None
    assert (found.bad.before and str(found.bad.before.after)) == (
        None if mine == "p0" else f"p{int(mine[1]) - 1}" if mine else ""
    )


def mir(*bodies: str) -> list[Snapshot]:
    lines = [body.replace(";", "\n  ") for body in bodies]
    return [snapshot(f"p{place}", f"bb.0:\n  {body}", machine=True) for place, body in enumerate(lines)]


PLAIN = "STRWui $w1, $x0, 0 :: (volatile store (s32))"


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (DefectKind.WRITEBACK_POST, "early-clobber $x0 = STRWpost $w1, $x0, 4 :: (volatile store (s32))"),
        (DefectKind.WRITEBACK_PRE, "early-clobber $x0 = STRWpre $w1, $x0, 4 :: (volatile store (s32))"),
        (DefectKind.WRITEBACK_POST, "$z0 = LD1_POST $x0 :: (volatile load (s32))"),
        (DefectKind.PAIR, "STPWi $w1, $w2, $x0, 0 :: (volatile store (s32))"),
        (DefectKind.PAIR, "$w1, $w2 = LDNPWi $x0, 0 :: (volatile load (s32))"),
        (DefectKind.SIMD_FP, "STRSui $s1, $x0, 0 :: (volatile store (s32))"),
        (DefectKind.SIMD_FP, "$d0 = LDURDi $x0, 0 :: (volatile load (s64))"),
        (DefectKind.LIBCALL, "BL &memcpy"),
    ],
)
def test_a_defect_is_formed_by_the_first_pass_after_which_its_opcode_stays(kind: DefectKind, form: str) -> None:
    dumps = mir(PLAIN, form, PLAIN, f"{form};frame-setup STPXi $x29, $x30", f"{PLAIN};{form}", form)
    found = find_forming_pass(dumps, frozenset({kind}))
    assert found is not None
    assert (str(found.name), found.before) == ("p3", dumps[2])
    assert find_forming_pass([*ir("1"), dumps[1]], frozenset({kind})) == find_forming_pass([*ir("1"), dumps[1]])


def test_of_a_defect_that_opcodes_do_not_show_it_is_the_accesses_that_count() -> None:
    dumps = mir(PLAIN, f"{PLAIN};{PLAIN}", f"$w1 = ADDWri $w1, 1;{PLAIN};{PLAIN}")
    found = find_forming_pass(dumps, frozenset({DefectKind.TORN, DefectKind.PAIR}))
    assert found is not None
    assert str(found.name) == "p1"
    assert memory_opcodes(dumps[2]) == ("STRWui", "STRWui")


def test_what_another_form_left_is_the_first_dump_where_nothing_came_before() -> None:
    found = find_forming_pass(mir(PLAIN))
    assert found is not None
    assert (str(found.name), found.before) == ("p0", None)
