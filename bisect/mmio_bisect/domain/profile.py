"""Profiles: what one hypervisor can emulate, as rules over the architecture-neutral form of an access."""

from dataclasses import dataclass

from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Accesses that fit everything that is given here are emulated; what is None is of no account.

    `operations` are the architecture's own mnemonics with their prefixes (`rep movs`), those of `without` never fit;
    `widths` are bits of one element. `valid` asks for a valid syndrome or its like, or for none; `extends` and
    `ordered` likewise. `apart` asks for a data register that is not the base; the zero register never is.
    """

    operations: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    forms: frozenset[Form] | None = None
    registers: frozenset[RegisterClass] | None = None
    addressing: frozenset[AddressingMode] | None = None
    widths: frozenset[int] | None = None
    valid: bool | None = None
    extends: bool | None = None
    ordered: bool | None = None
    apart: bool = False

    @classmethod
    def named(cls, operations: str, widths: frozenset[int] | None = None) -> "Rule":
        """For the operations that are listed, with commas between."""
        return cls(operations=frozenset(operations.split(", ")), widths=widths)

    def covers(self, transfer: Transfer) -> bool:
        return (
            (self.operations is None or transfer.operation in self.operations)
            and transfer.operation not in self.without
            and (self.forms is None or transfer.form in self.forms)
            and (self.registers is None or transfer.register_class in self.registers)
            and (self.addressing is None or transfer.addressing in self.addressing)
            and (self.widths is None or transfer.element_width in self.widths)
            and self.valid in {None, transfer.syndrome_valid}
            and self.extends in {None, transfer.sign_extends}
            and self.ordered in {None, transfer.ordered}
            and not (self.apart and transfer.base in transfer.registers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one hypervisor emulates: an access that fits any of `rules`; `otherwise` is what happens to the rest.

    `architectures` are the names of those whose code it runs; `source` is repository, file and version.
    """

    name: str
    architectures: tuple[str, ...]
    summary: str
    source: str
    otherwise: str
    rules: tuple[Rule, ...]

    def emulates(self, transfer: Transfer) -> bool:
        return any(rule.covers(transfer) for rule in self.rules)
