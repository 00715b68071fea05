"""Profiles: what one hypervisor, or the architecture's syndrome, can emulate."""

from collections.abc import Callable
from dataclasses import dataclass

from mmio_bisect.domain.access import Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`emulates` says of one transfer whether the hypervisor can carry it out; `otherwise` is what happens if not."""

    name: str
    summary: str
    source: str
    otherwise: str
    emulates: Callable[[Transfer], bool]


ARM_ISV = Profile(
    name="arm-isv",
    summary="the architecture: an access whose abort carries a valid instruction syndrome (ESR_EL2.ISV = 1)",
    source="Arm ARM, ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV",
    otherwise="KVM returns -ENOSYS or KVM_EXIT_ARM_NISV; pKVM injects a data abort into the guest",
    emulates=lambda transfer: transfer.syndrome_valid,
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (ARM_ISV,)}
DEFAULT_PROFILE = ARM_ISV
