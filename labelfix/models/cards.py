"""How fixed features are made without labelfix, and what a classifier's README makes of it: the code of its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labelfix.data.tables import InputSpec
from labelfix.models.encoding import Card


@dataclass(frozen=True)
class FeatureCard:
    """How to make fixed features without labelfix.

    Attributes:
        packages: What the code needs, as pip names.
        takes: What the function's first argument holds, as the rest of "takes …".
        imports: Lines that import, beside those of `IMPORTS`.
        code: Python that defines `features(inputs, encoding, folder)`: a tensor `(N, D)` from inputs, the values of
            the representation's `to_json`, and the folder of its files.
    """

    packages: tuple[str, ...]
    takes: str
    imports: tuple[str, ...]
    code: str


IMPORTS = ("import json", "import torch", "from safetensors.torch import load_file")

HEAD = """\
def probabilities(inputs, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    weights = load_file(f"{folder}/model.safetensors")
    x = features(inputs, about["encoding"], folder)
    # hidden
    logits = x @ weights["head.weight"].T + weights["head.bias"]
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""

HIDDEN = '    x = torch.relu(x @ weights["backbone.0.weight"].T + weights["backbone.0.bias"])\n'

VIEWS = """\
def features(inputs, encoding, folder):
    views = []
    for number, (view, features_of) in enumerate(zip(encoding["views"], (FUNCTIONS)), start=1):
        seen = INPUTS
        found = features_of(seen, view["encoding"], f"{folder}/view-{number}")
        weights = torch.tensor(view["weight"]).reshape(-1, 1)
        views.append((found.reshape(len(found), len(weights), -1) * weights).flatten(1))
    return torch.cat(views, dim=1)
"""


def strings(spec: InputSpec) -> str:
    """What a function that reads texts takes."""
    lines = f" (a line for each of the columns {', '.join(spec.columns)})" if len(spec.columns) > 1 else ""
    return f"a list of strings{lines}"


def head_card(card: FeatureCard, hidden: bool = False) -> Card:
    """The card of a linear head on some features, or of a hidden layer and a linear head."""
    head = HEAD.replace("    # hidden\n", HIDDEN if hidden else "")
    return Card(card.packages, card.takes, f"{_sorted_imports(card.imports)}\n\n\n{card.code}\n\n{head}")


def views_card(kinds: Sequence[str], cards: Sequence[FeatureCard]) -> FeatureCard:
    """The card of several views side by side.

    Args:
        kinds: What each view reads: `text`, `table`, `image` or `embedding`.

    Returns:
        A card whose function takes what all views take, or a dictionary by kind where they read different things.
    """
    names = [f"features_{number}" for number in range(1, len(cards) + 1)]
    codes = [card.code.replace("def features(", f"def {name}(") for name, card in zip(names, cards, strict=True)]
    several = len(set(kinds)) > 1
    views = VIEWS.replace("FUNCTIONS", ", ".join(names))
    views = views.replace("INPUTS", 'inputs[view["input"]["kind"]]' if several else "inputs")
    takes = dict(zip(reversed(kinds), (card.takes for card in reversed(cards)), strict=True))
    shown = ", ".join(f'"{kind}": {takes[kind]}' for kind in dict.fromkeys(kinds))
    return FeatureCard(
        tuple(dict.fromkeys(name for card in cards for name in card.packages)),
        f"a dictionary of {shown}" if several else cards[0].takes,
        tuple(line for card in cards for line in card.imports),
        "\n\n".join([*_each_once(codes), views]),
    )


def _each_once(codes: Sequence[str]) -> list[str]:
    """Code of views without the functions that an earlier one has to the letter."""
    functions = (function.strip("\n") for code in codes for function in code.split("\n\n\n"))
    return [f"{function}\n" for function in dict.fromkeys(functions)]


def _sorted_imports(lines: Sequence[str]) -> str:
    """The imports of a module: the standard library's first, each once."""
    every = sorted({*IMPORTS, *lines})
    own = [line for line in every if line.split()[1].partition(".")[0] in ("json", "os", "re", "unicodedata")]
    others = [line for line in every if line not in own]
    plain = [line for line in others if line.startswith("import ")]
    return "\n".join([*own, "", *plain, *(line for line in others if line not in plain)])
