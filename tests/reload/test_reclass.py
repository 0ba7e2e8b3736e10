"""Objects of superseded classes become objects of the new ones; the old ones stay as they were."""

from __future__ import annotations

import copy
import re
import socket
import threading
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from textwrap import dedent
from types import ModuleType
from typing import Any, Union
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aplay_host.reload import Reclass, Refusal, Refused, Successors
from aplay_host.reload.shape import Shape
from aplay_host.reload.survey import Limit, Survey

from .sources import Sources, successors

HEAD = dedent("""
    from __future__ import annotations
    from dataclasses import dataclass, field
    from enum import Enum, Flag
    from functools import partial, wraps
    from typing import NamedTuple
""")
TEXT = HEAD + dedent("""
    class Plain:
        shared = []
        def __init__(self, ts=0):
            self.ts = ts
        def method(self):
            return "old"
        @classmethod
        def make(cls):
            return cls()

    class Slots:
        __slots__ = ("ts", "__secret", "unset")
        def __init__(self, ts=0):
            self.ts = ts
            self.__secret = 7
        def secret(self):
            return self.__secret

    class Both(Slots):
        def __init__(self):
            super().__init__(1)
            self.more = 2

    @dataclass
    class Data:
        ts: int = 0
        next: Data | None = None

    @dataclass(frozen=True, slots=True)
    class Frozen:
        ts: int = 0
        inside: object = None

    class Named(NamedTuple):
        ts: int = 0
        inside: object = None

    class Color(Enum):
        RED = 1
        BLUE = 2

    class Right(Flag):
        READ = 1
        WRITE = 2

    class Problem(ValueError):
        def __init__(self, text, line=0):
            super().__init__(text)
            self.line = line

    class Words(dict): ...
    class Lines(list): ...
    class Bag(set): ...
    class Line(str): ...
    class Number(int): ...
    class Pair(tuple): ...
    class Queue(__import__("collections").deque): ...
    class Meta(type): ...

    class Outer:
        class Inner: ...

    def function():
        return "old"

    def closure():
        def inside(): ...
        return inside
""")
Modules = tuple[ModuleType, ModuleType]


@pytest.fixture(scope="module")
def modules() -> Modules:
    """The same module, loaded twice."""
    with Sources(guest=TEXT) as sources:
        sources.load("guest")
        return sources.edit("guest", TEXT.replace('"old"', '"new"'))


def edit(text: str, new: str) -> Modules:
    with Sources(guest=HEAD + text) as sources:
        sources.load("guest")
        return sources.edit("guest", HEAD + new)


def convert(value: Any, new: ModuleType, **more: Any) -> Any:
    return Reclass(successors(new)).convert(value, "/tail", **more)


def refusal(value: Any, new: ModuleType, **more: Any) -> Refusal:
    with pytest.raises(Refused) as caught:
        convert(value, new, attributes=isinstance(value, dict), **more)
    return caught.value.refusal


# ---- each kind of thing ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Plain", "Slots", "Data", "Frozen", "Named"])
def test_an_instance_gets_the_new_class_and_keeps_its_fields(modules: Modules, name: str) -> None:
    old, new = modules
    before = getattr(old, name)(ts=5)
    after = convert(before, new)
    assert type(after) is getattr(new, name)
    assert after.ts == 5
    assert type(before) is getattr(old, name)


def test_slots_of_bases_private_ones_and_those_never_set_are_carried(modules: Modules) -> None:
    old, new = modules
    before = old.Both()
    before.extra = 3
    after = convert(before, new)
    assert (after.ts, after.more, after.extra, after.secret()) == (1, 2, 3, 7)
    assert not hasattr(after, "unset")


def test_an_enum_member_becomes_the_one_of_its_name(modules: Modules) -> None:
    old, new = modules
    assert convert(old.Color.BLUE, new) is new.Color.BLUE
    assert convert(old.Right.READ | old.Right.WRITE, new) == new.Right.READ | new.Right.WRITE
    assert convert({old.Color.RED: 1}, new) == {new.Color.RED: 1}


def test_a_renumbered_enum_goes_by_name() -> None:
    old, new = edit("class E(Enum):\n    A = 1\n    B = 2", "class E(Enum):\n    B = 1")
    assert convert(old.E.B, new) is new.E.B
    assert "guest:E has no A any more" in refusal({"mode": old.E.A}, new).got


def test_an_exception_keeps_arguments_attributes_and_causes(modules: Modules) -> None:
    old, new = modules
    before = old.Problem("bad", line=7)
    before.__cause__ = old.Problem("deeper")
    before.add_note("note")
    after = convert(before, new)
    assert isinstance(after, new.Problem)
    assert isinstance(after.__cause__, new.Problem)
    assert (after.args, after.line, after.__notes__) == (("bad",), 7, ["note"])
    assert after.__suppress_context__
    assert after.__traceback__ is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Words", {"a": 1}),
        ("Lines", [1, 2]),
        ("Bag", {1, 2}),
        ("Line", "text"),
        ("Number", 5),
        ("Pair", (1, 2)),
        ("Queue", deque([1])),
    ],
)
def test_a_subclass_of_a_builtin_keeps_content_and_attributes(
    modules: Modules, name: str, content: Any
) -> None:
    old, new = modules
    before = getattr(old, name)(content)
    before.tag = old.Plain(3)
    after = convert(before, new)
    assert type(after) is getattr(new, name)
    assert after == content
    assert type(after.tag) is new.Plain


def test_classes_functions_and_modules_become_their_successors(modules: Modules) -> None:
    old, new = modules
    assert convert(old.Plain, new) is new.Plain
    assert convert(old.Outer.Inner, new) is new.Outer.Inner
    assert convert(old.function, new) is new.function
    assert convert(old, new) is new
    assert convert([old.function], new)[0]() == "new"


def test_methods_and_partials_are_made_of_what_their_parts_become(modules: Modules) -> None:
    old, new = modules
    thing = old.Plain(5)
    bound, made, called, push = convert(
        [thing.method, old.Plain.make, partial(old.function, thing, key=thing), [thing].append], new
    )
    assert bound() == "new"
    assert type(bound.__self__) is new.Plain
    assert type(made()) is new.Plain
    assert called.func is new.function
    assert called.args[0] is called.keywords["key"] is bound.__self__
    assert push.__self__[0] is bound.__self__


def test_what_nobody_superseded_stays_what_it_is(modules: Modules) -> None:
    _, new = modules
    left, right = socket.socketpair()
    with left, right:
        values = [threading.Lock(), left, object(), new.Plain(1), Exception("x"), print, [1], ()]
        for value in values:
            assert convert(value, new) is value
        assert convert(values, new) is values


# ---- containers, sharing, cycles ---------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda it: [it],
        lambda it: (it,),
        lambda it: {it},
        lambda it: frozenset({it}),
        lambda it: {"key": it},
        lambda it: {it: "value"},
        lambda it: deque([it], maxlen=3),
        lambda it: OrderedDict(a=it),
        lambda it: defaultdict(list, a=it),
        lambda it: Counter({it: 2}),
        lambda it: [[({"deep": it},)]],
    ],
)
def test_a_container_is_copied_when_something_inside_changes(modules: Modules, wrap: Any) -> None:
    old, new = modules
    before, unchanged = wrap(old.Frozen(5)), wrap(6)
    after = convert(before, new)
    assert type(after) is type(before)
    assert after == wrap(new.Frozen(5))
    assert before == wrap(old.Frozen(5))
    assert convert(unchanged, new) is unchanged
    assert getattr(after, "maxlen", 3) == 3
    assert getattr(after, "default_factory", list) is list


def test_sharing_is_kept_within_a_value_and_between_values(modules: Modules) -> None:
    old, new = modules
    thing = old.Plain()
    shared = [thing]
    reclass = Reclass(successors(new))
    first = reclass.convert({"a": shared, "b": shared, "c": thing}, "/a")
    second = reclass.convert([shared], "/b")
    assert first["a"] is first["b"] is second[0]
    assert first["a"][0] is first["c"]


def test_cycles_are_kept(modules: Modules) -> None:
    old, new = modules
    ring = old.Data(1)
    ring.next = old.Data(2, ring)
    after = convert(ring, new)
    assert after.next.next is after
    table: dict[str, Any] = {"data": old.Plain()}
    table["self"] = (table,)
    told = convert(table, new)
    assert told["self"][0] is told
    named = old.Named(1, [])
    named.inside.append(named)
    made = convert(named, new)
    assert made.inside[0] is made


def test_a_long_chain_is_no_deep_recursion(modules: Modules) -> None:
    old, new = modules
    chain = None
    for number in range(20_000):
        chain = old.Data(number, chain)
    after, length = Reclass(successors(new), seconds=60).convert(chain, "/tail"), 0
    while after is not None:
        assert type(after) is new.Data
        after, length = after.next, length + 1
    assert length == 20_000


def test_keys_are_complete_before_they_are_hashed(modules: Modules) -> None:
    old, new = modules
    key = old.Frozen(1, old.Frozen(2, (old.Frozen(3),)))
    value = {key: {key}, "set": frozenset({(key, 1)})}
    after = convert(value, new)
    found = new.Frozen(1, new.Frozen(2, (new.Frozen(3),)))
    assert after[found] == {found}
    assert after["set"] == frozenset({(found, 1)})


def test_with_copy_no_container_is_the_old_one(modules: Modules) -> None:
    _, new = modules
    inner: list[int] = [1]
    before: dict[str, Any] = {"a": (inner, {"b": {1}}), "shared": inner}
    after = convert(before, new, copy=True)
    assert after == before
    assert after["a"][0] is after["shared"] is not inner
    assert after["a"][1]["b"] is not before["a"][1]["b"]


def test_a_copier_makes_old_instances_anew_as_what_they_are(modules: Modules) -> None:
    old, new = modules
    before = old.Plain(["x"])
    after = Reclass(successors(new)).copier().convert([before], "/tail", copy=True)[0]
    assert type(after) is old.Plain
    assert after is not before
    assert after.ts == ["x"]
    assert after.ts is not before.ts


def test_a_seeded_object_stands_wherever_the_old_one_does(modules: Modules) -> None:
    old, new = modules
    before, after = old.Plain(1), new.Plain(2)
    reclass = Reclass(successors(new))
    reclass.seed(before, after)
    told = reclass.convert([before, before.method], "/tail")
    assert told[0] is after
    assert told[1].__self__ is after


LEAVES = st.one_of(st.integers(), st.sampled_from(["Frozen", "Color"]))
TREES = st.recursive(
    LEAVES,
    lambda it: st.one_of(
        st.lists(it),
        st.tuples(it, it),
        st.dictionaries(st.text(max_size=2), it),
        st.builds(lambda one: ("Data", one), it),
    ),
)


@given(TREES)
def test_any_tree_becomes_the_same_tree_of_new_things_and_the_old_is_intact(
    modules: Modules, tree: Any
) -> None:
    old, new = modules
    before, untouched = grow(tree, old), grow(tree, old)
    assert convert(before, new) == grow(tree, new)
    assert before == untouched


def grow(tree: Any, module: ModuleType) -> Any:
    match tree:
        case "Frozen":
            return module.Frozen(1, module.Color.RED)
        case "Color":
            return module.Color.BLUE
        case ("Data", inside):
            return module.Data(grow(inside, module))
        case list():
            return [grow(it, module) for it in tree]
        case tuple():
            return tuple(grow(it, module) for it in tree)
        case dict():
            return {key: grow(it, module) for key, it in tree.items()}
        case _:
            return tree


# ---- fields that come and go -------------------------------------------------------------

FIELDS = {
    "dataclass": ("@dataclass\nclass R:\n    ts: int", "\n    {}: int"),
    "slots dataclass": (
        "@dataclass(slots=True)\nclass R:\n    ts: int",
        "\n    {}: int",
    ),
    "named": ("class R(NamedTuple):\n    ts: int", "\n    {}: int"),
    "plain": (
        "class R:\n    def __init__(self, ts):\n        self.ts = ts",
        "\n        self.{} = ts",
    ),
    "slots": (
        "class R:\n    __slots__ = 'ts',\n    def __init__(self, ts): self.ts = ts",
        "\n    __slots__ += '{}',",
    ),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_a_new_field_without_a_default_is_refused_with_the_path_to_it(kind: str) -> None:
    text, more = FIELDS[kind]
    old, new = edit(text, text + more.format("at"))
    state = {"pending": [1, {"x": old.R(5)}]}
    found = refusal(state, new)
    assert found.place == "/tail.pending[1]['x'].at"
    assert found.code == "no-default"
    assert "guest:R" in found.got
    assert "ts" in found.got
    assert "migrate" in found.cure
    assert type(state["pending"][1]["x"]) is old.R  # type: ignore[index]


@pytest.mark.parametrize("kind", ["dataclass", "slots dataclass", "named", "plain"])
def test_a_renamed_field_is_refused(kind: str) -> None:
    text, _ = FIELDS[kind]
    old, new = edit(text, re.sub(r"\bts\b", "time", text))
    assert refusal({"last": old.R(5)}, new).place == "/tail.last.time"


@pytest.mark.parametrize(
    ("text", "more", "value"),
    [
        ("@dataclass\nclass R:\n    ts: int", "\n    new: int = 3", 3),
        (
            "@dataclass\nclass R:\n    ts: int",
            "\n    new: list = field(default_factory=list)",
            [],
        ),
        ("class R(NamedTuple):\n    ts: int", "\n    new: int = 3", 3),
        (FIELDS["plain"][0], "\n        self.new = 1\n    new = 3", 3),
    ],
)
def test_a_new_field_gets_its_default(text: str, more: str, value: Any) -> None:
    old, new = edit(text, text + more)
    first, second = convert([old.R(5), old.R(6)], new)
    assert (first.ts, first.new) == (5, value)
    assert first.new is not second.new or value == 3


@pytest.mark.parametrize("kind", ["dataclass", "slots dataclass", "named", "slots"])
def test_a_field_that_went_is_dropped_and_told(kind: str) -> None:
    text, more = FIELDS[kind]
    old, new = edit(text + more.format("gone"), text)
    before = old.R(5, 6) if kind != "slots" else old.R(5)
    if kind == "slots":
        before.gone = 6
    reclass = Reclass(successors(new))
    after = reclass.convert(before, "/tail")
    assert after.ts == 5
    assert not hasattr(after, "gone")
    assert any("gone" in note for note in reclass.notes)


def test_a_pydantic_model_is_converted_field_by_field() -> None:
    text = "import pydantic\nclass R(pydantic.BaseModel):\n    ts: int\n"
    old, new = edit(text, text + "    new: list[int] = [3]\n")
    after = convert(old.R(ts=5), new)
    assert type(after) is new.R
    assert after == new.R(ts=5)
    old, new = edit(text, re.sub(r"\bts\b", "time", text))
    assert refusal({"last": old.R(ts=5)}, new).place == "/tail.last.time"


def test_a_struct_is_converted_field_by_field() -> None:
    pytest.importorskip("msgspec")
    text = "import msgspec\nclass R(msgspec.Struct, frozen=True):\n    ts: int\n"
    old, new = edit(text, text + "    new: list = msgspec.field(default_factory=list)\n")
    after = convert([old.R(5)], new)[0]
    assert type(after) is new.R
    assert (after.ts, after.new) == (5, [])
    old, new = edit(text, re.sub(r"\bts\b", "time", text))
    assert refusal({"last": old.R(5)}, new).place == "/tail.last.time"


# ---- what cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "make", "got"),
    [
        ("class Gone: ...", "Gone()", "guest:Gone is gone"),
        ("def gone(): ...", "gone", "guest:gone is gone"),
        ("class Was: ...", "Was()", "guest:Was is a function now"),
        ("class Base: ...", "Base()", "guest:Base derives from dict now"),
        ("def f(): return lambda: 1", "f()", "has no name outside of the function"),
        ("def f():\n    class L: ...\n    return L()", "f()", "has no name outside"),
        ("class Slow(__import__('io').BytesIO): ...", "Slow()", "derives from BytesIO"),
    ],
)
def test_what_has_no_successor_is_refused_with_the_path_to_it(
    text: str, make: str, got: str
) -> None:
    now = "def Was(): ...\nclass Base(dict): ...\nclass Slow(__import__('io').BytesIO): ..."
    old, new = edit(text, now)
    found = refusal({"jobs": {"a": {7: eval(make, vars(old))}}}, new)
    assert found.place == "/tail.jobs['a'][7]"
    assert got in found.got
    assert "reload_transient" in found.cure


def test_what_is_of_a_module_that_is_gone_is_refused(modules: Modules) -> None:
    old, _ = modules
    with pytest.raises(Refused, match="module guest is gone"):
        Reclass(Successors({"guest": None})).convert([old.Plain()], "/tail")


def test_a_hash_that_raises_is_a_refusal() -> None:
    text = "class Key:\n    def __init__(self): self.x = 1\n"
    raising = text + "    def __hash__(self): raise OSError('no hash')\n"
    old, new = edit(text, raising)
    assert "OSError: no hash" in refusal({"keys": frozenset({old.Key()})}, new).got
    assert "OSError: no hash" in refusal({"keys": {old.Key()}}, new).got


def test_too_many_objects_are_refused() -> None:
    old, new = edit("class A: ...", "class A: ...")
    reclass = Reclass(successors(new), nodes=10)
    reclass.convert([old.A() for _ in range(9)], "/tail")
    with pytest.raises(Refused, match=r"more than 10 objects.*define get_state") as caught:
        reclass.convert([old.A() for _ in range(10)], "/tail")
    assert caught.value.refusal.code == "state-too-large"


def test_no_more_is_looked_at_of_a_container_than_is_allowed() -> None:
    _, new = edit("class A: ...", "class A: ...")
    survey = Survey("/tail", successors(new), {}, Shape.of, copy=False)
    with pytest.raises(Refused, match="more than 10 objects"):
        survey.explore([[] for _ in range(1000)], Limit(10, 60, lambda: 0.0), attributes=False)
    assert len(survey._seen) == 11


def test_atoms_are_not_counted_as_objects() -> None:
    _, new = edit("class A: ...", "class A: ...")
    Reclass(successors(new), nodes=10).convert({"seen": list(range(1000))}, "/tail")


def test_taking_too_long_is_refused() -> None:
    _, new = edit("class A: ...", "class A: ...")
    times = iter([0.0, 0.04, 0.06])
    reclass = Reclass(successors(new), clock=lambda: next(times))
    with pytest.raises(Refused, match=r"more than 0\.05 s"):
        reclass.convert([[], []], "/tail")


def test_tuples_nested_without_end_are_refused_and_not_a_crash(modules: Modules) -> None:
    old, new = modules
    nested: Any = (old.Plain(),)
    for _ in range(50_000):
        nested = (nested,)
    with pytest.raises(Refused, match="nested too deeply"):
        Reclass(successors(new), seconds=60).convert(nested, "/tail")


# ---- waiting mail ------------------------------------------------------------------------


def test_a_waiting_message_matches_the_new_class(modules: Modules) -> None:
    old, new = modules
    reclass = Reclass(successors(new))
    waiting = ["text", {"n": 1}, old.Data(5), (old.Color.RED, old.Frozen(1))]
    before = copy.copy(waiting)
    line = [reclass.remap(message) for message in waiting]
    assert line == ["text", {"n": 1}, new.Data(5), (new.Color.RED, new.Frozen(1))]
    assert line[1] is waiting[1]
    assert waiting == before


def test_a_message_that_cannot_be_converted_is_named_by_its_type() -> None:
    text, more = FIELDS["dataclass"]
    old, new = edit(text, text + more.format("at"))
    with pytest.raises(Refused) as caught:
        Reclass(successors(new)).remap(old.R(1))
    assert caught.value.refusal.place == "a waiting R.at"


# ---- what points at things weakly, or by their classes -------------------------------------


def test_what_is_held_weakly_goes_with_what_holds_it(modules: Modules) -> None:
    old, new = modules
    thing, other = old.Plain(5), old.Plain(6)
    by_key, by_value = WeakKeyDictionary({thing: [thing]}), WeakValueDictionary({"a": thing})
    before = [thing, weakref.ref(thing, old.function), WeakSet({thing}), by_key, by_value]
    kept, ref, found, keys, values = convert(before, new)
    assert type(kept) is new.Plain
    assert ref() is kept
    assert ref.__callback__ is new.function
    assert set(found) == {kept}
    assert dict(keys) == {kept: [kept]}
    assert dict(values) == {"a": kept}
    assert set(before[2]) == {thing}
    alone = WeakSet({other})
    assert convert([alone, kept], new)[0] is alone
    assert set(alone) == {other}


def test_a_dead_reference_stays_what_it_is(modules: Modules) -> None:
    old, new = modules
    ref = weakref.ref(old.Plain())
    assert convert([ref], new)[0]() is None


def test_parameters_of_classes_are_converted() -> None:
    text = """
        from typing import Generic, TypeVar
        T = TypeVar("T")

        class Box(Generic[T]):
            def __init__(self, content):
                self.content = content
    """
    old, new = edit(dedent(text), dedent(text))
    was, now = old.Box, new.Box
    assert convert(aliases_of(was), new) == aliases_of(now)
    untouched = list[int]
    assert convert([untouched, was], new)[0] is untouched
    box = convert(old.Box[int](1), new)
    assert type(box) is new.Box
    assert box.__orig_class__ == new.Box[int]


def aliases_of(box: Any) -> list[Any]:
    return [list[box], dict[str, box], box[int], box | None, Union[box, int]]  # noqa: UP007


def test_a_model_with_parameters_becomes_the_one_of_the_new_model() -> None:
    text = """
        from typing import Generic, TypeVar
        from pydantic import BaseModel
        T = TypeVar("T")

        class Line(BaseModel):
            text: str

        class Box(BaseModel, Generic[T]):
            content: T

        def box():
            return Box[Line](content=Line(text="a"))
    """
    old, new = edit(dedent(text), dedent(text))
    after = convert(old.box(), new)
    assert type(after) is new.Box[new.Line]
    assert type(after.content) is new.Line


def test_a_class_that_a_decorator_put_a_function_in_front_of_is_found() -> None:
    text = """
        def one(cls):
            made = []

            @wraps(cls, updated=())
            def get():
                made.append(made[0] if made else cls())
                return made[0]

            return get

        @one
        class Only:
            def __init__(self):
                self.ts = 1
    """
    old, new = edit(dedent(text), dedent(text))
    after = convert(old.Only(), new)
    assert type(after) is new.Only.__wrapped__


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("import decimal\nclass R(decimal.Decimal): ...", "1.50"),
        ("import datetime\nclass R(datetime.timedelta): ...", 3),
    ],
)
def test_an_instance_of_a_number_or_time_keeps_its_value(text: str, value: Any) -> None:
    old, new = edit(text, text)
    after = convert(old.R(value), new)
    assert type(after) is new.R
    assert after == old.R(value)


def test_an_error_of_the_system_keeps_its_file() -> None:
    old, new = edit("class R(OSError): ...", "class R(OSError): ...")
    assert convert(old.R(2, "no", "/file"), new).filename == "/file"
