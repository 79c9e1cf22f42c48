"""What a kubelet does with the brokers' pod, for a real broker process on this machine.

The container's arguments, environment, configuration, probes and grace are those of the rendered
StatefulSet. Only what a machine must have otherwise is mapped: folders go below a temporary one,
and addresses to loopback ports that the system chooses.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from chart import Release
from warren_process import WarrenProcess

POLL_S = 0.02  # in place of a probe's period, which a test needn't wait for


class PodProcess:
    """The broker of one pod. Not thread-safe.

    Attributes:
        broker: its process.
        grace_s: after so long a kubelet kills it.
    """

    def __init__(
        self,
        release: Release,
        folder: Path,
        *,
        ordinal: int = 0,
        secrets: Optional[Mapping[str, Mapping[str, str]]] = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            release: what the chart gives.
            folder: for all that the container mounts.
            ordinal: of the pod.
            secrets: the cluster's Secrets, by name.

        """
        self._folder = folder
        self._container = release.container
        self.grace_s: int = release.pod["terminationGracePeriodSeconds"]
        secrets = secrets or {}
        self._mount(release, secrets)
        environment = self._environment(release, ordinal, secrets)
        # The listeners' ports and the store are flags of WarrenProcess, and count over the file.
        self.broker = WarrenProcess(
            folder,
            storage=environment.pop("WARREN_STORAGE_URL"),
            arguments=[self._map(argument) for argument in self._container["args"]],
            prefix=["env", *(f"{name}={value}" for name, value in environment.items())],
        )

    def launch(self) -> None:
        """Starts the container; the HTTP port answers once this returns."""
        self.broker.launch()
        said = self.broker.wait_output("serving metrics and health")
        self.http = json.loads(said)["http"]

    def probe(self, name: str) -> bool:
        """One try of a probe, as the kubelet judges it."""
        probe = self._container[name]
        url = f"http://{self.http}{probe['httpGet']['path']}"
        try:
            with urllib.request.urlopen(url, timeout=probe["timeoutSeconds"]) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False

    def wait_probe(self, name: str, *, well: bool = True) -> float:
        """Asks until a probe turns out so, for as long as it may take in a cluster; the seconds."""
        probe = self._container[name]
        started = time.monotonic()
        while self.probe(name) != well:
            taken = time.monotonic() - started
            allowed = min(probe["periodSeconds"] * probe["failureThreshold"], 60)
            assert taken < allowed, f"{name} after {taken:.0f} s\n{self.broker.logs()}"
            time.sleep(POLL_S)
        return time.monotonic() - started

    def terminate(self) -> None:
        """SIGTERM, as at the begin of the grace."""
        os.kill(self.broker.pid, signal.SIGTERM)

    # --- what is mapped --------------------------------------------------------------------------

    def _map(self, text: str) -> str:
        """Folders of the container go below ours, addresses to loopback."""
        mapped = re.sub(r"(/etc/warren|/var/lib/warren)\b", rf"{self._folder}\1", text)
        return re.sub(r"\b0\.0\.0\.0:\d+", "127.0.0.1:0", mapped)

    def _mount(self, release: Release, secrets: Mapping[str, Mapping[str, str]]) -> None:
        volumes = {volume["name"]: volume for volume in release.pod["volumes"]}
        maps = {manifest["metadata"]["name"]: manifest["data"]
                for manifest in release.of_kind("ConfigMap")}
        for mount in self._container["volumeMounts"]:
            folder = Path(f"{self._folder}{mount['mountPath']}")
            folder.mkdir(parents=True)
            volume = volumes.get(mount["name"], {})
            content: Mapping[str, str] = {}
            if "configMap" in volume:
                content = maps[volume["configMap"]["name"]]
            elif "secret" in volume:
                content = secrets[volume["secret"]["secretName"]]
            for name, text in content.items():
                (folder / name).write_text(self._map(text))

    def _environment(self, release: Release, ordinal: int,
                     secrets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for variable in self._container["env"]:
            found[variable["name"]] = self._value(variable, release, ordinal, secrets, found)
        return found

    def _value(self, variable: Mapping[str, Any], release: Release, ordinal: int,
               secrets: Mapping[str, Mapping[str, str]], before: Mapping[str, str]) -> str:
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            return f"{release.workload['metadata']['name']}-{ordinal}"
        if "secretKeyRef" in source:
            return secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        # As Kubernetes does it: names of variables that are known, others stay as they are.
        text = re.sub(r"\$\((\w+)\)", lambda name: before.get(name[1], name[0]), variable["value"])
        return self._map(text)
