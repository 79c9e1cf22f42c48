"""Generates the protocol modules from the repository's proto/ before anything is packaged.

The modules go into warren._proto, flat. Their absolute imports (`from warren.v1 import ...`)
are rewritten, because a top-level package `warren` that holds the client can't hold the generated
tree `warren/v1` as well.
"""

import re
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
PROTO_ROOT = HERE / "proto"  # a link to the repository's proto/; in an sdist, a copy of it
TARGET = HERE / "src" / "warren" / "_proto"


def generate() -> str:
    """Writes *_pb2.py and *_pb2.pyi; returns the version of protobuf that they are made for."""
    import tempfile

    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(
        p.relative_to(PROTO_ROOT).as_posix() for p in (PROTO_ROOT / "warren").rglob("*.proto")
    )
    if not sources:
        sys.exit(f"no .proto files below {PROTO_ROOT}")
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    version = ""
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [
            "protoc",
            f"-I{PROTO_ROOT}",
            f"-I{well_known}",
            f"--python_out={scratch}",
            f"--pyi_out={scratch}",
            *sources,
        ]
        if protoc.main(arguments) != 0:
            sys.exit("protoc failed")
        for made in sorted(Path(scratch).rglob("*_pb2.py*")):
            text = re.sub(
                r"^from warren\.v1 import",
                "from warren._proto import",
                made.read_text(),
                flags=re.M,
            )
            found = re.search(r"Protobuf Python Version: (\S+)", text)
            version = found.group(1) if found else version
            destination = TARGET / made.name
            if not destination.exists() or destination.read_text() != text:
                destination.write_text(text)
    return version


generated_for = generate()
major = int(generated_for.split(".")[0])
setup(
    install_requires=[
        "grpcio>=1.59",
        # Generated code runs with its own and the next major version of protobuf.
        f"protobuf>={generated_for},<{major + 2}",
        "googleapis-common-protos>=1.63",
    ]
)
