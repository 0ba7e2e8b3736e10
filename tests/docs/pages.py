"""The pages that the project ships, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page; `line` is that of its first line of code.

    `file` is what the line before the block names, as in ```shop/pyproject.toml`:``.
    """

    page: str
    line: int
    language: str
    code: str
    file: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str | None = None, page: Path | None = None) -> list[Block]:
    """Return the blocks in one language or in all, of one page or of all."""
    found = []
    for path in PAGES if page is None else [page]:
        text = path.read_text("utf-8")
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start("code")) + 1
            name = str(path.relative_to(ROOT))
            found.append(Block(name, line, match["language"], match["code"], match["file"]))
    return [block for block in found if language in (None, block.language)]
