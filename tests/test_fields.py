"""Checked fields of headers: what passes, what does not, and that the error names the field."""

import doctest
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossless_inr_lite import fields
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.fields import (
    Choice,
    Flag,
    Integer,
    ListOf,
    MapOf,
    Number,
    OrNone,
    RecordOf,
    Text,
    checked,
    plain,
)


@dataclass(frozen=True)
class Part:
    shape: Annotated[tuple[int, ...], ListOf(Integer(1, 2**20), 2, 3)]
    kind: Annotated[str, Choice("unsigned", "signed")] = "unsigned"
    level: Annotated[int, Choice(0, 1)] = 1


@dataclass(frozen=True)
class Page:
    title: Annotated[str, Text(8, min_length=1)]
    parts: Annotated[tuple[Part, ...], ListOf(RecordOf(Part), 0, 4)] = ()
    rate: Annotated[int | None, OrNone(Integer(1))] = None
    options: Annotated[dict[str, float] | None, OrNone(MapOf(Number(-1e3, 1e3), 2))] = None
    digest: Annotated[str, Text(4, "[0-9a-f]{4}")] = "0000"
    seed: Annotated[int, Integer()] = 0
    last: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        if self.last and not self.parts:
            raise InputError("the last page needs parts")


WHOLE = {
    "title": "Plan",
    "parts": [{"shape": [3, 4], "kind": "signed", "level": 0}, {"shape": [1, 2, 3]}],
    "rate": 44100,
    "options": {"omega_0": 30, "sigma": 0.5},
    "digest": "12af",
    "seed": -(2**70),
    "last": True,
}


def test_a_whole_object_becomes_a_dataclass_and_comes_back():
    page = checked(Page, json.loads(json.dumps(WHOLE)), "the page")
    assert page.parts == (Part((3, 4), "signed", 0), Part((1, 2, 3)))
    assert page.options == {"omega_0": 30.0, "sigma": 0.5}
    assert type(page.options["omega_0"]) is float
    full = plain(page)
    assert full["parts"][1] == {"shape": [1, 2, 3], "kind": "unsigned", "level": 1}
    assert checked(Page, full, "the page") == page
    short = plain(page, without_defaults=True)
    assert short["parts"][1] == {"shape": [1, 2, 3]}
    assert list(short) == list(WHOLE)
    assert checked(Page, short, "the page") == page
    assert plain(Page("x"), without_defaults=True) == {"title": "x"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": 3}, "at title: it is 3, allowed are texts of 1 to 8 characters"),
        ({"title": ""}, "at title: it is ''"),
        ({"title": "too long a title"}, "at title"),
        ({"title": "x\ud800"}, "at title"),
        ({"parts": {}}, "at parts: it is {}, allowed are lists of 0 to 4 objects"),
        ({"parts": [{"shape": [1, 1]}] * 5}, "at parts: it has 5 items, allowed are 0 to 4"),
        ({"parts": [3]}, "at parts.0: it is 3, allowed are objects with the fields shape, kind"),
        ({"parts": [{}]}, "at parts.0.shape: it is missing"),
        ({"parts": [{"shape": [1, 0]}]}, "at parts.0.shape.1: it is 0, allowed are integers from"),
        ({"parts": [{"shape": [True, 1]}]}, "at parts.0.shape.0: it is True"),
        ({"parts": [{"shape": [1, 2.0]}]}, "at parts.0.shape.1: it is 2.0"),
        ({"parts": [{"shape": [1, 2**70]}]}, "at parts.0.shape.1: it is 1180591620717411303424"),
        ({"parts": [{"shape": [1, 1], "kind": "float"}]}, "allowed are unsigned, signed"),
        ({"parts": [{"shape": [1, 1], "level": True}]}, "at parts.0.level: it is True"),
        ({"parts": [{"shape": [1, 1], "level": 1.0}]}, "at parts.0.level: it is 1.0"),
        ({"parts": [{"shape": [1, 1], "more": 1}]}, "at parts.0.more: no such field"),
        ({"rate": 0}, "at rate: it is 0, allowed are integers from 1, or null"),
        ({"options": {"a": float("nan")}}, "at options.a: it is nan, allowed are finite numbers"),
        ({"options": {"a": 10**400}}, "at options.a"),
        ({"options": {"a": "1"}}, "at options.a: it is '1'"),
        ({"options": {"a": 1e4}}, "at options.a: it is 10000.0"),
        ({"options": {"a": 1, "b": 2, "c": 3}}, "at options: it has 3 members"),
        ({"options": [1]}, "at options: it is .1., allowed are objects"),
        ({"digest": "12AF"}, "at digest"),
        ({"digest": "12a\n"}, "at digest"),
        ({"seed": None}, "at seed: it is None, allowed are integers"),
        ({"last": 1}, "at last: it is 1, allowed are true and false"),
        ({"parts": []}, "the page is wrong: the last page needs parts"),
        ({"more": 1}, "at more: no such field, allowed are title, parts"),
        ({"x" * 10_000: 1}, "at xxxx"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(FileFormatError, match=message) as caught:
        checked(Page, WHOLE | change, "the page")
    assert str(caught.value).startswith("the page is wrong")
    assert len(str(caught.value)) < 300


def test_missing_fields_other_types_and_other_errors():
    with pytest.raises(FileFormatError, match="at title: it is missing"):
        checked(Page, {}, "the page")
    with pytest.raises(InputError, match=r"^the page is wrong: it is .1, 2., allowed are objects"):
        checked(Page, [1, 2], "the page")
    with pytest.raises(InputError, match="at title") as caught:
        checked(Page, {}, "the page", InputError)
    assert type(caught.value) is InputError


def test_a_field_without_a_check_is_a_mistake_of_the_programmer():
    @dataclass
    class Loose:
        size: int

    with pytest.raises(TypeError, match=r"Loose\.size"):
        checked(Loose, {"size": 1}, "the page")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(WHOLE)), JSON)
def test_any_value_is_accepted_or_one_error(name, value):
    with suppress(FileFormatError):
        page = checked(Page, WHOLE | {name: value}, "the page")
        assert checked(Page, plain(page), "the page") == page


def test_the_examples_of_the_documentation_hold():
    assert doctest.testmod(fields).failed == 0
