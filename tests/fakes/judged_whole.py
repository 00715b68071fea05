"""Whatever comes in, judged as the tool would judge it: what may be raised is what the tool declares."""

from itertools import islice

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_case, parse_function
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.domain.outcome import Judgement
from mmio_bisect.domain.recipe import Case, ConstantWindow, Language
from mmio_bisect.errors import InvalidRecipeError, MalformedObjectError
from mmio_bisect.workflow.probing.objects import Objects, RawObject

_WAYS = (
    "{}(mmio)",
    "{}(_,mmio-slice) each=store32",
    "{}(b:holds(8),a:mmio) accesses=a.store32+0,b.load32+4",
    "{}(mmio) covers=store+0..16",
)
_WINDOW = ConstantWindow(low=0x9000000, high=0x9001000)


def judge_file(data: bytes) -> list[Judgement]:
    """Every function of the object, in every way; nothing if it is refused."""
    try:
        return judge_functions(Objects(read_object, DISASSEMBLERS).read(data))
    except MalformedObjectError:
        return []


def judge_stream(raw: RawObject) -> list[Judgement]:
    return judge_functions(Objects(lambda _: raw, DISASSEMBLERS).read(b""))


def judge_functions(image: CodeImage) -> list[Judgement]:
    judgements = []
    first = [place.name for place in islice(image.places, 8)]
    names = [name for name in first if name.isidentifier() and name.isascii()]
    for name in [*names, "none"]:
        for way, profile in zip(_WAYS, PROFILES.values(), strict=False):
            function = parse_function(way.format(name))
            judgements.append(judge_image(image, [function], (_WINDOW,), profile))
    return judgements


def read_recipe(text: bytes, language: Language) -> Case | None:
    try:
        return parse_case(text, path="any", recipe="any", language=language, shipped=False)
    except InvalidRecipeError:
        return None
