"""From trials of mixed layers to the layer that makes the difference: pure reasoning.

More layers from the bad toolchain are taken to make bad code no less likely; so what the trials show is a monotone
function of the set of bad layers, false where none is bad, true where all are. Of three layers there are 18 such
functions: those that agree with every trial that could be made are the explanations that are left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations

from mmio_bisect.domain.attribution import Confidence, Explanation, Layer, LayerConclusion, Mix, Trial
from mmio_bisect.domain.outcome import Verdict

Layers = frozenset[Layer]


def mixes_of(layers: Sequence[Layer]) -> tuple[Mix, ...]:
    """Every way to take each of the layers from one toolchain or the other, fewest bad ones first."""
    return tuple(Mix(bad_layers=chosen) for chosen in _subsets(layers))


def conclude(trials: Iterable[Trial], layers: Sequence[Layer]) -> LayerConclusion:
    """Which explanations the trials leave; `layers` are those that could be exchanged."""
    trials = tuple(trials)
    seen = {trial.mix.bad_layers: trial.verdict for trial in trials if trial.verdict is not Verdict.UNTESTABLE}
    everything = frozenset(layers)
    if seen.get(frozenset()) is Verdict.BAD or seen.get(everything) is Verdict.GOOD:
        return LayerConclusion(
            explanations=(),
            confidence=Confidence.OPEN,
            why="taken apart and put together again, a toolchain does not do what it does in one go",
        )
    unmade = 2 ** len(everything) - len(seen)
    left = sorted(
        (found for found in _explanations(layers) if _agrees(found, seen)),
        key=lambda found: (_cost(found), _text(found)),
    )
    if not left:
        return LayerConclusion(
            explanations=(),
            confidence=Confidence.OPEN,
            why="the layers act against one another: a bad one makes up for another in some mixes",
        )
    lent = sum(bool(trial.stand_ins) for trial in trials)
    by_whom = f"{lent} of {2 ** len(everything)} with a stand-in"
    if len(left) == 1:
        made = "every mix was tried" if not unmade else f"the {unmade} mixes that could not be made leave no other"
        return LayerConclusion(
            explanations=tuple(left),
            confidence=Confidence.LIKELY if lent else Confidence.PROVEN,
            why=f"{made}, {by_whom}" if lent else made,
        )
    simplest = _cost(left[0])
    alone = _cost(left[1]) > simplest
    why = f"{unmade} of {2 ** len(everything)} mixes could not be made, and only they tell the explanations apart"
    return LayerConclusion(
        explanations=tuple(left),
        confidence=Confidence.LIKELY if alone else Confidence.OPEN,
        why=f"{why}; {by_whom}" if lent else why,
    )


def _subsets(layers: Sequence[Layer]) -> Iterator[Layers]:
    sizes = (combinations(layers, size) for size in range(len(layers) + 1))
    return (frozenset(chosen) for chosen in chain.from_iterable(sizes))


def _explanations(layers: Sequence[Layer]) -> Iterator[Explanation]:
    """Every choice of sets of which none holds another, nor is empty."""
    candidates = [chosen for chosen in _subsets(layers) if chosen]
    for size in range(1, len(candidates) + 1):
        for sets in combinations(candidates, size):
            if not any(small < large for small in sets for large in sets):
                yield Explanation(enough=frozenset(sets))


def _agrees(explanation: Explanation, seen: Mapping[Layers, Verdict]) -> bool:
    return all(
        (verdict is Verdict.BAD) == any(enough <= bad for enough in explanation.enough) for bad, verdict in seen.items()
    )


def _cost(explanation: Explanation) -> int:
    """One layer is simpler than two; each further word of an explanation makes it less simple."""
    return sum(len(enough) for enough in explanation.enough)


def _text(explanation: Explanation) -> list[list[str]]:
    order = list(Layer)
    return sorted(
        sorted((layer.value for layer in enough), key=lambda name: order.index(Layer(name)))
        for enough in explanation.enough
    )
