"""What a broker's HTTP port says, read for tests: pages and metric families."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


@dataclass
class Family:
    """All samples of one name; of a histogram, those of its parts, too."""

    type: str
    help: str
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def labels(self) -> set[str]:
        """Names of labels; `le` is the histogram's own."""
        return {name for _, labels, _ in self.samples for name in labels} - {"le"}

    def values(self, label: str) -> set[str]:
        """What the label says, over all samples."""
        return {labels[label] for _, labels, _ in self.samples if label in labels}

    def value(self, **labels: str) -> float:
        """Of the one sample with these labels."""
        [found] = [v for _, has, v in self.samples if labels.items() <= has.items()]
        return found


def get(address: str, path: str, timeout: float = 10, **query: str) -> tuple[int, str]:
    """Status and body of a page."""
    url = f"http://{address}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scrape(address: str, path: str = "/metrics", **query: str) -> dict[str, Family]:
    """The families of a page, by name."""
    status, text = get(address, path, **query)
    assert status == 200, text
    return parse(text)


def parse(text: str) -> dict[str, Family]:
    """Reads Prometheus' text format; each family comes once, with its type and its help."""
    families: dict[str, Family] = {}
    helps: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, told = line.split(" ", 3)
            assert name not in helps, f"{name} comes twice"
            helps[name] = told
        elif line.startswith("# TYPE "):
            _, _, name, type_ = line.split(" ", 3)
            families[name] = Family(type_, helps[name])
        elif line:
            found = SAMPLE.fullmatch(line)
            assert found, line
            name = found["name"]
            family = families.get(name) or families[PARTS_OF_HISTOGRAMS.sub("", name)]
            labels = dict(LABEL.findall(found["labels"] or ""))
            family.samples.append((name, labels, float(found["value"])))
    return families
