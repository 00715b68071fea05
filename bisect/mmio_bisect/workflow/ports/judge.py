"""What becomes of an object once a compiler has made it."""

from dataclasses import dataclass
from typing import Protocol

from mmio_bisect.domain.families import CompilerFamily
from mmio_bisect.domain.outcome import Judgement
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedWord:
    """What a compiler of the family printed of the object's instructions, see `Outcome.word`."""

    family: CompilerFamily
    text: str


class Judge(Protocol):
    """Reads an object and judges it. A port, since history answers most questions without: it is loaded when called."""

    def __call__(
        self, case: Case, object_code: bytes, profile: Profile, printed: PrintedWord | None = None, /
    ) -> Judgement:
        """An object that cannot be read makes its cell untestable. Without `printed` the object alone is judged."""
