"""What one A64 word is, for `explain`: a memory access with its ISV, an instruction without one, or no instruction."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmio_bisect.classify.isa.aarch64.decode import is_load_or_store, reading
from mmio_bisect.classify.isa.aarch64.forms import Aside
from mmio_bisect.classify.isa.aarch64.text import assembly, mnemonic
from mmio_bisect.classify.machine.operations import Touch
from mmio_bisect.classify.machine.word_trie import WordTrie, read_trie
from mmio_bisect.domain.access import Transfer

NOT_AN_INSTRUCTION = "not an instruction"
NO_ACCESS = "no memory access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """`valid` is ESR_EL2.ISV of the abort that the word would cause on device memory; None where it causes none.

    `form` is that of the transfer, or says what the word is instead. `text` is assembly, the disassembler's where it
    knows the word. `section` is the group in the Arm ARM's encoding index, None outside the tables.
    """

    word: int
    text: str
    form: str
    valid: bool | None
    why: str
    section: str | None = None
    mnemonic: str | None = None
    transfer: Transfer | None = None


def read_word(word: int, text: str | None) -> Word:
    """`text` is what a disassembler prints for the word, None if it refuses it. It has no say in what the word is."""
    found = reading(word)
    if found is None and not is_load_or_store(word) and _is_other_instruction(word):
        text = text or f".inst {word:#010x}"
        return Word(word=word, text=text, form=NO_ACCESS, valid=None, why="it neither loads nor stores")
    if found is None or found.what is None:
        why = "no instruction has this encoding"
        return Word(word=word, text=f".word {word:#010x}", form=NOT_AN_INSTRUCTION, valid=None, why=why)
    section, name = found.row.group, mnemonic(found)
    text = text or assembly(found)
    match found.what:
        case Aside(form=form, valid=valid, why=why):
            return Word(word=word, text=text, form=form, valid=valid, why=why, section=section, mnemonic=name)
        case Touch(transfer=transfer):
            return Word(
                word=word,
                text=text,
                form=transfer.form.value,
                valid=transfer.syndrome_valid or transfer.form.value == "ls64",
                why=transfer.why,
                section=section,
                mnemonic=name,
                transfer=transfer,
            )


def _is_other_instruction(word: int) -> bool:
    """Whether a word that neither loads nor stores is an instruction at all.

    `other_words.trie.xz` holds one bit a word, as the decoder of LLVM 24 (24~++20261025, all features) answered for
    each of the 2³²: `tests/fixtures/aarch64/decoder.cpp` asks it, with the argument `rest`. Loads and stores are not in
    it; for them the tables decide. A system instruction that names no operation known today is an instruction here, as
    it is there.
    """
    return bool(_other_words()[word])


@cache
def _other_words() -> WordTrie:
    """Read when it is first asked for: judging code needs none of it."""
    return read_trie(Path(__file__).with_name("other_words.trie.xz").read_bytes())
