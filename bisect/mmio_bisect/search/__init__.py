"""The search proposes points, is told verdicts, and says what they prove. It never compiles, waits or prints."""

from mmio_bisect.search.session import Session

__all__ = ["Session"]
