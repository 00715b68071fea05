"""What becomes of an object once a compiler has made it."""

from typing import Protocol

from mmio_bisect.domain.outcome import Judgement
from mmio_bisect.domain.profile import Profile
from mmio_bisect.domain.recipe import Case


class Judge(Protocol):
    """Reads an object and judges it. A port, since history answers most questions without: it is loaded when called."""

    def __call__(self, case: Case, object_code: bytes, profile: Profile) -> Judgement:
        """An object that cannot be read makes its cell untestable."""
