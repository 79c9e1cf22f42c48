"""Real log lines to entries: service, level, text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FILES = ("/var/log/dpkg.log", "/var/log/apt/history.log", "/var/log/apt/term.log")

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\S*\s+")
_ERROR = re.compile(r"\b(error|fatal|critical|failed|failure|panic|half-\w+)\b", re.IGNORECASE)
_WARN = re.compile(r"\b(warn|warning|deprecated|unpacked|not upgraded)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One log line.

    Attributes:
        service: the program, from the file's name; one word of a routing key.
        level: "error", "warn" or "info".
        time: as the line has it; "" if it has none.
        text: the rest of the line.
        source: file and line number.
    """

    service: str
    level: str
    time: str
    text: str
    source: str

    @property
    def routing_key(self) -> str:
        """SERVICE.LEVEL.log."""
        return f"{self.service}.{self.level}.log"


def service_of(path: Path) -> str:
    """dpkg for /var/log/dpkg.log, apt-history for /var/log/apt/history.log."""
    parts = [path.parent.name] if path.parent.name not in ("", "log") else []
    return re.sub(r"[^\w-]+", "-", "-".join([*parts, path.name.split(".")[0]])).strip("-") or "log"


def level_of(text: str) -> str:
    """A level for files that don't say one."""
    return "error" if _ERROR.search(text) else "warn" if _WARN.search(text) else "info"


def read(paths: Sequence[Path]) -> Iterator[Entry]:
    """All lines that are not empty, file by file."""
    for path in paths:
        service = service_of(path)
        with path.open(errors="replace") as file:
            for number, line in enumerate(file, 1):
                time, text = "", line.strip()
                found = _TIME.match(text)
                if found:
                    time, text = found.group(1).replace(" ", "T"), text[found.end() :]
                if text:
                    yield Entry(service, level_of(text), time, text, f"{path}:{number}")
