"""A system that `compare.py` measures: how it is started, loaded and stopped.

A new one is a file of its own beside this one, and lines in `plan.py`. One that the load generator
speaks to (see tools/bench/target.h) derives from LoadedPeer and has its cases from `cases`;
anything else derives from SelfLoadedPeer.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Optional

import measure


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a whole comparison; the same for all systems."""

    binaries: Path  # where the build put the programs
    seconds: float
    warmup_s: float
    messages: int  # of the cases that count instead of watching the clock
    scale: float  # of what is large: 1 is the million messages that a case's name promises
    turns: int  # of a case that takes turns with what it is compared with
    size: int
    window: int
    prefetch: int
    ack_batch: int

    def scaled(self, number: int) -> int:
        """Of something large."""
        return max(1, round(number * self.scale))


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one case, once."""

    msgs_per_s: Optional[float] = None
    cpu_s_per_million: Optional[float] = None
    rss_mib: Optional[float] = None
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    more: Mapping[str, float] = dataclasses.field(default_factory=dict)  # of this case alone


class Unavailable(Exception):
    """The system isn't installed, or not built; the text says what to do."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What load generators wrote to standard output, and what they and the servers cost."""

    outputs: list[str]
    cpu_s: float
    rss_mib: float  # of the servers


class Generator:
    """A process that loads a system."""

    def __init__(self, command: list[str]) -> None:
        """Starts it."""
        self._command = command
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def wait(self) -> tuple[str, float]:
        """What it wrote, and its CPU seconds."""
        assert self._process.stdout is not None
        with self._process.stdout:
            output = self._process.stdout.read()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return output, usage.ru_utime + usage.ru_stime

    def check(self) -> None:
        """RuntimeError if it failed. After `wait`."""
        with self._errors:
            if self._process.returncode != 0:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace")
                command = " ".join(self._command)
                raise RuntimeError(f"{command}: status {self._process.returncode}\n{said}")


class Peer(abc.ABC):
    """Started with an empty store in `folder`, used for some cases in turn, stopped."""

    name: ClassVar[str]

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        self.settings = settings
        self.folder = folder

    def program(self, name: str) -> str:
        """One that the build made."""
        path = self.settings.binaries / name
        if not path.exists():
            raise Unavailable(f"{path} isn't built")
        return str(path)

    def start(self) -> None:  # noqa: B027 (some have nothing to start)
        """Returns once it can be used. Unavailable if it can't be here."""

    def stop(self) -> None:  # noqa: B027 (or to stop)
        """Leaves no process behind; also if start failed half-way."""

    def servers(self) -> list[int]:
        """The processes whose cost, with all below them, is the system's."""
        return []

    def version(self) -> str:
        """What is measured, for the report. After `start`."""
        return ""

    def measured(self, *commands: Sequence[str]) -> Measured:
        """Runs generators, all at once, until they end by themselves."""
        before = measure.cpu_seconds(self.servers())
        with measure.PeakMemory(self.servers()) as peak:
            generators = [Generator(list(command)) for command in commands]
            ended = [generator.wait() for generator in generators]
        cpu_s = measure.cpu_seconds(self.servers()) - before + sum(cpu for _, cpu in ended)
        for generator in generators:
            generator.check()
        return Measured([output for output, _ in ended], cpu_s, peak.mib)


class SelfLoadedPeer(Peer):
    """One that loads itself."""

    @abc.abstractmethod
    def run(self, case: str) -> Figures:
        """Runs a case that plan.py gives it, and fails if a message is lost."""


class LoadedPeer(Peer):
    """One that a program with the flags of warren-bench loads."""

    # Of Settings.messages, for a system that would take too long.
    messages_share: ClassVar[float] = 1.0

    @abc.abstractmethod
    def generator(self) -> list[str]:
        """The program and where it finds the server."""

    def python_publisher(self) -> list[str]:
        """A program of `cases` that publishes by the system's Python client, and its address."""
        raise NotImplementedError

    def flags(self) -> list[str]:
        """Of every load."""
        s = self.settings
        return ["--json", "--quiet", f"--size={s.size}", f"--window={s.window}",
                f"--prefetch={s.prefetch}", f"--ack-batch={s.ack_batch}"]  # fmt: skip

    def load(self, *flags: str) -> Load:
        """Runs the generator; of a flag that is given twice the last counts."""
        measured = self.measured([*self.generator(), *last_of_each([*self.flags(), *flags])])
        return Load(json.loads(measured.outputs[0]), measured)


@dataclasses.dataclass(frozen=True)
class Load:
    """What came of a load."""

    result: dict  # as the generator prints it
    measured: Measured

    def figures(
        self, rate: str, latency: Optional[str], more: Optional[Mapping[str, float]] = None
    ) -> Figures:
        """With those of the generator's rates and latencies that count."""
        messages = max(self.result["total"]["published"], self.result["total"]["consumed"])
        times = self.result[latency] if latency else {}
        return Figures(
            msgs_per_s=self.result[rate],
            cpu_s_per_million=self.measured.cpu_s / messages * 1e6,
            rss_mib=self.measured.rss_mib,
            p50_ms=times.get("p50_ms"),
            p99_ms=times.get("p99_ms"),
            more=more or {},
        )


def last_of_each(flags: Sequence[str]) -> list[str]:
    """The generator takes a flag once."""
    return list({flag.partition("=")[0]: flag for flag in flags}.values())
