import itertools

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from zoo.nn.decoding import FIRST, beam, greedy, sample
from zoo.nn.words import END

T, V, A = 4, 3, 2  # words with the END, vocabulary, extra

ways = pytest.mark.parametrize(
    "run", [lambda f: f, tf.function, tf.function(jit_compile=True)], ids=["eager", "graph", "jit"]
)


class Toy:
    """Random p(word | the two words before it, how many there are, which example): no search can guess ahead."""

    def __init__(self, batch, seed=0, sharpness=2.0):
        logits = np.random.default_rng(seed).normal(0, sharpness, (batch, T + 1, V + 1, V + 1, V))
        self.table = np.float32(tf.nn.log_softmax(logits))  # [B, t, word before that before, word before, V]
        self.state = {"count": np.zeros((batch, 1), np.float32), "before": np.zeros(batch, np.int32)}

    @property
    def context(self):
        return ({"table": tf.constant(self.table)},)

    def step(self, state, words, context):
        """Its extra is (t, the word before)."""
        t = state["count"][:, 0]
        at = tf.stack([tf.cast(t, tf.int32), state["before"], words - FIRST], -1)
        log_probs = tf.gather_nd(context["table"], at, batch_dims=1)
        extra = tf.stack([t, tf.cast(words, tf.float32)], -1)
        return log_probs, {"count": state["count"] + 1, "before": words - FIRST}, extra

    def search(self, function, *arguments, **options):
        return function(self.step, self.state, T, A, *arguments, context=self.context, **options)

    def log_probs(self, b, sentence):
        """Of each word of a sentence, float64."""
        before = [0, 0, *(word - FIRST for word in sentence)]
        return np.array(
            [np.float64(self.table[b, t, before[t], before[t + 1], word]) for t, word in enumerate(sentence)]
        )

    def every(self, b):
        """{sentence: score} of all that end within T words."""
        found = {}
        for count in range(T):
            for words in itertools.product(range(1, V), repeat=count):
                found[*words, END] = self.log_probs(b, (*words, END)).sum()
        return found


def padded(sentence):
    return np.array([*sentence, *[END] * (T - len(sentence))])


def sentence_of(ids):
    """The words up to the first END and this."""
    ids = list(ids)
    return tuple(ids[: ids.index(END) + 1] if END in ids else ids)


def check(toy, said):
    """What was said is consistent with itself, whoever chose it."""
    for b, (ids, score, extras) in enumerate(zip(*(x.numpy() for x in said), strict=True)):
        sentence = sentence_of(ids)
        np.testing.assert_array_equal(ids, padded(sentence))
        np.testing.assert_allclose(score, toy.log_probs(b, sentence).sum(), rtol=1e-5)
        want = np.zeros((T, A))
        for t, word in enumerate((FIRST, *sentence[:-1])):
            want[t] = t, word
        np.testing.assert_array_equal(extras, want)


@ways
@pytest.mark.parametrize("length_norm", [0.0, 0.7, 2.0])
def test_a_wide_beam_finds_the_best_of_all_captions(run, length_norm):
    toy = Toy(batch=30, seed=1, sharpness=0.5)
    said = run(lambda: toy.search(beam, 3**3, length_norm=length_norm))()
    check(toy, said)
    wanted = []
    for b in range(30):
        every = toy.every(b)
        wanted.append(max(every, key=lambda s: every[s] / len(s) ** length_norm))
    np.testing.assert_array_equal(said.ids, [padded(sentence) for sentence in wanted])
    assert len({len(sentence) for sentence in wanted}) > 1


def test_length_normalisation_makes_captions_longer():
    toy = Toy(batch=30, seed=1, sharpness=0.5)
    lengths = [
        np.mean([len(sentence_of(ids)) for ids in toy.search(beam, 27, length_norm=norm).ids.numpy()])
        for norm in (0.0, 1.0, 4.0)
    ]
    assert lengths[0] < lengths[1] < lengths[2]


@ways
def test_greedy_says_the_likeliest_word_each_time(run):
    toy = Toy(batch=20)
    said = run(lambda: toy.search(greedy))()
    check(toy, said)
    for b, ids in enumerate(said.ids.numpy()):
        sentence = []
        while END not in sentence and len(sentence) < T:
            sentence.append(max(range(V), key=lambda w: toy.log_probs(b, [*sentence, w])[-1]))
        np.testing.assert_array_equal(ids, padded(sentence))


@ways
@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_narrow_beam_is_the_plain_one(run, width):
    """The search as one would write it down: lists of hypotheses, one example at a time."""
    toy = Toy(batch=40, seed=2, sharpness=1.0)
    said = run(lambda: toy.search(beam, width))()
    check(toy, said)
    for b, ids in enumerate(said.ids.numpy()):
        live, finished = [()], []
        for _ in range(T):
            more = [(*words, w) for words in live for w in range(V)]
            more = sorted(more, key=lambda s: -toy.log_probs(b, s).sum())[:width]
            finished += [s for s in more if s[-1] == END]
            live = [s for s in more if s[-1] != END]
        best = max(finished or live, key=lambda s: toy.log_probs(b, s).sum())
        np.testing.assert_array_equal(ids, padded(best))


def test_a_beam_of_one_is_greedy_search():
    toy = Toy(batch=50, seed=3, sharpness=1.0)
    for got, want in zip(toy.search(beam, 1), toy.search(greedy), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def certain(*rows):
    """A toy of one example whose word at t has the same probabilities whatever came before."""
    toy = Toy(batch=1)
    for t, row in enumerate(rows):
        with np.errstate(divide="ignore"):
            toy.table[0, t] = np.log(row)
    return toy


@pytest.mark.parametrize("width", [2, 3, 6])
def test_the_best_finished_caption_is_not_lost_to_later_ones(width):
    """END at once has 0.4; the beams that go on are all better than it until the last word halves them."""
    toy = certain([0.4, 0.6, 0], [1e-4, 0.9999, 0], [1e-4, 0.9999, 0], [0.5, 0.25, 0.25])
    said = toy.search(beam, width)
    np.testing.assert_array_equal(said.ids, [[END] * T])
    np.testing.assert_allclose(said.score, [np.log(0.4)], rtol=1e-6)
    # Of the greedy path, 0.6 * 0.9999^2 * 0.5 = 0.3.
    np.testing.assert_allclose(toy.search(greedy).score, [np.log(0.6 * 0.9999**2 * 0.5)], rtol=1e-5)


def test_crowding_beams_do_not_push_out_what_is_finished():
    """Two captions go on, each better than the finished one for as long as the search lasts, and do not finish."""
    toy = certain([0.3, 0.35, 0.35], [0, 0.99, 0.01], [0, 0.99, 0.01], [0, 0.99, 0.01])
    said = toy.search(beam, 3)
    np.testing.assert_array_equal(said.ids, [[END] * T])
    check(toy, said)


def test_without_a_finished_caption_the_best_unfinished_one_is_said():
    toy = certain(*[[0, 0.4, 0.6]] * T)
    for said in (toy.search(greedy), toy.search(beam, 3), toy.search(beam, 3, length_norm=1.0)):
        np.testing.assert_array_equal(said.ids, [[2] * T])
        np.testing.assert_allclose(said.score, [T * np.log(0.6)], rtol=1e-6)
        np.testing.assert_array_equal(said.extras, [[[0, FIRST], [1, 2], [2, 2], [3, 2]]])


def searches(toy, rows):
    noise = np.random.default_rng(0).gumbel(size=(len(toy.table), T, V)).astype(np.float32)
    part = Toy(len(rows))
    part.table = toy.table[rows]
    return part.search(greedy), part.search(sample, noise[rows]), part.search(beam, 3)


def test_an_example_does_not_see_the_others():
    toy, rows = Toy(batch=7, seed=4, sharpness=1.0), [5, 0, 3]
    for got, want in zip(searches(toy, rows), searches(toy, list(range(7))), strict=True):
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w.numpy()[rows], rtol=1e-6)


@pytest.mark.parametrize(("search", "arguments"), [(greedy, ()), (beam, (2,))], ids=["greedy", "beam"])
def test_a_search_stops_when_every_caption_has_ended(search, arguments):
    calls = []
    toy = certain([0, 0.4, 0.6], [0.9, 0.05, 0.05], [1, 0, 0], [1, 0, 0])

    def step(state, words, context):
        calls.append(words)
        return toy.step(state, words, context)

    said = search(step, toy.state, T, A, *arguments, context=toy.context)
    assert len(calls) == 2
    check(toy, said)


@ways
def test_a_sample_is_a_draw_from_the_model(run):
    """Frequencies of all captions of at most 4 words; 4.5 standard errors of each."""
    n, toy = 20_000, Toy(batch=1, sharpness=0.7)
    noise = np.random.default_rng(0).gumbel(size=(n, T, V)).astype(np.float32)
    many = Toy(n)
    many.table = np.broadcast_to(toy.table, (n, *toy.table.shape[1:]))
    said = run(lambda: many.search(sample, noise))()
    seen = [sentence_of(ids) for ids in said.ids.numpy()]
    for sentence, score in toy.every(0).items():
        p = np.exp(score)
        assert abs(seen.count(sentence) / n - p) < 4.5 * np.sqrt(p * (1 - p) / n), sentence
    check(many, [x[:50] for x in said])


@pytest.mark.parametrize("search", [greedy, lambda *a, **k: beam(*a, 3, **k)], ids=["greedy", "beam"])
def test_what_has_no_probability_is_never_said(search):
    toy = Toy(batch=20, seed=5)
    toy.table[..., 1] = -np.inf
    said = toy.search(search)
    assert np.isfinite(said.score).all() and not (said.ids.numpy() == 1).any()


def test_greedy_search_runs_on_builtin_operations_of_litert(tmp_path):
    toy = Toy(batch=2)

    @tf.function(input_signature=[tf.TensorSpec([2, *toy.table.shape[1:]])])
    def say(table):
        said = greedy(toy.step, toy.state, T, A, context=({"table": table},))
        return said._asdict()

    converter = tf.lite.TFLiteConverter.from_concrete_functions([say.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    (tmp_path / "toy.tflite").write_bytes(converter.convert())
    interpreter = Interpreter(str(tmp_path / "toy.tflite"))
    interpreter.allocate_tensors()
    for table in (toy.table, certain([0, 0.5, 0.5], [0.5, 0.25, 0.25]).table.repeat(2, 0)):  # the second ends early
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], table)
        interpreter.invoke()
        got = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
        want = say(table)
        for name, value in want.items():
            assert any(g.shape == value.shape and np.allclose(g, value, atol=1e-5) for g in got), name


@pytest.mark.parametrize(("norm", "best", "log_p"), [(0.0, [2, 0], -1.427116356), (1.0, [1, 2, 0], -2.002480501)])
def test_golden_beams(norm, best, log_p):
    """A language of two words, whose best text was found among all of at most five; its END counts as a word."""
    p = np.log(np.float32([[0.1, 0.5, 0.4], [0.15, 0.4, 0.45], [0.6, 0.3, 0.1]]))  # first, after 1, after 2

    def step(state, words):
        return tf.gather(p, tf.maximum(words, 0)), state, tf.zeros([len(words), 0])

    said = beam(step, tf.zeros([1, 1]), 5, 0, 3**5, norm)
    assert said.ids.numpy()[0].tolist() == [*best, *[0] * (5 - len(best))]
    assert float(said.score[0]) == pytest.approx(log_p, rel=1e-5)
    one_by_one = greedy(step, tf.zeros([1, 1]), 5, 0)
    assert one_by_one.ids.numpy()[0].tolist() == [1, 2, 0, 0, 0]
    assert float(one_by_one.score[0]) == pytest.approx(-2.002480501, rel=1e-5)
