"""A Prometheus of a test's own; scrapes one broker as deploy/prometheus/prometheus.yml says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Optional

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
EXAMPLE_TARGET = "127.0.0.1:7172"
LISTENS = re.compile(r'msg="Listening on" address=(\S+)')
# It listens before it answers anything but 503.
READY = 'msg="Server is ready to receive web requests."'
START_TIMEOUT_S = 30.0


def why_not() -> str:
    """Why there can be none here; "" if there can."""
    installed = shutil.which("prometheus") and shutil.which("promtool")
    return "" if installed else "no Prometheus; deploy/install-dependencies.sh test installs it"


class PrometheusServer:
    """Runs while its `with` block does; every scrape interval is a second. Not thread-safe.

    Attributes:
        address: HOST:PORT.
    """

    INTERVAL_S = 1

    def __init__(self, directory: Path, target: str) -> None:
        """`target` is the broker's HTTP port."""
        self.address = ""
        self._directory = directory
        self._target = target
        self._output: list[str] = []
        self._ready = threading.Event()
        self._process: Optional[subprocess.Popen[str]] = None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The instant vector that it gives now: labels and value of each sample."""
        data = self._get("query", query=expression)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def query_range(
        self, expression: str, start: float, end: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Its values over time, a point a scrape interval: labels, and (time, value) pairs."""
        data = self._get(
            "query_range", query=expression, start=f"{start}", end=f"{end}", step="1"
        )
        return [
            (series["metric"], [(float(at), float(value)) for at, value in series["values"]])
            for series in data["result"]
        ]

    def names(self) -> set[str]:
        """Of all metrics that there are."""
        return set(self._get("label/__name__/values"))

    def alerts(self) -> list[dict[str, Any]]:
        """All alert rules that it has loaded, as its API tells them."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: str) -> Any:
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def _configure(self) -> Path:
        """The example configuration, with this broker in it, and quicker."""
        text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        assert text.count(EXAMPLE_TARGET) == 2
        text = text.replace(EXAMPLE_TARGET, self._target)
        text, changed = re.subn(
            r"scrape_interval: \d+s", f"scrape_interval: {self.INTERVAL_S}s", text
        )
        assert changed == 2
        text = text.replace("[warren-alerts.yml]", f"[{DEPLOY}/prometheus/warren-alerts.yml]")
        path = self._directory / "prometheus.yml"
        path.write_text(text)
        return path

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._output.append(line)
            found = LISTENS.search(line)
            if found:
                self.address = found[1]
            if READY in line:
                self._ready.set()
        process.stdout.close()

    def __enter__(self) -> PrometheusServer:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={self._configure()}",
             f"--storage.tsdb.path={self._directory}/data", "--web.listen-address=127.0.0.1:0",
             "--storage.tsdb.retention.time=1d"],
            cwd=self._directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready.wait(0.02):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError("Prometheus does not get ready\n" + "".join(self._output))
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
