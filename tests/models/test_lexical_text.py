"""Words, word pairs and groups of letters as features: what they are like, and that only what the rows hold counts."""

import numpy as np
import pyarrow as pa
import pytest
from memory_table import text_table
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from labelfix.models.text import lexical_fit
from labelfix.models.text.lexical import GROUP_FILES, GROUPS, LexicalText
from labelfix.models.text.lexical_fit import fit_lexical
from labelfix.progress import Silent

SUBJECTS = ["oil prices", "the match", "a new phone", "parliament", "the striker", "shares", "the minister"]
VERBS = ["fell", "was won", "is out", "votes again", "scored twice", "rose sharply", "resigned"]
ENDS = ["on monday", "in overtime", "this week", "after a long night", "says the report"]
TEXTS = [f"{a} {b} {c}" for a in SUBJECTS for b in VERBS for c in ENDS]
ODD = ["", None, "  ", "?!", "zzz qqq"]


@pytest.fixture(scope="module")
def fitted():
    return fit_lexical(text_table(TEXTS + ODD), 8192)


def encoded(representation, texts, compute):
    return representation.encode(text_table(texts), compute, Silent()).features


def words(text):
    return TfidfVectorizer(**lexical_fit.TERMS).build_analyzer()(text)


def test_features_have_unit_norm_and_a_text_without_a_known_word_is_zero(fitted, compute):
    found = encoded(fitted, TEXTS[:3] + ODD, compute)
    assert found.dtype == np.float32
    assert found.shape == (8, fitted.feature_width)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1] * 3 + [0] * 5, atol=1e-6)


def test_similar_texts_are_nearer_than_different_ones(fitted, compute):
    one, like, other = encoded(fitted, ["oil prices fell", "oil prices fell again", "the striker scored"], compute)
    assert one @ like > 0.7 > 0.2 > abs(one @ other)


def test_features_span_what_scikit_learns_own_chain_spans(compute):
    """TF-IDF of terms in two texts at least, truncated SVD, unit norm of both: the same angles between rows."""
    kinds = []
    for kind in (lexical_fit.TERMS, lexical_fit.LETTERS):
        counted = TfidfVectorizer(**kind, sublinear_tf=True, min_df=2).fit_transform(TEXTS)
        kinds.append(normalize(TruncatedSVD(lexical_fit.DIMENSIONS, algorithm="arpack").fit_transform(counted)))
    theirs = normalize(np.hstack(kinds))
    ours = encoded(fit_lexical(text_table(TEXTS), 8192), TEXTS, compute)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-2)
    assert np.abs(ours @ ours.T - theirs @ theirs.T).mean() < 1e-3


def test_the_order_of_rows_and_how_many_are_read_at_once_change_no_bit(fitted):
    shuffled = [(TEXTS + ODD)[row] for row in np.random.default_rng(0).permutation(len(TEXTS + ODD))]
    for other in (fit_lexical(text_table(shuffled), 7), fit_lexical(text_table(TEXTS + ODD), 100)):
        assert other.identity == fitted.identity
        for ours, theirs in ((other.words, fitted.words), (other.groups, fitted.groups)):
            assert ours.names == theirs.names
            assert ours.idf.tobytes() == theirs.idf.tobytes()
            assert ours.components.tobytes() == theirs.components.tobytes()


def test_of_many_rows_the_same_sample_is_fitted_on_whatever_their_order(monkeypatch, fitted):
    monkeypatch.setattr(lexical_fit, "SAMPLE", 40)
    one, other = fit_lexical(text_table(TEXTS), 8192), fit_lexical(text_table(TEXTS[::-1]), 8192)
    assert one.rows == 40
    assert one.words.components.tobytes() == other.words.components.tobytes()
    assert one.groups.components.tobytes() == other.groups.components.tobytes()
    assert one.identity == other.identity != fitted.identity


def test_of_terms_in_as_many_texts_the_alphabet_decides(monkeypatch):
    monkeypatch.setattr(lexical_fit, "MOST_TERMS", 3)
    texts = ["delta alpha", "delta charlie", "bravo alpha", "bravo charlie"]  # every word stands in two texts
    assert fit_lexical(text_table(texts), 8192).words.names == ("alpha", "bravo", "charlie")


def test_a_text_has_the_same_bytes_whatever_stands_beside_it(fitted, compute):
    together = encoded(fitted, TEXTS[:20], compute)
    for row, text in enumerate(TEXTS[:20]):
        assert encoded(fitted, [text], compute)[0].tobytes() == together[row].tobytes()


def test_few_rows_have_few_dimensions_and_none_that_hold_rounding():
    few = fit_lexical(text_table(["a b", "a c", "a b", "a c"]), 8192)
    assert (len(few.words.components), len(few.groups.components)) == (2, 2)


def test_forms_of_a_word_are_alike_by_the_letters_they_share(compute):
    """No text has a word of another one: `walked` and `walking` meet in groups of letters alone."""
    texts = [f"{stem}{end}" for stem in ("walk", "jump", "sing") for end in ("ed", "ing", "s", "er") for _ in range(2)]
    found = encoded(fit_lexical(text_table(texts), 8192), ["walked", "walking", "jumps"], compute)
    assert float(found[0] @ found[1]) > 0.1 > 0.02 > float(found[0] @ found[2])


@pytest.mark.parametrize(("texts", "width"), [([], 1), (["", None], 1), (["...", "?"], 2), (["one"], 2)])
def test_texts_without_words_or_of_one_word_are_encoded_too(texts, width, compute):
    representation = fit_lexical(text_table(texts), 8192)
    found = encoded(representation, texts, compute)
    assert found.shape == (len(texts), width)
    assert np.isfinite(found).all()


def test_sizes_are_those_that_were_measured():
    """By docs/decisions/views.md; more terms make a larger folder, more directions a slower fit."""
    assert (lexical_fit.DIMENSIONS, lexical_fit.MOST_TERMS, lexical_fit.MOST_GROUPS) == (128, 20_000, 10_000)
    assert (lexical_fit.SAMPLE, lexical_fit.LEAST_TEXTS, GROUPS) == (20_000, 2, (3, 5))
    assert (lexical_fit.OF_GROUPS, lexical_fit.CHARACTERS) == (4_000, 2_000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't stop: e-mail 3 men!", ["don", "t", "stop", "e", "mail", "3", "men"]),
        ("ƙasar 'yan wasa", ["ƙasar", "yan", "wasa"]),
        ("हिन्दी में समाचार।", ["हिन्दी", "में", "समाचार"]),
        ("中文abc文本", ["中", "文", "abc", "文", "本"]),
        ("naïve café", ["naïve", "café"]),
        ("snake_case", ["snake", "case"]),
        ("한국어 뉴스", ["한국어", "뉴스"]),
    ],
)
def test_words_are_runs_of_letters_of_any_script_and_single_characters_where_no_spaces_are(text, found):
    pairs = [f"{one} {other}" for one, other in zip(found, found[1:], strict=False)]
    assert words(text) == found + pairs


def test_what_was_saved_comes_back(fitted, tmp_path, compute):
    fitted.write_parts(tmp_path)
    loaded = LexicalText.from_json(fitted.to_json(), fitted.spec, tmp_path)
    assert loaded == fitted
    assert encoded(loaded, TEXTS, compute).tobytes() == encoded(fitted, TEXTS, compute).tobytes()


def test_rows_that_pass_by_in_blocks_have_the_same_features(fitted, compute):
    from labelfix.data.inputs import HeldInputs

    whole = encoded(fitted, TEXTS, compute)
    for start in (0, 100, 240):
        batch = pa.record_batch([pa.array(TEXTS[start:], pa.string())], names=["text"])
        held = HeldInputs(fitted.spec, "new rows", (batch,))
        assert fitted.encode(held, compute, Silent()).features.tobytes() == whole[start:].tobytes()


def test_a_run_of_before_has_words_alone(fitted, tmp_path, compute):
    fitted.write_parts(tmp_path)
    for name in GROUP_FILES:
        (tmp_path / name).unlink()
    told = {name: value for name, value in fitted.to_json().items() if not name.startswith("groups")}
    before = told | {"source": "of words alone"}
    loaded = LexicalText.from_json(before, fitted.spec, tmp_path)
    assert loaded.feature_width == len(fitted.words.components)
    width = loaded.feature_width
    np.testing.assert_allclose(
        encoded(loaded, TEXTS, compute), encoded(fitted, TEXTS, compute)[:, :width] * np.sqrt(2), atol=1e-6
    )
