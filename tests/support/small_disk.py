"""A disk that can be filled up: a small tmpfs, which takes root to mount."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from pathlib import Path

CHUNK = bytes(1 << 16)


class CannotMount(Exception):
    """Why there is no small disk here."""


class SmallDisk:
    """Mounted while the `with` block runs. Not thread-safe.

    Attributes:
        path: where.
    """

    def __init__(self, mib: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="warren-disk-"))
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", self.path],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            self.path.rmdir()
            raise CannotMount(f"mounting a small disk takes root: {done.stderr.strip()}")
        self._filler = self.path / "filler"

    @property
    def free_bytes(self) -> int:
        """What is left."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self) -> None:
        """Takes all that is left; to be repeated if others gave something back meanwhile."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(CHUNK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Gives it back."""
        self._filler.unlink(missing_ok=True)

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=True)
        self.path.rmdir()
