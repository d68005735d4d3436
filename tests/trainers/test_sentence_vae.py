import keras
import numpy as np
import pytest
import tensorflow as tf

from trainers import sentence_vae
from trainers.declare.task import Sampling
from trainers.show import writing
from zoo import catalogue
from zoo.configs.base import Settings
from zoo.configs.sentence_vae import LanguageModelConfig, StreamLanguageModelConfig
from zoo.data.split import Data, Split
from zoo.data.text import lanes


@pytest.fixture(scope="module")
def model():
    model = catalogue.build("sentence_vae", catalogue.preset("sentence_vae", "smoke").model)
    others = [f"word{i}" for i in range(92)]  # no number is left without a word: fresh weights would say it, too
    model.words.learn(["the", "a", "cat", "dog", "sat", "ran", *others])
    return model


def test_inputs_come_back_are_filled_and_joined(model):
    made = writing.answered(model, ["the ___ sat", "a zebra"], Sampling(count=3))
    assert made.lines[0].startswith("the ___ sat\n> ")
    filled = made.lines[1].removeprefix("= ").split()
    assert len(filled) == 3 and filled[::2] == ["the", "sat"] and filled[1] != "<unk>"
    assert made.lines[-1] == "unknown words: zebra" and made.arrays["mean"].shape == (2, 4)
    first, last = model.write(2, np.float32(made.arrays["mean"]))["text"]
    assert made.lines[4] == model.words.texts(first[None]).numpy()[0].decode()
    assert made.lines[9] == model.words.texts(last[None]).numpy()[0].decode()


def test_a_language_model_draws_and_tells_how_likely_a_text_is():
    model = catalogue.build("sentence_vae", LanguageModelConfig(vocabulary=100, text_length=12, embedding=8, hidden=16))
    model.words.learn(["the", "cat", "sat", *(f"word{i}" for i in range(95))])
    made = writing.told(model, ["the cat sat", "a cat"], Sampling())
    ids = np.int32([[2, 3, 4, 0], [1, 3, 0, 0]])
    nats = model.loss_terms({"text": ids}, {})["negative_log_likelihood"].numpy()
    np.testing.assert_allclose(made.arrays["negative_log_likelihood"], nats, rtol=1e-6)
    assert made.lines[0] == f"the cat sat\n> {nats[0]:.2f} nats, perplexity {np.exp(nats[0] / 4):.4g}"
    assert made.lines[-1] == "unknown words: a"
    drawn, again = (writing.told(model, [], Sampling(count=3, seed=1)).lines for _ in range(2))
    assert len(drawn) == 3 and drawn == again != writing.told(model, [], Sampling(count=3, seed=2)).lines


@pytest.fixture
def streaming(monkeypatch):
    """(shards, steps) -> a learner of a stream after so many steps, and its batches."""
    tokens = np.random.default_rng(0).integers(0, 9, 200).astype(np.int32)
    monkeypatch.setattr(lanes, "stream", lambda split: tokens)

    def run(shards, steps):
        config = StreamLanguageModelConfig(vocabulary=9, text_length=8, embedding=3, hidden=4, layers=2, piece=5)
        settings = Settings(config, batch_size=4, optimizer="sgd", learning_rate=0.1, clip="none")
        keras.utils.set_random_seed(0)
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        with strategy.scope():
            model = catalogue.build("sentence_vae", config)
            learner = sentence_vae.stream_learner(model, settings, strategy, False)
        learner.shards, seen = shards, []
        for step, batch in learner.batches(Data("t", *[Split({})] * 3, "t"), 0).take(steps):
            seen.append((batch, strategy.run(learner.step, (batch, {}, tf.cast(step, tf.int32)))))
        return model, learner, seen

    return run


def test_a_learner_of_a_stream_hands_states_on(streaming):
    """Against plain descent with the states in one's own hands, into a second epoch; whatever the number of cores."""
    steps = 11  # 9 windows an epoch
    (model, learner, seen), (_, other, _) = streaming(1, steps), streaming(2, steps)
    for ours, theirs in zip(learner.variables.values(), other.variables.values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    keras.utils.set_random_seed(0)
    plain = catalogue.build("sentence_vae", model.config)
    for i, (batch, values) in enumerate(seen):
        if i in (0, 9):
            states = plain.begin(4)
        with tf.GradientTape() as tape:
            terms, states = plain.carried_terms(batch, {}, states)
            loss = tf.reduce_mean(terms["negative_log_likelihood"])
        variables = [v.value for v in plain.trainable_variables]
        for v, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            v.assign_sub(0.1 * tf.convert_to_tensor(gradient))
        assert float(values["negative_log_likelihood"]) == pytest.approx(float(loss), rel=1e-5)
    assert [name for name in learner.variables if name.startswith("carried")] == [f"carried/000{i}" for i in range(4)]
    for ours, theirs in zip(learner.carried, tf.nest.flatten(states), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_the_perplexity_of_a_stream_is_of_all_its_words_but_the_first(streaming):
    model, *_ = streaming(1, 1)
    tokens = lanes.stream(None)
    batch = {"input": tokens[None, :-1], "target": tokens[None, 1:]}
    nats = float(model.carried_terms(batch, {}, model.begin(1))[0]["negative_log_likelihood"][0])
    sets = Data("t", *[Split({})] * 3, "t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_vae, "SCORED", 64)  # the last piece is shorter
        found = sentence_vae.stream_figures(model, sets, "test", 0)["perplexity_stream"]
    assert found.value == pytest.approx(np.exp(nats / 199), rel=1e-5) and found.examples == 199
