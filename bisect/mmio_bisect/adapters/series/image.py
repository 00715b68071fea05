"""Series of container images: each reference is a point, and the image itself the toolchain.

They are pulled by docker as it is configured here, or are there already. What the store keeps of them are names of its
own, so that pruning takes no image from anybody else. The digest is of the images' layers, which is what is in them.
The sandbox needs perl and an `/lib64` in them, as all images have that come from Debian.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from mmio_bisect.adapters.series.kind import NamedSource, SeriesConfig, SourceContext
from mmio_bisect.adapters.series.version_order import debian_sort_key
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.domain.toolchain import Listing, Point
from mmio_bisect.errors import UnknownVersionError
from mmio_bisect.workflow.ports.images import ImageBuilder
from mmio_bisect.workflow.ports.progress import Signals
from mmio_bisect.workflow.ports.series import Fetched, RunsIn

_NUMBERS: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")
_REFERENCE: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig(SeriesConfig):
    """`images` are `repository:tag`, with `{a..b}` for all numbers from a to b.

    `tool` is the compiler's absolute path in each, or that and words that follow it.
    """

    runs_in: ClassVar[RunsIn] = RunsIn.DOCKER
    costs_to_list: ClassVar[bool] = True

    images: tuple[str, ...]
    tool: str | tuple[str, ...]
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not expanded(self.images):
            raise ValueError("images is empty: name at least one")
        if not self.words or not self.words[0].startswith("/"):
            raise ValueError("the tool is not a path in the image: begin it with /")

    @property
    def words(self) -> tuple[str, ...]:
        return (self.tool,) if isinstance(self.tool, str) else self.tool

    def source(self, name: str, context: SourceContext) -> "ImageSeries":
        return ImageSeries(name, self, context.image_builder)


class ImageSeries(NamedSource):
    """The `SeriesSource`. Points are named by their tags, in the order of Debian's versions."""

    def __init__(self, name: str, config: ImageConfig, image_builder: ImageBuilder) -> None:
        super().__init__(name, config)
        self._config = config
        self._image_builder = image_builder
        self._references = {reference.rpartition(":")[2]: reference for reference in expanded(config.images)}

    def listing(self, *, refresh: bool = False) -> Listing:  # noqa: ARG002 - the data say all
        points = [
            Point(series=self.name, version=tag, sort_key=f"{debian_sort_key(tag)} {tag}") for tag in self._references
        ]
        return Listing(
            series=self.name,
            points=tuple(sorted(points, key=lambda point: point.sort_key)),
            asked_at=datetime.now(UTC),
        )

    def origin(self, point: Point) -> str:
        return f"the image {self._reference(point)}, pulled unless it is here"

    def fetch(self, point: Point, folder: Path, signals: Signals) -> Fetched:  # noqa: ARG002 - all of it is in the image
        def digest(content: str) -> str:
            return digest_of("\n".join([*self._config.words, content]).encode())

        image, content = self._image_builder.obtain(
            self._reference(point), lambda content: f"{point.series}-{point.version}-{digest(content)[7:19]}", signals
        )
        return Fetched(
            digest=digest(content),
            tool=self._config.words,
            arguments=self._config.arguments,
            image=image,
        )

    def _reference(self, point: Point) -> str:
        try:
            return self._references[point.version]
        except KeyError:
            raise UnknownVersionError(f"{point} is not in the series' data any more.") from None


def expanded(images: Iterable[str]) -> tuple[str, ...]:
    """`gcc:{9..11}` is gcc:9, gcc:10 and gcc:11. Raises ValueError for anything else, or the same tag twice."""
    found = [reference for image in images for reference in _of_one(image)]
    for reference in found:
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(f"“{reference}” is not an image: write repository:tag, with {{a..b}} for numbers")
    tags = [reference.rpartition(":")[2] for reference in found]
    for tag in tags:
        if tags.count(tag) > 1:
            raise ValueError(f"two images have the tag {tag}: points are named by tags, so put them into two series")
    return tuple(found)


def _of_one(image: str) -> Iterator[str]:
    match = _NUMBERS.search(image)
    if match is None:
        yield image
        return
    first, last = int(match[1]), int(match[2])
    if not first <= last < first + _MOST:
        raise ValueError(f"“{match[0]}” counts nothing, or more than {_MOST}")
    for number in range(first, last + 1):
        yield from _of_one(f"{image[: match.start()]}{number}{image[match.end() :]}")
