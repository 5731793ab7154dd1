"""The house keeps its size, and every public name of it says what it is."""

import ast

import pytest

from .sizes import Sizes, undocumented


def test_files_are_of_good_size_and_public_names_are_explained(root):
    sizes = Sizes.of(root)
    assert len(sizes.source) > 100 and len(sizes.tests) > 50, "the files are found"
    assert sizes.faults() == [], str(sizes)


FEW = {"a.py": 110, "b.py": 150, "c.py": 400}
CASES = {
    "the largest file": (Sizes({**FEW, "c.py": 401}, {}, []), "c.py has 401 lines, of at most 400"),
    "small files": (Sizes({**FEW, "b.py": 108, "d.py": 109}, {}, []), "the median file has 109.5 lines"),
    "large files": (Sizes({**FEW, "b.py": 200, "d.py": 202}, {}, []), "the median file has 201 lines"),
    "many tests": (Sizes(FEW, {"t.py": 727}, []), "there are 1.10 lines of tests for each line of source"),
    "a silent name": (Sizes(FEW, {}, ["a.py: f"]), "a.py: f has no docstring"),
}


def test_what_is_good_has_no_faults():
    assert Sizes(FEW, {"t.py": 726}, []).faults() == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_too_much_is_said(case):
    sizes, said = CASES[case]
    (fault,) = sizes.faults()
    assert fault.startswith(said)


def test_public_names_without_a_docstring_are_found():
    text = '''
from typing import overload
def good():
    """It is."""
    def inner(): ...
def bad(): ...
def _private(): ...
def test_it(): ...
class Good:
    """It is."""
    def __len__(self): ...
    @property
    def size(self): ...
    @size.setter
    def size(self, value): ...
    @overload
    def get(self): ...
    def get(self):
        """It does."""
class _Private:
    def method(self): ...
class Bad:
    async def method(self): ...
if True:
    def hidden(): ...
'''
    told = undocumented(ast.parse(text), {})
    assert told == ["bad", "Good.size", "Bad", "Bad.method", "hidden"]


def test_an_override_says_what_the_method_of_its_base_says():
    tree = ast.parse(
        'class Base:\n """x"""\n def told(self):\n  """x"""\n def silent(self): ...\n'
        'class Sub(Base):\n """x"""\n def told(self): ...\n def silent(self): ...\n def own(self): ...\n'
    )
    classes = {node.name: node for node in tree.body}
    assert undocumented(tree, classes) == ["Base.silent", "Sub.silent", "Sub.own"]
