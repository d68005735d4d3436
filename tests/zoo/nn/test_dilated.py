import json
import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.dilated import DilatedWriter, field
from zoo.nn.texts import nats_of

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "dilated_vae.json").read_text())
EXPECTED, INPUTS = GOLDEN["expected"], GOLDEN["inputs"]
THEIRS = np.array([3, 1, 0, 2, 4, 5, 6])  # their </s>, <unk>, <pad> and <bos> by our numbers; the words are alike
OURS = np.argsort(THEIRS)


def weigh(layer, kernel, bias):
    layer.set_weights([np.float32(kernel), np.float32(bias)])


@pytest.fixture
def writer():
    w = GOLDEN["weights"]
    writer = DilatedWriter(7, 3, 6, 4, (1, 2), takes_z=True, name="writer")
    writer.build((None, 2))
    writer.table.rows.assign(np.concatenate([[w["emb"][2]], np.array(w["emb"])[THEIRS]]))
    weigh(writer.enter, w["W_in"], w["b_in"])
    for block, weights in zip(writer.blocks, w["blocks"], strict=True):
        weigh(block.squeeze, weights["W1"], weights["b1"])
        weigh(block.convolve, np.concatenate(weights["K"]), weights["bK"])
        weigh(block.expand, weights["W3"], weights["b3"])
    weigh(writer.out, np.array(w["W_out"])[:, THEIRS], np.array(w["b_out"])[THEIRS])
    return writer


BEFORE = np.array(INPUTS["decoder_input"])
WORDS = np.where(BEFORE == 2, -1, OURS[BEFORE]).astype(np.int32)
TARGETS = np.zeros_like(WORDS)
for row, target, length in zip(TARGETS, np.array(INPUTS["target"]), INPUTS["length"], strict=True):
    row[:length] = OURS[target[:length]]
Z = np.float32(INPUTS["z"])


@pytest.mark.parametrize(
    "run", [lambda f: f, tf.function(autograph=False), tf.function(autograph=False, jit_compile=True)]
)
def test_a_float64_reference(writer, run):
    _, h = run(writer.read)(WORDS, Z)
    logits = writer.logits(h).numpy()
    for row, length, want in zip(logits, INPUTS["length"], EXPECTED["logits"], strict=True):
        np.testing.assert_allclose(row[:length], np.array(want)[:length][:, THEIRS], atol=3e-6)
    nats = tf.reduce_sum(nats_of(logits, TARGETS), 1)
    np.testing.assert_allclose(nats, EXPECTED["rec"], rtol=2e-6)
    for trap in GOLDEN["traps"].values():
        assert not np.allclose(nats, trap, rtol=1e-3)


def test_word_by_word_is_all_at_once(writer):
    _, h = writer.read(WORDS, Z)
    want = tf.nn.log_softmax(writer.logits(h)).numpy()
    caches = writer.begin(2)
    for t in range(10):
        log_p, caches = writer.step(WORDS[:, t], caches, Z)
        np.testing.assert_allclose(log_p.numpy()[:, [0, 2, 3, 4, 5, 6]], want[:, t, [0, 2, 3, 4, 5, 6]], atol=1e-5)
        if t == 3:
            for cache, expected in zip(caches, EXPECTED["cache_after_4_steps"], strict=True):
                np.testing.assert_allclose(cache, expected, atol=2e-6)


def test_an_input_reaches_as_far_as_the_field_and_no_output_before(writer):
    whole = writer.read(WORDS, Z)[1].numpy()
    for t in range(10):
        changed = WORDS.copy()
        changed[0, t] = 5 if WORDS[0, t] != 5 else 4
        other = writer.read(changed, Z)[1].numpy()
        moved = np.flatnonzero((other[0] != whole[0]).any(-1)).tolist()
        assert moved and set(moved) <= set(range(t, t + field((1, 2))))
        assert (other[1] == whole[1]).all()


def test_fields():
    once = (1, 2, 4, 8, 16)
    assert [field(d) for d in ((1, 2, 4), once, 2 * once, 3 * once)] == [15, 63, 125, 187]


def test_a_word_from_the_cache_costs_a_fraction_of_the_whole_pass():
    """The paper's decoder of 10 blocks and 32 texts of a hundred words, of which every twentieth is timed."""
    size, most, starts = 32, 100, range(10, 100, 20)
    writer = DilatedWriter(20_000, 512, 1024, 512, 2 * (1, 2, 4, 8, 16))
    writer.build()
    words = tf.random.stateless_uniform([size, most], [0, 1], 1, 20_000, tf.int32)

    @tf.function(autograph=False)
    def whole(words):
        return tf.nn.log_softmax(writer.logits(writer.read(words)[1][:, -1]))

    step = tf.function(writer.step, autograph=False)

    def seconds(function, *arguments):
        began = time.perf_counter()
        tf.nest.flatten(function(*arguments))[0].numpy()
        return time.perf_counter() - began

    caches, naive, cached = writer.begin(size), 0, 0
    for run in (lambda: whole(words[:, :5]), lambda: step(words[:, 0], caches)):
        run()  # traces
    for n in starts:
        naive += np.median([seconds(whole, words[:, :n]) for _ in range(3)])
        cached += np.median([seconds(step, words[:, n], caches) for _ in range(9)])
    print(f"without the cache {naive / cached:.1f} times as long")
    assert naive > 6 * cached
