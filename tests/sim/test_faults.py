"""The faults that the simulator is tried on: each fits the code as it is, and is in the table."""

import subprocess

import pytest
import teeth

FAULTS = teeth.faults()


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 25


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_fits_and_is_listed(fault: teeth.Fault) -> None:
    assert fault.what
    done = subprocess.run(["git", "apply", "--check", str(fault.patch)], cwd=teeth.ROOT, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (teeth.ROOT / "docs" / "testing.md").read_text()
    assert f"| {fault.name} | {fault.what} |" in table, "make teeth ARGS=--table prints the rows"
