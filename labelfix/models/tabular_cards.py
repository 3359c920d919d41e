"""How a classifier of tables or embeddings is used without labelfix: the code in its README."""

from __future__ import annotations


def hidden_lines(hidden_units: int | None) -> str:
    """The line of a model card that applies the hidden layer."""
    if not hidden_units:
        return ""
    return '    x = torch.relu(x @ weights["backbone.0.weight"].T + weights["backbone.0.bias"])\n'


DATE_LINES = """\
    for name in encoding["dates"]:  # days since 1970
        days = pd.to_datetime(frame[name], utc=True, errors="coerce") - pd.Timestamp(0, tz="UTC")
        frame = frame.assign(**{name: days / pd.Timedelta(days=1)})
"""
"""Lines of a table's model card."""

TABLE_CARD = """\
import json
import re
import unicodedata

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from sklearn.preprocessing import OneHotEncoder


def spelled(value):
    \"""One spelling of a category: True is true, 1.0 is 1.\"""
    text = "" if pd.isna(value) else unicodedata.normalize("NFC", str(value)).strip()
    text = re.sub("[\\u200b-\\u200d\\u2060\\ufeff\\u00ad]", "", text)
    text = re.sub(r"^([+-]?(?:0|[1-9][0-9]*))[.]0+$", r"\\1", text)
    return text.lower() if text.lower() in ("true", "false") else text


def probabilities(frame, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    weights, encoding = load_file(f"{folder}/model.safetensors"), about["encoding"]
    # dates
    numbers = frame[encoding["numeric"]].to_numpy(float, na_value=np.nan)
    numbers = (numbers - np.array(encoding["mean"])) / np.array(encoding["deviation"])
    parts = [np.nan_to_num(np.clip(numbers, -encoding["cut"], encoding["cut"]))]
    if encoding["categorical"]:
        names = [np.array(each, dtype=object) for each in encoding["categories"]]
        one_hot = OneHotEncoder(categories=names, handle_unknown="ignore", sparse_output=False)
        one_hot.fit(np.array([[each[0] for each in names]], dtype=object))
        parts.append(one_hot.transform(frame[encoding["categorical"]].map(spelled).to_numpy(object)))
    x = torch.from_numpy((np.hstack(parts) / encoding["length"]).astype(np.float32))
    # hidden
    logits = x @ weights["head.weight"].T + weights["head.bias"]
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""

EMBEDDING_CARD = """\
import json

import numpy as np
import torch
from safetensors.torch import load_file


def probabilities(embeddings, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    weights = load_file(f"{folder}/model.safetensors")
    x = np.asarray(embeddings, dtype=np.float32)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    x = torch.from_numpy(x / np.where(norms > 0, norms, 1))
    # hidden
    logits = x @ weights["head.weight"].T + weights["head.bias"]
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""
