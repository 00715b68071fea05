"""Which hypervisors a report says carry an access out, defect by defect."""

import json
from dataclasses import replace

from history_values import POST_INDEX, a_judgement

from mmio_bisect.classify.isa.aarch64.decode import decode
from mmio_bisect.domain.access import DefectKind
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.report.documents.documents import judgement_member
from mmio_bisect.report.explain.emulators import emulators_of, emulators_text


def judged(encoding: str, kind: DefectKind = DefectKind.WRITEBACK_POST) -> FunctionJudgement:
    """One function with one access of that encoding, and one defect of it."""
    (function,) = a_judgement().functions
    transfer = decode(int.from_bytes(bytes.fromhex(encoding), "little"))
    assert transfer is not None
    access = replace(POST_INDEX, encoding=bytes.fromhex(encoding), transfer=transfer)
    (defect,) = function.defects
    return replace(function, accesses=(access,), defects=(replace(defect, kind=kind),))


def test_post_index_is_emulated_by_xen() -> None:
    (emulated,) = emulators_of(judged("094400b8")).values()  # str w9, [x0], #4
    assert emulated == {"arm-isv": False, "xen-arm": True}
    assert emulators_text(emulated) == "emulated by xen-arm, not by arm-isv"


def test_not_where_data_and_base_are_the_same_register() -> None:
    (emulated,) = emulators_of(judged("004400b8")).values()  # str w0, [x0], #4
    assert emulated == {"arm-isv": False, "xen-arm": False}


def test_no_hypervisor_makes_up_for_what_the_compiler_left_out() -> None:
    assert emulators_of(judged("094400b8", DefectKind.TORN)) == {}


def test_documents_have_it_beside_each_defect() -> None:
    judgement = replace(a_judgement(), functions=(judged("094400b8"),))
    assert '"emulated": {"arm-isv": false, "xen-arm": true}' in json.dumps(judgement_member(judgement))
