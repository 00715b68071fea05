"""What a containerised mmio-bisect may ask of docker: its sandboxes and its images, and nothing else.

Whoever may talk to the docker daemon is root on its host: a container can be told to mount any folder. So the watch is
given no socket of docker's but that of a guard, which holds every request against the rules here. They are a list of
what is allowed, in the Engine API's words (version 1.41). A container is compared with what this very package would
make: what differs in anything but image, limits and owner is refused, and so is whatever a later API may add.

What is left to one who has taken over the watch: sandboxes without network; containers of Debian and of our own images
that see nothing of the host, as anybody who may run a container without mounts and privileges has them; and the
removal of what carries our names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from mmio_bisect.adapters.sandbox.docker import base_image, images
from mmio_bisect.adapters.sandbox.docker.container import CACHE, OWNER_LABEL, StoreVolume, configuration
from mmio_bisect.adapters.sandbox.execution import Limits

# None before 1.41: until 1.24 a container takes another HostConfig when it is started, and daemons know both for long.
_VERSION: Final = re.compile(r"\A/v1\.(?:4[1-9]|[5-9]\d)(?=/)")
_NAME: Final = re.compile(r"mmio-bisect-[0-9a-f]{16}")
_CONTAINER: Final = re.compile(r"(?P<container>mmio-bisect-[0-9a-f]{16}|[0-9a-f]{64})")
_OWNER: Final = re.compile(r"[0-9a-f-]{36}/pid:\[\d+\]/\d+/\d+")
_TMPFS: Final = re.compile(r"size=\d{1,15}$")
# Our own, and the bases that they are made of.
_OURS: Final = re.compile(
    f"(?:{images.REPOSITORY}(?:/[0-9a-f]{{8}})?|{images.BUILD_REPOSITORY}):[A-Za-z0-9_.-]{{1,128}}"
)
_BASE: Final = re.compile(f"debian:[a-z]+-slim|{base_image.BUILT_REPOSITORY}:[a-z]+")
# Spelt as here: the daemon takes keys in any case.
_EXECUTED: Final = frozenset(
    {"Container", "User", "Privileged", "Tty", "AttachStdin", "AttachStdout", "AttachStderr", "Cmd", "Env"}
)
_CACHE: Final = re.compile(f"{images.CACHE_REPOSITORY}-[A-Za-z0-9_.-]{{1,128}}")
_NO_BODY: Final = frozenset({b"", b"null", b"{}"})
_MOST_MEMORY: Final = 1 << 40
_MOST_PROCESSORS: Final = 1 << 10
_MOST_PROCESSES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    target: str
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """`container`, a name or a number, has to be one of ours, which only the daemon knows."""

    container: str | None = None


class RefusedError(Exception):
    """Why; whole sentences."""


def check(request: Request, volume: StoreVolume) -> Allowed:
    """Raises `RefusedError`."""
    try:
        address = urlsplit(request.target)
    except ValueError:
        raise RefusedError("That is not a path of docker's.") from None
    path = _VERSION.sub("", address.path, count=1)
    for method, pattern, rule in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None and method == request.method:
            query = _query(address.query)
            rule(query, request.body, volume)
            container = found.groupdict().get("container") or query.get("container")
            if container is not None and not _CONTAINER.fullmatch(container):
                raise RefusedError(f"{container} is not a container of mmio-bisect's.")
            return Allowed(container=container)
    raise RefusedError(f"{request.method} {path} is not a request that mmio-bisect needs docker for.")


def is_ours(inspected: Mapping[str, Any]) -> bool:
    """Whether a container, as ContainerInspect has it, was made by mmio-bisect."""
    named = _NAME.fullmatch(str(inspected.get("Name", "")).removeprefix("/")) is not None
    return named and OWNER_LABEL in (inspected.get("Config", {}).get("Labels") or {})


def _query(text: str) -> dict[str, str]:
    """Of a name that stands there twice the daemon might read the other value; of changes it reads them all."""
    if ";" in text:  # which older daemons take for the end of a parameter
        raise RefusedError("Parameters are separated by & alone.")
    found = parse_qs(text, keep_blank_values=True)
    if any(len(values) > 1 for name, values in found.items() if name != "changes"):
        raise RefusedError("A parameter stands there twice.")
    return {name: "\n".join(values) for name, values in found.items()}


def _anything(_query: Mapping[str, str], _body: bytes, _volume: StoreVolume) -> None:
    """What it names is checked, or only read."""


def _bare(query: Mapping[str, str], body: bytes, _volume: StoreVolume) -> None:
    """A container starts as it was made: neither with another HostConfig nor from a checkpoint that lies anywhere."""
    if query or body not in _NO_BODY:
        raise RefusedError("A container starts as it was made.")


def _labelled(query: Mapping[str, str], _body: bytes, _volume: StoreVolume) -> None:
    """A list is of what is ours."""
    labels = _parsed(query.get("filters", "{}")).get("label")
    if isinstance(labels, dict):
        labels = [label for label, wanted in labels.items() if wanted]
    ours = (OWNER_LABEL, images.STORE_LABEL, images.CACHE_LABEL)
    if not isinstance(labels, list) or not any(str(label).partition("=")[0] in ours for label in labels):
        raise RefusedError("What is not labelled as mmio-bisect's is not listed.")


def _create(query: Mapping[str, str], body: bytes, volume: StoreVolume) -> None:
    if not _NAME.fullmatch(query.get("name", "")) or set(query) != {"name"}:
        raise RefusedError("A container of mmio-bisect's is named mmio-bisect- and sixteen hexadecimal digits.")
    asked = _parsed(body)
    image, labels = asked.get("Image"), asked.pop("Labels", None)
    if not isinstance(image, str) or not (_OURS.fullmatch(image) or _BASE.fullmatch(image)):
        raise RefusedError(f"Containers are not made of the image {image}.")
    if not isinstance(labels, dict) or set(labels) != {OWNER_LABEL} or not _OWNER.fullmatch(str(labels[OWNER_LABEL])):
        raise RefusedError(f"A container of mmio-bisect's has the label {OWNER_LABEL}, and no other.")
    if asked not in (_sandbox_like(asked, image, volume), images.image_builder_configuration(image), _still(image)):
        raise RefusedError("mmio-bisect does not make containers like this.")


def _sandbox_like(asked: Mapping[str, Any], image: str, volume: StoreVolume) -> dict[str, object] | None:
    """The sandbox that has the limits and the cache asked for; None if those can be no sandbox's."""
    host = asked.get("HostConfig")
    if not isinstance(host, dict):
        return None
    memory, processors, processes = (host.get(name) for name in ("Memory", "NanoCpus", "PidsLimit"))
    tmpfs = host.get("Tmpfs")
    numbers = (
        _within(memory, _MOST_MEMORY)
        and _within(processors, _MOST_PROCESSORS * 10**9)
        and _within(processes, _MOST_PROCESSES)
    )
    if not numbers or not isinstance(tmpfs, dict):
        return None
    # What may be written to the disk is limited from within, by a number that only the first process is told.
    to_disk = Limits() if tmpfs else replace(Limits(), disk_bytes=1)
    made: dict[str, Any] = configuration(image=image, mount=volume.mount, limits=to_disk, cache=_cache(host))
    del made["Labels"]
    limits = {"Memory": memory, "MemorySwap": memory, "NanoCpus": processors, "PidsLimit": processes}
    made["HostConfig"] |= limits
    for folder, options in made["HostConfig"]["Tmpfs"].items():
        size = _TMPFS.search(str(tmpfs.get(folder)))
        if size is not None:
            made["HostConfig"]["Tmpfs"] = {folder: _TMPFS.sub(size[0], options)}
    return made


def _cache(host: Mapping[str, Any]) -> tuple[str, Mapping[str, str]] | None:
    """The volume that builds keep compiled files in, if one is asked for that can be nothing else."""
    mounts = host.get("Mounts")
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, dict) and mount.get("Target") == str(CACHE):
            name, options = mount.get("Source"), mount.get("VolumeOptions")
            labels = options.get("Labels") if isinstance(options, dict) else None
            if not isinstance(labels, dict) or set(labels) != {images.CACHE_LABEL, images.STORE_LABEL}:
                return None
            if _CACHE.fullmatch(str(name)) and all(isinstance(label, str) for label in labels.values()):
                return str(name), labels
    return None


def _still(image: str) -> dict[str, object]:
    """One that never starts: an image is given another name by way of it."""
    return {"Image": image, "Cmd": ["/bin/true"]}


def _within(number: object, most: int) -> bool:
    return type(number) is int and 0 < number <= most


def _execute(_query: Mapping[str, str], body: bytes, _volume: StoreVolume) -> None:
    asked = _parsed(body)
    if set(asked) - _EXECUTED or asked.get("Privileged"):
        raise RefusedError("Programs are executed with a user, words and streams, and without privileges.")


def _commit(query: Mapping[str, str], body: bytes, _volume: StoreVolume) -> None:
    if not _OURS.fullmatch(f"{query.get('repo')}:{query.get('tag')}") or "container" not in query:
        raise RefusedError("A container becomes an image of mmio-bisect's, under its name, or none.")
    changes = query.get("changes", "").splitlines()
    if any(not line.startswith("LABEL ") for line in changes) or body not in _NO_BODY:
        raise RefusedError("An image gets labels, and nothing else is changed.")


def _pull(query: Mapping[str, str], _body: bytes, _volume: StoreVolume) -> None:
    if set(query) != {"fromImage", "tag"} or not _BASE.fullmatch(f"{query['fromImage']}:{query['tag']}"):
        raise RefusedError("Of registries' images only Debian's are pulled.")


def _parsed(text: str | bytes) -> dict[str, Any]:
    """Of two equal keys the daemon might take both: objects are merged there."""
    try:
        found = json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        raise RefusedError("That is not JSON.") from None
    if not isinstance(found, dict):
        raise RefusedError("That is not a JSON object.")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RefusedError("A key stands there twice.")
    return found


_OUR_IMAGE: Final = f"/images/(?:{_OURS.pattern})"
_KNOWN_IMAGE: Final = f"/images/(?:{_OURS.pattern}|{_BASE.pattern}|sha256:[0-9a-f]{{64}})"
_ROUTES: Final = tuple(
    (method, re.compile(pattern), rule)
    for method, pattern, rule in (
        ("GET", "/_ping|/version", _anything),
        ("HEAD", "/_ping", _anything),
        ("GET", f"{_KNOWN_IMAGE}/json", _anything),
        ("GET", "/images/json", _labelled),
        ("GET", "/containers/json", _labelled),
        ("POST", "/images/create", _pull),
        ("DELETE", _OUR_IMAGE, _anything),
        ("POST", "/containers/create", _create),
        ("POST", f"/containers/{_CONTAINER.pattern}/attach", _anything),
        ("POST", f"/containers/{_CONTAINER.pattern}/start", _bare),
        ("DELETE", f"/containers/{_CONTAINER.pattern}", _anything),
        ("POST", f"/containers/{_CONTAINER.pattern}/exec", _execute),
        # Their numbers are told to whoever made them, and cannot be guessed.
        ("POST", r"/exec/[0-9a-f]{64}/start", _anything),
        ("GET", r"/exec/[0-9a-f]{64}/json", _anything),
        ("POST", "/commit", _commit),
        ("GET", "/volumes", _labelled),
        ("DELETE", f"/volumes/{_CACHE.pattern}", _anything),
    )
)
