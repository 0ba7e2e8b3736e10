import pytest
from chat.line import BadFrame, name_in, read_frame


@pytest.mark.parametrize(
    ("path", "name"),
    [("/ann", "ann"), ("/a-b_3?x=1", "a-b_3"), ("/", None), ("/a/b", None), ("/" + "x" * 33, None)],
)
def test_name_in_a_path(path: str, name: str | None) -> None:
    assert name_in(path) == name


def test_frames_are_for_one_or_for_all() -> None:
    assert read_frame('{"text": "hi"}') == (None, "hi")
    assert read_frame(b'{"text": "hi", "to": "bob"}') == ("bob", "hi")


@pytest.mark.parametrize(
    "frame", ["hi", "[]", "{}", '{"text": 1}', '{"text": "x", "to": 1}', b"\xff", '{"to": "bob"}']
)
def test_anything_else_is_refused(frame: str | bytes) -> None:
    with pytest.raises(BadFrame, match="want"):
        read_frame(frame)
