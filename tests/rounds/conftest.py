import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_encoders import tiny_bert

TOPICS = {"animals": ["cat", "dog", "mat", "sat", "ran"], "news": ["market", "falls", "goal", "wins"]}
COMMON = ["the", "a", "on", "big", "red"]


def sentence(topic, generator):
    own = generator.choice(TOPICS[topic], 2)
    words = [*own, *generator.choice(COMMON, 4), generator.choice(TOPICS["news" if topic == "animals" else "animals"])]
    return " ".join(generator.permutation(words))


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder with noisy.parquet, gold.csv and a tiny encoder; tests must not change it."""
    folder, generator = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    truth = [list(TOPICS)[row % 2] for row in range(240)]
    given = [t if generator.random() < 0.7 else next(o for o in TOPICS if o != t) for t in truth]
    ids = [f"t{row}" for row in range(240)]
    rows = pa.table({"id": ids, "text": [sentence(t, generator) for t in truth], "label": given})
    pq.write_table(rows, folder / "noisy.parquet")
    lines = [f"{i},{t}\n" for i, t in zip(ids, truth, strict=True)]
    (folder / "gold.csv").write_text("id,label\n" + "".join(lines[:60]))
    tiny_bert(folder / "encoder")
    return folder


@pytest.fixture
def at_work(texts, monkeypatch, tmp_path):
    """The texts' folder as the working directory; outputs go to the `tmp_path` it gives."""
    monkeypatch.chdir(texts)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(texts / "cache"))
    return tmp_path
