"""The task scheduler against a real broker, in a short form."""

import re
import subprocess
import sys

from warren_process import ROOT


def test_tasks_run_once_and_in_time(broker):
    done = subprocess.run(
        [sys.executable, "-m", "examples.tasks", f"--broker={broker.grpc}", "--tasks=400",
         "--max-delay=1", "--retry-delay=0.2", "--timeout=60"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    summary = dict(re.findall(r"^  (\S.*?)  +(\S.*)$", done.stdout, re.MULTILINE))
    assert summary["exactly once"] == "yes"
    assert int(summary["dead-lettered"]) > 0
    for kind in ("delay_tasks", "native delay"):
        p99 = float(re.search(r"p99 (\S+) ms", summary[f"lateness, {kind}"]).group(1))
        assert 0 <= p99 < 1000, f"{kind}: {p99} ms late"
