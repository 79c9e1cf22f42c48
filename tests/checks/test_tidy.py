"""Small files that say what they are, and no loose ends."""

import re

CODE = (".h", ".cc", ".py", ".sh")
MOST_LINES = 500
# Written by tools, or text of others.
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$|(^|/)package-lock\.json$|\.(png|svg|ico)$")
# Put together so that this file doesn't find itself.
LOOSE_ENDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def written(files, suffixes):
    return [name for name in files if name.endswith(suffixes) and not GENERATED.search(name)]


def opening(text):
    """The first line that says something, behind an interpreter line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("#!")), "")


def test_files_are_small(root, files):
    counts = {name: len((root / name).read_text().splitlines()) for name in written(files, CODE)}
    long = [f"{name}: {lines} lines, at most {MOST_LINES}: look for the second idea in it"
            for name, lines in counts.items() if lines > MOST_LINES]
    assert not long, "\n".join(long)


def test_files_say_what_they_are(root, files):
    """A header's, script's or module's first line is its comment; an empty __init__.py has none."""
    starts = {".h": ("//",), ".proto": ("//",), ".py": ('"""', 'r"""', "#"), ".sh": ("#",)}
    silent = []
    for suffix, marks in starts.items():
        for name in written(files, suffix):
            text = (root / name).read_text()
            if text.strip() and not opening(text).startswith(marks):
                silent.append(f"{name}: open with a comment that says what it is")
    assert not silent, "\n".join(silent)


def test_no_loose_ends(root, files):
    found = []
    for name in files:
        if GENERATED.search(name):
            continue
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name}:{number}: {line.strip()}"
                  for number, line in enumerate(text.splitlines(), 1) if LOOSE_ENDS.search(line)]
    assert not found, "\n".join(found)


def test_headers_are_guarded(root, files):
    bare = [name for name in written(files, ".h")
            if "#pragma once" not in (root / name).read_text()]
    assert not bare, "\n".join(bare)


def test_no_test_is_disabled(root, files):
    found = [f"{name}: {match}" for name in written(files, ".cc") if name.startswith("tests/")
             for match in re.findall(r"\bDISABLED_\w+", (root / name).read_text())]
    assert not found, "\n".join(found)
