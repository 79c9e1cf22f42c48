"""Linters of others, with their own standard rules."""

import subprocess
import sys

import pytest


def check(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_proto_files_follow_bufs_standard(root, build):
    buf = build / "node" / "node_modules" / ".bin" / "buf"
    if not buf.exists():
        pytest.skip(f"no buf in {build / 'node'}; `make lint` installs it")
    check([buf.resolve(), "lint"], root / "proto")


def test_the_python_client_is_typed(root):
    check([sys.executable, "-m", "mypy"], root / "clients" / "python")


def test_python_is_tidy(root):
    check([sys.executable, "-m", "ruff", "check", "--quiet", "--output-format=concise"], root)
