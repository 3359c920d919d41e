"""Small tables that the tests of reading share."""

import pytest

NOISY = [f"a{i},this is the example sentence number {i},{'cat' if i % 3 else 'dog'}" for i in range(1, 31)]


@pytest.fixture
def put(tmp_path):
    """Writes a text file into the test's folder and gives its path."""

    def put(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        return str(tmp_path / name)

    return put


@pytest.fixture
def noisy_csv(put):
    """Thirty rows of id, text and label; every third is a dog."""
    return put("noisy.csv", "\n".join(["id,text,label", *NOISY]) + "\n")
