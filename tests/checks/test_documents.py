"""What the documents name exists: linked files, paths, make targets."""

import re

LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
FOLDERS = ("proto", "sync", "storage", "server", "clients", "tools", "tests", "examples", "deploy",
           "docs", "helm")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})(?:/[\w.-]+)+/?")


def documents(files):
    return [name for name in files if name.endswith(".md")]


def test_links_lead_somewhere(root, files):
    dead = []
    for name in documents(files):
        for target in LINK.findall((root / name).read_text()):
            if "://" not in target and not ((root / name).parent / target).exists():
                dead.append(f"{name}: {target}")
    assert not dead, "\n".join(dead)


def test_paths_exist(root, files):
    """A path in backticks is a promise that there is such a file or folder."""
    missing = [f"{name}: {span}" for name in documents(files)
               for span in CODE_SPAN.findall((root / name).read_text())
               if PATH.fullmatch(span) and not (root / span).exists()]
    assert not missing, "\n".join(missing)


def test_make_targets_exist(root, files):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    missing = [f"{name}: make {target}" for name in documents(files)
               for target in re.findall(r"(?:`|^)make ([a-z-]+)", (root / name).read_text(),
                                        re.MULTILINE) if target not in targets]
    assert not missing, "\n".join(missing)


def test_the_documents_name_every_package(root):
    """Each Debian package that the install script asks for has its line in dependencies.md."""
    script = (root / "deploy/install-dependencies.sh").read_text()
    packages = [package for group in re.findall(r"^\w+_packages=\((.*?)\)", script,
                                                re.MULTILINE | re.DOTALL)
                for package in group.split()]
    described = set(CODE_SPAN.findall((root / "docs/dependencies.md").read_text()))
    assert packages
    assert sorted(set(packages) - described) == []
