"""What only a GPU can show, in named parts that each end within eight minutes: correctness first, then the figures.

    python tests/measure/gpu.py OUT [--parts a b c d e] [--data FOLDER] [--seconds 480] [--device cuda] [--quick]

- a: `pytest -m gpu`; the meta-gradient on the device against forward mode in float64 on the CPU; `labelfix demo`.
- b: `labelfix bench step` for ResNet-32, ResNet-50 and BERT-base, in float32 and bfloat16.
- c: CIFAR-10's size, ResNet-32, 120 epochs, k = 5, UNIF .4: the whole of `labelfix train`; a step beside the published
  one.
- d: the CIFAR-10 row of the paper's Table 2, level by level, and CIFAR-10N `aggre` and `random1` end to end.
- e: BERT-base's shape, batches of 32 texts of 128 tokens in bfloat16: a step, and rows a second with padding.

FOLDER holds CIFAR-10 and CIFAR-10N as `gpu_data.cifar` says; c makes images where there is none, d is left out then.
Every figure is a line of JSON in OUT/figures.jsonl. What stands there is not measured again, so a call that runs out of
its --seconds is followed by the same one. The last thing printed is the table of all figures, with what each has to
reach; exit 1 where one does not. `--device cpu --quick` rehearses all of it on a CPU, in sizes that show nothing.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from gpu_parts import items
from gpu_steps import Place

PAPER = {"mlc-published": 86.81, "glc": 86.62, "meta-weight-net": 65.12}
"""Table 2, CIFAR-10: means over UNIF and FLIP and ten levels, k = 5."""


@dataclass
class Sitting:
    """One call.

    Attributes:
        kept: The file of figures.
        device: The name of the device.
        deadline: When no item is begun that may last longer, by `perf_counter`.
        done: Figures, those that were there among them.
    """

    kept: Path
    device: str
    deadline: float
    done: list[dict]

    def run(self, item):
        """Measure an item that is not there, unless it may not end in time; of an error nothing is kept."""
        said = f"({item.part}) {item.name}"
        if any((line["part"], line["item"]) == (item.part, item.name) for line in self.done):
            return
        if perf_counter() + item.most > self.deadline:
            print(f"{said}: left for the next call, it may take {item.most:.0f} s", flush=True)
            return
        started = perf_counter()
        try:
            found = list(item.work())
        except Exception as error:  # noqa: BLE001 - the other items are measured all the same
            print(f"{said}: FAILED, {type(error).__name__}: {str(error)[:600]}", flush=True)
            return
        about = {"part": item.part, "item": item.name, "device": self.device}
        lines = [about | {"figure": name, "value": value, "reach": reach} for name, value, reach in found]
        self.done += lines
        with self.kept.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        told = ", ".join(f"{name} {value:.4g}" for name, value, _ in found)
        print(f"{said}: {told} ({perf_counter() - started:.0f} s)", flush=True)


def reached(line):
    """Whether a figure reaches what it has to; None where there is nothing to reach."""
    if not line["reach"]:
        return None
    sign, bound = line["reach"].split()
    return line["value"] <= float(bound) if sign == "<=" else line["value"] >= float(bound)


def table(lines):
    """All figures as Markdown."""
    rows = ["| part | what | figure | value | to reach | reached |", "|---|---|---|---|---|---|"]
    words = {None: "", True: "yes", False: "**no**"}
    for line in sorted(lines, key=lambda each: each["part"]):
        value, judged = f"{line['value']:.4g}", words[reached(line)]
        rows.append(f"| {line['part']} | {line['item']} | {line['figure']} | {value} | {line['reach']} | {judged} |")
    return "\n".join(rows)


def main(words=None):
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("out", type=Path)
    said.add_argument("--parts", nargs="+", choices=list("abcde"), default=list("abcde"))
    said.add_argument("--data", type=Path)
    said.add_argument("--seconds", type=float, default=480.0)
    said.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    said.add_argument("--quick", action="store_true")
    asked = said.parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = asked.out / "figures.jsonl"
    done = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    card = torch.cuda.get_device_name() if asked.device == "cuda" else "cpu"
    print(f"{card}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    sitting = Sitting(kept, card, perf_counter() + (1e9 if asked.quick else asked.seconds), done)
    for item in items(Place(asked.out, asked.device, asked.quick, asked.data)):
        if item.part in asked.parts:
            sitting.run(item)
    print(table(sitting.done))
    for method, in_paper in PAPER.items():
        own = [line for line in sitting.done if line["item"].endswith(f", {method}")]
        levels = [line["value"] for line in own if line["figure"] == "test images right"]
        if levels:
            print(f"{method}: {100 * np.mean(levels):.2f}, the mean of {len(levels)} of 20 levels; paper {in_paper}")
    return int(any(reached(line) is False for line in sitting.done))


if __name__ == "__main__":
    sys.exit(main())
