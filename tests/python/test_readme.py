"""The first program that README shows does what README says, against a fresh broker."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_quick_start_program_runs(broker, tmp_path):
    program = re.search(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert program is not None
    assert "127.0.0.1:7171" in program.group(1)
    file = tmp_path / "hello.py"
    file.write_text(program.group(1).replace("127.0.0.1:7171", broker.grpc))
    done = subprocess.run(
        [sys.executable, file], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.returncode) == ("order.created one book\n", 0), done.stderr
