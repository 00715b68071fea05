"""Images that toolchains run in: made from a suite's packages or pulled, sized, and removed with their store's entries.

An image is made in a container with network, which is what only the making of images has: untrusted source never meets
it. The container's first process waits for the end of the stream to its owner, so that a build that is killed takes its
container along; and what even that misses, the next build finds by the owner's label. An image carries the path of the
store it is for and who made it: by that, one that never came to be in its store is found and removed.
"""

import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.sandbox.docker import base_image
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.sandbox.docker.container import CACHE, OWNER_LABEL, WORK, Container, Owner, sweep
from mmio_bisect.errors import CancelledError, DaemonError, DownloadError, MissingToolchainError, SandboxError
from mmio_bisect.workflow.ports.progress import Signals

REPOSITORY: Final = "mmio-bisect-toolchain"
BUILD_REPOSITORY: Final = "mmio-bisect-build"
CACHE_REPOSITORY: Final = "mmio-bisect-cache"
STORE_LABEL: Final = "org.mmio-bisect.store"
MAKER_LABEL: Final = "org.mmio-bisect.maker"
CACHE_LABEL: Final = "org.mmio-bisect.cache"

# apt may unpack a large package for a while without a word.
_SILENCE_SECONDS: Final = 600.0
_PULL_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.2
_ENDS_WITH_ITS_OWNER: Final = ("/bin/sh", "-c", "read -r _")
_TAG_LETTERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_SIZE: Final = re.compile(rb"(?:Need to get|Get:\d+ .*\[)(?:[\d.,]+ k?M?B/)?\s*(?P<count>[\d.,]+) (?P<unit>k?M?G?B)\b")
_UNITS: Final = {b"B": 1, b"kB": 10**3, b"MB": 10**6, b"GB": 10**9}


class DockerImages:
    """The `ImageBuilder`, and the `ImageKeeper`, of the store in `store`. Every method raises `SandboxError`.

    `say` is told before anything that takes long.
    """

    def __init__(self, store: Path, *, say: Callable[[str], None] = lambda _: None, seconds: float = 30.0) -> None:
        self._store = str(store.absolute())
        self._repository = f"{REPOSITORY}/{hashlib.sha256(self._store.encode()).hexdigest()[:8]}"
        self._say = say
        self._seconds = seconds
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def ask(self, suite: str, script: str, signals: Signals) -> str:
        with self._container(suite, signals) as (engine, name):
            return _run(engine, name, script, signals)

    def build(self, suite: str, plan: str, work: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        with self._container(suite, signals) as (engine, container):
            said = _run(engine, container, plan, signals)
            image = self._named(name(said))
            if engine.has_image(image):  # of a process that was killed before its entry was in the store
                return image, said
            if other := self._of_another_store(engine, image):
                self._derive(engine, other, image)
            else:
                _run(engine, container, work, signals)
                engine.commit(container, image, self._labels())
            return image, said

    def equipped(self, suite: str, packages: Collection[str], signals: Signals) -> str:
        """An image of the suite with these packages: made once, no store's, and kept until somebody removes it."""
        wanted = sorted(packages)
        # What a volume is to have the mode of, see `container.configuration`.
        folders = f"mkdir -p -m 1777 {WORK} {CACHE}\n"
        digest = hashlib.sha256("\n".join([*wanted, folders]).encode()).hexdigest()
        image = f"{BUILD_REPOSITORY}:{suite}-{digest[:12]}"
        with self._making:  # or threads that want it at the same time would each make one
            with self._reached() as engine:
                if engine.has_image(image):
                    return image
            self._say(f"docker: making an image of {suite} to build in, once: {' '.join(wanted)}")
            names = " ".join(f"'{name}'" for name in wanted)
            script = (
                "export DEBIAN_FRONTEND=noninteractive LC_ALL=C\n"
                "apt-get -o Acquire::Check-Valid-Until=false update >&2 || exit 4\n"
                f"apt-get --yes --no-install-recommends install {names} >&2 || exit 4\n"
                f"rm -rf /var/cache/apt/* /var/lib/apt/lists/*\n{folders}"
            )
            with self._container(suite, signals) as (engine, container):
                _run(engine, container, script, signals)
                engine.commit(container, image, {OWNER_LABEL: ""})
            return image

    def cache(self, key: str, image: str) -> tuple[str, dict[str, str]]:
        """The volume that builds of that key in that image keep compiled files in, and the labels it is made with.

        Those of the key that were for other images are removed.
        """
        with self._reached() as engine:
            content = engine.content(image).removeprefix("sha256:")
            labels = {CACHE_LABEL: key, STORE_LABEL: self._store}
            store = self._repository.rpartition("/")[2]
            volume = _TAG_LETTERS.sub("-", f"{CACHE_REPOSITORY}-{store}-{key}-{content[:12]}")
            for other in engine.volumes(*(f"{label}={value}" for label, value in labels.items())):
                if other != volume:
                    engine.remove_volume(other)
        return volume, labels

    def obtain(self, reference: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        with self._reached() as engine:
            here = engine.has_image(reference)
            if not here:
                _pull(reference, signals)
            content = engine.content(reference)
            image = self._named(name(content))
            if not engine.has_image(image):
                self._derive(engine, reference, image)
            if not here:
                engine.remove_image(reference)
            return image, content

    def has(self, image: str) -> bool:
        with self._reached() as engine:
            return engine.has_image(image)

    def identity(self, image: str) -> str | None:
        with self._reached() as engine:
            return engine.image_id(image)

    def size(self, image: str) -> int:
        with self._reached() as engine:
            return engine.own_size(image)

    def remove(self, image: str) -> None:
        with self._reached() as engine:
            engine.remove_image(image)

    def sweep(self, keep: Collection[str]) -> None:
        with self._reached() as engine:
            for name, labels in engine.labelled_images(f"{STORE_LABEL}={self._store}"):
                maker = Owner.from_label(labels.get(MAKER_LABEL, ""))
                if name not in keep and maker is not None and maker.alive() is False:
                    engine.remove_image(name)

    def _named(self, text: str) -> str:
        """Each store has names of its own, so that no store's pruning takes another's images."""
        return f"{self._repository}:{_TAG_LETTERS.sub('-', text)[:128]}"

    def _of_another_store(self, engine: Engine, image: str) -> str | None:
        """An image made of the same packages: its tag, which holds their digest, says so."""
        ending = f":{image.rpartition(':')[2]}"
        return next((name for name, _ in engine.labelled_images(STORE_LABEL) if name.endswith(ending)), None)

    def _derive(self, engine: Engine, reference: str, image: str) -> None:
        """The same files under a name and labels of our own; they are on disk but once."""
        with Container.created(engine, {"Image": reference, "Cmd": ["/bin/true"]}) as container:
            engine.commit(container, image, self._labels())

    def _labels(self) -> dict[str, str]:
        return {OWNER_LABEL: "", STORE_LABEL: self._store, MAKER_LABEL: str(Owner.this_process())}

    @contextlib.contextmanager
    def _reached(self, seconds: float | None = None) -> Iterator[Engine]:
        try:
            engine = Engine(seconds=seconds or self._seconds)
        except DaemonError as error:
            raise DaemonError(
                f"{str(error).rstrip('.')}: compilers that come in images need docker, so start it, or choose a series "
                "that does without, such as zig."
            ) from error
        with contextlib.closing(engine):
            yield engine

    @contextlib.contextmanager
    def _container(self, suite: str, signals: Signals) -> Iterator[tuple[Engine, str]]:
        """A container of the suite, whose first process does nothing but wait for our end."""
        with self._reached(_SILENCE_SECONDS) as engine:
            with self._lock:
                sweep(engine)
                base = base_image.base_image(suite, engine, say=self._say)
            if signals.cancelled():
                raise CancelledError(f"the container of {suite} was not started")
            with Container.waiting(engine, image_builder_configuration(base)) as name:
                yield engine, name


def image_builder_configuration(image: str) -> dict[str, object]:
    """The body of the Engine API's ContainerCreate: dpkg wants root, and what it needs to give files to others."""
    return {
        "Image": image,
        "Entrypoint": list(_ENDS_WITH_ITS_OWNER),
        "Cmd": [],
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "HostConfig": {
            "AutoRemove": True,
            "Init": True,
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "none", "Config": {}},
        },
    }


def _run(engine: Engine, container: str, script: str, signals: Signals) -> str:
    """What the script prints on its standard output. Progress is read from what apt says on the other.

    A script exits with 3 if the toolchain does not exist, with 4 if a download failed; the last line of its errors is
    why. Raises `MissingToolchainError`, `DownloadError`, `SandboxError`, `CancelledError`.
    """
    out, said, counter = bytearray(), bytearray(), _Counter(signals)

    def take(output: bytes, errors: bytes) -> None:
        out.extend(output)
        said.extend(errors)
        counter.read(errors)

    with _ended_when_cancelled(container, signals):
        try:
            status = engine.execute(container, ["/bin/sh", "-eu", "-c", script], take)
        except SandboxError as error:
            if signals.cancelled():
                raise CancelledError("the making of an image was cancelled") from error
            raise
    if signals.cancelled():
        raise CancelledError("the making of an image was cancelled")
    lines = said.decode(errors="replace").strip().splitlines() or ["nothing printed"]
    why = next((line for line in reversed(lines) if line.startswith("E: ")), lines[-1]).removeprefix("E: ")[:300]
    match status:
        case 0:
            return out.decode(errors="replace")
        case 3:
            raise MissingToolchainError(why, for_good=False)
        case 4:
            raise DownloadError(f"{why}: look at the network, then try again")
        case _:
            raise SandboxError(
                f"A package manager gave up in its container (status {status}: {why}): look at what docker's disk has "
                "free, then try again."
            )


class _Counter:
    """Bytes fetched, as far as apt tells."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._line = b""
        self._done = 0
        self._total: int | None = None

    def read(self, part: bytes) -> None:
        *lines, self._line = (self._line + part).split(b"\n")
        for line in lines:
            found = _SIZE.match(line)
            if found is None:
                continue
            count = round(float(found["count"].replace(b",", b"")) * _UNITS[found["unit"]])
            if line.startswith(b"Need"):
                self._total, self._done = count, 0
            elif self._total is not None:
                self._done = min(self._done + count, self._total)
                self._signals.progress(self._done, self._total)


@contextlib.contextmanager
def _ended_when_cancelled(container: str, signals: Signals) -> Iterator[None]:
    """Reading what a program says blocks until it says something: end the container, and that ends too."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            if signals.cancelled():
                with contextlib.suppress(SandboxError), contextlib.closing(Engine(seconds=_PULL_SECONDS)) as engine:
                    engine.remove(container)
                return

    watcher = threading.Thread(target=watch, name="watch-build", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _pull(reference: str, signals: Signals) -> None:
    try:
        with contextlib.closing(Engine(seconds=_PULL_SECONDS)) as engine:
            for done, total in engine.pulling(reference):
                if signals.cancelled():
                    raise CancelledError(f"pulling {reference} was cancelled")
                signals.progress(done, total)
    except SandboxError as error:
        if "not found" in str(error) or "manifest unknown" in str(error):
            raise MissingToolchainError(f"The image {reference} does not exist ({error})", for_good=False) from error
        raise DownloadError(f"The image {reference} is not here and cannot be pulled: {error}") from error
