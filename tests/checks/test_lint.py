"""Linters of others, with their own standard rules."""

import subprocess

import pytest


def test_proto_files_follow_bufs_standard(root, build):
    buf = build / "node" / "node_modules" / ".bin" / "buf"
    if not buf.exists():
        pytest.skip(f"no buf in {build / 'node'}; `make lint` installs it")
    done = subprocess.run([buf.resolve(), "lint"], cwd=root / "proto", capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
