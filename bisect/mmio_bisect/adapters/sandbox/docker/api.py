"""The docker SDK, and nothing beyond: the one file that names it.

Every call ends, with an answer or within the seconds that were set: a daemon that hangs is a fault like one that is
gone. What the SDK and the sockets below it raise becomes one of two errors, each a sentence.
"""

import contextlib
import json
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import IO, Any, Final

import docker  # type: ignore[import-untyped]
import docker.errors  # type: ignore[import-untyped]
import docker.utils  # type: ignore[import-untyped]
import requests

from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.errors import DaemonError, SandboxError

# From here on the daemon or whatever is between us and it is to blame, and not what was asked of it.
_SERVER_ERRORS: Final = 500
_GONE_OR_USED: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})


class Engine:
    """A connection to the docker daemon that DOCKER_HOST names, or the usual one. Of one thread at a time.

    Every method raises `DaemonError`, or `SandboxError` when the daemon refuses.
    """

    def __init__(self, *, seconds: float) -> None:
        with _explained("reach the docker daemon"):
            self._api = _PunctualClient(version="auto", timeout=seconds, **docker.utils.kwargs_from_env())

    def close(self) -> None:
        self._api.close()

    @property
    def version(self) -> str:
        with _explained("ask the docker daemon for its version"):
            return str(self._api.version()["Version"])

    def has_image(self, name: str) -> bool:
        return self.image_id(name) is not None

    def image_id(self, name: str) -> str | None:
        with _explained(f"look for the image {name}"):
            try:
                return str(self._api.inspect_image(name)["Id"])
            except docker.errors.ImageNotFound:
                return None

    def pulling(self, reference: str) -> Iterator[tuple[int, int]]:
        """Pull, and give the bytes that are here and those that there will be, as far as is known."""
        repository, tag = split_reference(reference)
        layers: dict[str, tuple[int, int]] = {}
        with _explained(f"pull {reference}"):
            for step in self._api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in step:
                    raise SandboxError(f"Docker cannot pull {reference}: {step['error']}")
                detail = step.get("progressDetail") or {}
                if step.get("status") == "Downloading" and "total" in detail:
                    layers[step["id"]] = (detail["current"], detail["total"])
                    yield sum(done for done, _ in layers.values()), sum(total for _, total in layers.values())

    def content(self, image: str) -> str:
        """A digest of all files of an image: of its layers' digests, which are of what is in them."""
        with _explained(f"inspect the image {image}"):
            layers = self._api.inspect_image(image)["RootFS"]["Layers"]
        return digest_of(json.dumps(layers).encode())

    def own_size(self, image: str) -> int:
        """Bytes, without those of the image that it was made from if that has a name of its own."""
        with _explained(f"inspect the image {image}"):
            found = self._api.inspect_image(image)
            if found["Parent"]:
                base = self._api.inspect_image(found["Parent"])
                if base["RepoTags"]:
                    return int(found["Size"]) - int(base["Size"])
            return int(found["Size"])

    def volumes(self, *labels: str) -> tuple[str, ...]:
        """The names of the volumes with all these labels."""
        with _explained("list volumes"):
            found = self._api.volumes(filters={"label": list(labels)})["Volumes"]
        return tuple(volume["Name"] for volume in found or ())

    def remove_volume(self, name: str) -> None:
        """One that is gone is fine, and one that a container still uses stays."""
        with _explained(f"remove the volume {name}", fine=_GONE_OR_USED):
            self._api.remove_volume(name)

    def tag(self, image: str, name: str) -> None:
        """Another name for it."""
        repository, _, tag = name.rpartition(":")
        with _explained(f"name the image {image}"):
            self._api.tag(image, repository, tag)

    def remove_image(self, name: str) -> None:
        """One that is gone is fine, and one that a container still uses stays."""
        with _explained(f"remove the image {name}", fine=_GONE_OR_USED):
            self._api.remove_image(name)

    def labelled_images(self, label: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        """Each name of an image with that label, and all its labels."""
        with _explained("list images"):
            found = self._api.images(filters={"label": label})
        return tuple((name, image["Labels"] or {}) for image in found for name in image["RepoTags"] or ())

    def commit(self, container: str, image: str, labels: Mapping[str, str]) -> None:
        """Keep the container's files as an image."""
        repository, _, tag = image.rpartition(":")
        with _explained(f"make the image {image}"):
            self._api.commit(container, repository, tag, changes=_labels(labels))

    def execute(self, container: str, words: Sequence[str], take: Callable[[bytes, bytes], None]) -> int:
        """Run a program in a running container as root; its status. `take` gets its output and its errors in parts."""
        with _explained(f"run a program in the container {container}"):
            program = self._api.exec_create(container, list(words), user="root")["Id"]
            for output, errors in self._api.exec_start(program, stream=True, demux=True):
                take(output or b"", errors or b"")
            return int(self._api.exec_inspect(program)["ExitCode"])

    def import_image(self, tar: IO[bytes], repository: str, tag: str, labels: Mapping[str, str]) -> None:
        with _explained(f"import {repository}:{tag}"):
            said = self._api.import_image_from_stream(tar, repository=repository, tag=tag, changes=_labels(labels))
            if '"error"' in said:
                raise SandboxError(f"Docker cannot import {repository}:{tag}: {said.strip()}")

    def create(self, name: str, configuration: Mapping[str, object]) -> None:
        """`configuration` is the body of the Engine API's ContainerCreate."""
        with _explained(f"create the container {name}"):
            self._api.create_container_from_config(dict(configuration), name)

    def attach(self, name: str) -> socket.socket:
        """Its standard streams, multiplexed as the Engine API's ContainerAttach says. The caller closes it."""
        with _explained(f"attach to the container {name}"):
            stream = self._api.attach_socket(name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            raw: socket.socket = getattr(stream, "_sock", stream)
            # Ours alone from here on: the SDK's stream would close it when collected, or keep it open when not. The
            # answer is closed as a whole: of one whose stream is closed alone, Python 3.13 complains when it goes.
            own = raw.dup()
            stream._response.close()  # noqa: SLF001 - the SDK keeps it there, and nowhere else
            raw.close()
            return own

    def start(self, name: str) -> None:
        with _explained(f"start the container {name}"):
            self._api.start(name)

    def remove(self, name: str) -> None:
        """Kill and remove it with all that is in it; one that is gone, or going, is fine."""
        with _explained(f"remove the container {name}", fine=_GONE_OR_USED):
            self._api.remove_container(name, force=True, v=True)

    def labelled(self, label: str) -> tuple[Mapping[str, Any], ...]:
        """All containers with that label, running or not, as the Engine API's ContainerList has them."""
        with _explained("list containers"):
            return tuple(self._api.containers(all=True, filters={"label": label}))


class _PunctualClient(docker.APIClient):  # type: ignore[misc]  # the SDK has no types
    def send(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - requests' own signature
        """Some calls of the SDK, `attach` among them, would otherwise wait for ever."""
        options["timeout"] = options.get("timeout") or self.timeout
        return super().send(*arguments, **options)


def _labels(labels: Mapping[str, str]) -> list[str]:
    return [f'LABEL {key}="{value}"' for key, value in labels.items()]


@contextlib.contextmanager
def _explained(doing: str, *, fine: Collection[int] = ()) -> Iterator[None]:
    """`fine` are the statuses that are no faults."""
    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code in fine:
            return
        kind = DaemonError if _may_pass(error) else SandboxError
        raise kind(f"docker cannot {doing}: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise DaemonError(f"Cannot {doing}: {_innermost(error)}") from error


def _may_pass(error: docker.errors.APIError) -> bool:
    """A container that is gone (404) can be made anew, and a daemon in trouble may recover."""
    return error.status_code == requests.codes.not_found or (error.status_code or _SERVER_ERRORS) >= _SERVER_ERRORS


def _innermost(error: BaseException) -> str:
    """What the system said, without the layers that passed it on."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def split_reference(reference: str) -> tuple[str, str]:
    """`registry:5000/name:tag` to its name and its tag."""
    name, tag = docker.utils.parse_repository_tag(reference)
    return name, tag or "latest"
