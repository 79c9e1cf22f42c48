"""Writes the chart's README.md: a text, and a line a value from the comments of values.yaml.

    helm/readme.py           writes it
    helm/readme.py --check   says whether it is up to date, by the exit status
"""

import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent / "warren"
LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w-]+):(?P<value>.*)$")

TEXT = """\
# Helm chart of Warren

A StatefulSet of brokers: one, on the embedded store or on PostgreSQL; or several on PostgreSQL, of
which one serves while the others stand by and forward to it. [Kubernetes](../../docs/kubernetes.md)
tells how to install, secure, watch, size and upgrade it. `ci` has ten sets of values, each with
what it is for.

- **It installs nothing insecure unless told to.** TLS and users are required, or `auth.insecure`.
- **No secret is a value, and none is made up.** Each comes from a Secret that you name, so that an
  upgrade can't change it. The chart reads nothing from the cluster: `helm template` gives what
  `helm install` does.
- **The image's repository has no host.** `global.imageRegistry` puts yours before it.
- **What doesn't fit together is refused**, with the reason, before anything reaches the cluster.

The files under `files` are links to `deploy/prometheus` and `deploy/grafana`, so that alerts and
dashboards are the same everywhere; `helm package` puts what they lead to into the archive.

## Values

Written by `helm/readme.py` from the comments of `values.yaml`.

| value | what | default |
|---|---|---|
"""


def values(lines: list[str]) -> list[tuple[str, str, str]]:
    """Path, comment and default of each value that has a comment."""
    found, path, comment = [], [], None
    for number, line in enumerate(lines):
        if line.strip().startswith("# -- "):
            comment = line.strip()[5:]
            continue
        match = LINE.match(line)
        if not match:
            continue
        depth = len(match["indent"]) // 2
        path[depth:] = [match["key"]]
        if comment is None:
            continue
        default = match["value"].strip() or inner(lines[number + 1 :], len(match["indent"]))
        found.append((".".join(path), comment, default))
        comment = None
    return found


def inner(lines: list[str], indent: int) -> str:
    """What is below a key that has no value on its own line, on one line."""
    below = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        below.append(line)
    return json.dumps(yaml.safe_load("\n".join(below)))


def readme() -> str:
    lines = (CHART / "values.yaml").read_text().splitlines()
    rows = (f"| `{path}` | {comment.replace('|', chr(92) + '|')} | `{default}` |"
            for path, comment, default in values(lines))
    return TEXT + "\n".join(rows) + "\n"


def main() -> int:
    path = CHART / "README.md"
    if sys.argv[1:] == ["--check"]:
        return 0 if path.exists() and path.read_text() == readme() else 1
    path.write_text(readme())
    return 0


if __name__ == "__main__":
    sys.exit(main())
