"""How the features of tables and embeddings are made without labelfix: code of their cards."""

from __future__ import annotations

TABLE_IMPORTS = (
    "import re",
    "import unicodedata",
    "import numpy as np",
    "import pandas as pd",
    "from sklearn.preprocessing import OneHotEncoder",
)

DATE_LINES = """\
    for name in encoding["dates"]:  # days since 1970
        days = pd.to_datetime(frame[name], utc=True, errors="coerce") - pd.Timestamp(0, tz="UTC")
        frame = frame.assign(**{name: days / pd.Timedelta(days=1)})
"""
"""Of the card of a table."""

TABLE_CARD = """\
def spelled(value):
    \"""One spelling of a category: True is true, 1.0 is 1.\"""
    text = "" if pd.isna(value) else unicodedata.normalize("NFC", str(value)).strip()
    text = re.sub("[\\u200b-\\u200d\\u2060\\ufeff\\u00ad]", "", text)
    text = re.sub(r"^([+-]?(?:0|[1-9][0-9]*))[.]0+$", r"\\1", text)
    return text.lower() if text.lower() in ("true", "false") else text


def features(frame, encoding, folder):
    # dates
    numbers = frame[encoding["numeric"]].to_numpy(float, na_value=np.nan)
    numbers = (numbers - np.array(encoding["mean"])) / np.array(encoding["deviation"])
    parts = [np.nan_to_num(np.clip(numbers, -encoding["cut"], encoding["cut"]))]
    if encoding["categorical"]:
        names = [np.array(each, dtype=object) for each in encoding["categories"]]
        one_hot = OneHotEncoder(categories=names, handle_unknown="ignore", sparse_output=False)
        one_hot.fit(np.array([[each[0] for each in names]], dtype=object))
        parts.append(one_hot.transform(frame[encoding["categorical"]].map(spelled).to_numpy(object)))
    return torch.from_numpy((np.hstack(parts) / encoding["length"]).astype(np.float32))
"""

EMBEDDING_CARD = """\
def features(embeddings, encoding, folder):
    x = np.asarray(embeddings, dtype=np.float32)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return torch.from_numpy(x / np.where(norms > 0, norms, 1))
"""
