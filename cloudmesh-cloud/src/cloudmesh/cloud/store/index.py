"""Which of the known machines a word means, and the word that means one of them and no other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.names import Name, exact_words, expand
from cloudmesh.plugin.plain import harmless

# The shell takes these for an option or a variable.
_READ_BY_THE_SHELL = re.compile(r"^-|\$|(?<![\w.])(var|os|default)\.")


class MachineIndex:
    """The known machines of some clouds, found by name or id without looking at each of them."""

    def __init__(self, machines: Iterable[MachineRecord]) -> None:
        self.machines = list(machines)
        self._by_word: dict[str, list[MachineRecord]] = {}
        for each in self.machines:
            for word in {each.name, each.cloud_id}:
                self._by_word.setdefault(word, []).append(each)

    def meant(self, name: Name) -> list[MachineRecord]:
        """The machines that a name, an id or a glob means, in their order."""
        candidates = self.machines if name.is_glob else self._by_word.get(name.name, [])
        return [
            each
            for each in candidates
            if name.cloud in (None, each.cloud) and name.matches(each.name, each.cloud_id)
        ]

    def word(self, machine: MachineRecord, places: Collection[str] = ()) -> str:
        """A word that means this machine and no other: its name, else an exact name, else its id.

        Args:
            places: the clouds that are meant where a word names none; without them each word names its cloud.
        """
        words = list(exact_words(machine.name, machine.cloud_id, machine.cloud))
        qualified = [word for word in words if word.startswith(f"{machine.cloud}:")]
        for word in words if machine.cloud in places else qualified:
            if _can_be_given(word) and self._means(word, machine):
                return word
        return qualified[-1]

    def _means(self, word: str, machine: MachineRecord) -> bool:
        try:
            names = expand([word])
        except UsageError:
            return False
        if len(names) != 1 or names[0].is_glob:
            return False
        meant = [(each.cloud, each.cloud_id) for each in self.meant(names[0])]
        return meant == [(machine.cloud, machine.cloud_id)]


def _can_be_given(word: str) -> bool:
    """Whether a word reaches a command as it is, printed and given back as one argument."""
    return harmless(word) == word and not _READ_BY_THE_SHELL.search(word)
