"""Where code is: the frame that its author can do something about."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from itertools import islice
from types import FrameType

_STDLIB = os.path.join(os.path.dirname(os.__file__), "")
_SITES = ("site-packages", "dist-packages")
_OURS = __name__.partition(".")[0]


def place_in(frame: FrameType) -> str:
    """Return ``logwatch/parse.py:31 in parse (time.sleep)``, the call where it is known.

    It is the innermost frame that is neither the standard library's nor ours, or else the
    innermost of all.
    """
    inner: FrameType | None = None
    for one in frames(frame):
        if not (_is_stdlib(one) or is_ours(one)):
            call = _name(inner) if inner is not None else _call_at(one)
            return f"{_where(one)} ({call})" if call else _where(one)
        inner = one
    return _where(frame)


def frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield `frame` and those that called it, from the inside out."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def stacks() -> str:
    """Return the stacks of all threads as text."""
    names = {one.ident: one.name for one in threading.enumerate()}
    found = []
    for number, frame in sys._current_frames().items():
        lines = "".join(traceback.format_stack(frame))
        found.append(f"Thread {names.get(number, number)}:\n{lines.rstrip()}")
    return "\n".join(found)


def is_ours(frame: FrameType) -> bool:
    """Tell whether the code is aplay-host's."""
    return _module(frame).partition(".")[0] == _OURS


def _is_stdlib(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith("<frozen "):
        return True
    return file.startswith(_STDLIB) and not any(one in file for one in _SITES)


def _where(frame: FrameType) -> str:
    """Return the place, with as much of the path as the module's name has."""
    code = frame.f_code
    depth = _module(frame).count(".") + 1 + code.co_filename.endswith("__init__.py")
    file = "/".join(code.co_filename.split("/")[-depth:])
    return f"{file}:{frame.f_lineno} in {code.co_name}"


def _name(frame: FrameType) -> str:
    return f"{_module(frame)}.{frame.f_code.co_name}"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _call_at(frame: FrameType) -> str:
    """Return what the frame calls, as it is written; empty where that is not known for sure.

    C code has no frame of its own. The file may have changed since it was imported.
    """
    code = frame.f_code
    if frame.f_lasti < 0:
        return ""
    line, end, first, last = next(islice(code.co_positions(), frame.f_lasti // 2, None))
    if line is None or line != end or first is None or last is None:
        return ""
    linecache.checkcache(code.co_filename)
    source = linecache.getline(code.co_filename, line).encode("utf-8")[first:last]
    try:
        call = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return ""
    if not isinstance(call, ast.Call):
        return ""
    name = ast.unparse(call.func)
    known = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    return name if name.rpartition(".")[2] in known else ""
