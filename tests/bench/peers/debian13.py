"""Programs of Debian 13 in a folder, made by deploy/debian13.sh, that run on this kernel.

They see that folder as their root, and this system's processes, devices and temporary files. The
mounts that this takes are the program's own and go with it; it takes root.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Arguments: the folder, what is mounted in it under the same path, the program and its own.
ENTER = """\
root=$0 shared=$1 && shift
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" &&
mkdir -p "$root$shared" && mount --bind "$shared" "$root$shared" && exec chroot "$root" "$@"
"""


class Debian13:
    """In the build folder, if it is there at all."""

    def __init__(self, build: Path) -> None:
        """Looks at nothing yet."""
        self._root = build / "debian13"

    def has(self, program: str) -> bool:
        """Whether that program can be run."""
        return os.geteuid() == 0 and (self._root / program.lstrip("/")).exists()

    def command(self, program: str, folder: Path) -> list[str]:
        """What runs it; `folder`, below the system's temporary one, has the same path inside."""
        shared = Path(tempfile.gettempdir()).resolve()
        assert folder.resolve().is_relative_to(shared), folder
        return ["unshare", "--mount", "--propagation=private", "sh", "-c", ENTER, str(self._root),
                str(shared), program]  # fmt: skip
