"""The walks of docs/operations.md: their commands, and what they are to print."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PANEL = re.compile(r"(Overview|Queues|Durability)\s›\s([^*|,]+?)(?=\*\*|[|,])")
# What differs from run to run: ports, counts, sizes, ages. An age may be there or not.
VARIABLE = re.compile(r"(?:\d[\d.,]*(?:ms|[hms])?)+")


@dataclass
class Step:
    """Commands of a shell, and lines that their output has in it, in this order."""

    commands: str
    expected: list[str] = field(default_factory=list)


@dataclass
class Walk:
    """One incident."""

    title: str
    steps: list[Step]
    panels: list[tuple[str, str]]  # dashboard, title


def walks() -> list[Walk]:
    """All of the page, in its order."""
    found = []
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        steps: list[Step] = []
        for kind, block in BLOCK.findall(text):
            if kind == "sh":
                steps.append(Step(block))
            else:
                steps[-1].expected += block.splitlines()
        named = [(board.lower(), " ".join(panel.split())) for board, panel in PANEL.findall(text)]
        found.append(Walk(title, steps, named))
    return found


def pattern_of(line: str) -> re.Pattern[str]:
    """Matches what the line shows, with other figures and other widths of columns."""
    parts = []
    for word in re.split(r"(\s+)", line.strip()):
        if not word.strip():
            parts.append(r"\s+")
            continue
        escaped, end = "", 0
        for figure in VARIABLE.finditer(word):
            escaped += re.escape(word[end : figure.start()]) + r"[\d.,]+[\d.hms]*"
            end = figure.end()
        parts.append(escaped + re.escape(word[end:]))
    return re.compile("".join(parts))


def missing(step: Step, output: str) -> list[str]:
    """Lines that should be in the output and aren't there, or come too early."""
    absent = []
    position = 0
    for line in step.expected:
        match = pattern_of(line).search(output, position)
        if match is None:
            absent.append(line)
        else:
            position = match.end()
    return absent
