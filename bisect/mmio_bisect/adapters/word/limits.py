"""One function of a dump as it is read: its items, within bounds, and why it cannot be relied on."""

from mmio_bisect.classify.word.values import FunctionWord, WordItem

MAX_LINE = 1 << 16
MAX_ITEMS = 1 << 16


class FunctionReader:
    """A dump may be made by a compiler, or from source, that means harm: what exceeds the bounds is not read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: list[WordItem] = []
        self._unread: str | None = None

    def takes(self, line: str) -> bool:
        """Whether the line is to be looked at."""
        if len(line) > MAX_LINE:
            self._unread = self._unread or f"a line of its dump has more than {MAX_LINE} characters"
        return self._unread is None

    def add(self, item: WordItem | None) -> None:
        if item is None:
            return
        self._items.append(item)
        if len(self._items) > MAX_ITEMS:
            self.give_up(f"its dump has more than {MAX_ITEMS} memory instructions")

    def give_up(self, why: str) -> None:
        self._unread = self._unread or why
        self._items.clear()

    def finished(self) -> FunctionWord:
        if self._unread is not None:
            return FunctionWord(name=self._name, unread=self._unread)
        return FunctionWord(name=self._name, items=tuple(self._items))

    def broken_off(self) -> FunctionWord:
        self.give_up("its dump breaks off")
        return self.finished()
