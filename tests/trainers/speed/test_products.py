import time

import numpy as np
import pytest
import tensorflow as tf

from trainers.learn.learner import Learner
from trainers.learn.strategy import make_strategy
from trainers.speed import products
from zoo import catalogue
from zoo.configs.base import Settings
from zoo.configs.draw import PRESETS, DRAWConfig
from zoo.configs.vae import VAEConfig
from zoo.configs.vrae import VRAEConfig


def counted(name, config, batch_size, shards=1):
    strategy = make_strategy()
    with strategy.scope():
        model = catalogue.build(name, config)
        learner = Learner(model, Settings(config, batch_size=batch_size), strategy)
    learner.shards = shards
    batch = {key: tf.zeros([batch_size, *field.shape]) for key, field in model.fields.items()}
    return products.count(learner, batch, model.training_noise(batch_size, (0, 0)))


def filters_flop(config):
    """Of look at image and error, and of paint, as pairs of products, for one example and step."""
    (height, width, channels), n, m = config.image_shape, config.read_n, config.write_n
    look = n * height * width * channels + n * width * n * channels
    paint = m * m * width * channels + m * height * width * channels
    return 2 * (2 * look + paint)


@pytest.mark.parametrize("shards", [1, 2])
def test_draws_products_are_those_of_its_affine_maps_and_filters(shards):
    config = DRAWConfig(image_shape=(6, 5, 2), steps=3, hidden=7, z_size=4, read_n=2, write_n=3)
    pairs, gflop, others = counted("draw", config, 8, shards)
    encoder, posterior, decoder = (2 * 2 * 4 + 14) * 28, 7 * 8, (4 + 7) * 28
    write, windows = 7 * 9 * 2, 2 * 7 * 5
    weights = encoder + posterior + decoder + write + windows
    # A multiplication and an addition a weight, forward, to the input and to the weight.
    assert gflop == pytest.approx(3 * 2 * weights * 8 * 3 / 1e9)
    assert others == pytest.approx(3 * filters_flop(config) * 8 * 3 / 1e9)
    for product, part in pairs:
        assert part.gflop == pytest.approx(product.gflop / shards)


def test_draw_on_mnist_makes_47_4_gflop_a_step():
    _, gflop, others = counted("draw", PRESETS["mnist"].model, 128)
    assert gflop == pytest.approx(47.05, abs=0.005)
    assert others == pytest.approx(0.39, abs=0.005)
    assert f"{gflop + others:.1f}" == "47.4"


def test_the_input_gets_no_gradient_and_no_product():
    _, gflop, others = counted("vae", VAEConfig(image_shape=(4, 4, 1), hidden=(6,), z_size=3), 5)
    first, rest = 16 * 6, 2 * 6 * 3 + 3 * 6 + 6 * 16
    assert gflop == pytest.approx(2 * 5 * (2 * first + 3 * rest) / 1e9)
    assert others == 0


def test_convolutions_count_each_weight_at_each_place():
    config = VAEConfig(image_shape=(8, 8, 1), network="conv", filters=(2,), hidden=(4,), z_size=3)
    _, gflop, _ = counted("vae", config, 5)
    first = 4 * 4 * 9 * 2  # places, weights
    dense = 32 * 4 + 2 * 4 * 3 + 3 * 32
    deconvolutions = 4 * 4 * 9 * 2 * 2 + 8 * 8 * 9 * 2  # a transposed convolution has its input's places
    assert gflop == pytest.approx(2 * 5 * (2 * first + 3 * (dense + deconvolutions)) / 1e9)


def test_both_loops_of_a_recurrent_pair_count_each_trip():
    config = VRAEConfig(sequence_shape=(4, 3), inference="rnn", decoder="gru", hidden=5, z_size=2)
    _, gflop, _ = counted("vrae", config, 6)
    encoder, decoder = (3 + 5) * 5, 3 * 15 + 5 * 15 + 5 * 3
    ends = 2 * 5 * 2 + 2 * 5
    assert gflop == pytest.approx(3 * 2 * 6 * (4 * (encoder + decoder) + ends) / 1e9)


def test_the_largest_products_make_up_nearly_all():
    pairs, gflop, _ = counted("draw", DRAWConfig(image_shape=(6, 5, 1), steps=2), 4)
    chosen = products.largest(pairs)
    covered = sum(product.gflop * times for (product, _), times in chosen.items())
    assert len(chosen) < len(pairs)
    assert 0.95 * gflop <= covered < gflop


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_every_way_makes_the_product(network, monkeypatch):
    monkeypatch.setattr(products, "MAX_BURST", 3)
    config = VAEConfig(image_shape=(8, 8, 1), network=network, filters=(2,), hidden=(4,), z_size=3)
    pairs, _, _ = counted("vae", config, 4, shards=2)
    kinds = {product.type: (product, part) for product, part in pairs}
    for product, part in kinds.values():
        found = products.ways(product, part, 2)
        assert set(found) == {"graph", "graph, 2 parts", "xla", "xla, 2 parts"}
        for way, (run, times) in found.items():
            assert times == 3
            results = run()
            assert len(results) == (2 if "parts" in way else 1)
            assert all(np.isfinite(y).all() and y.any() for y in results)


def test_a_burst_takes_longer_the_more_products_it_makes(monkeypatch):
    """A compiler that sees through the loop would make one product of all."""
    monkeypatch.setattr(products, "BURST_GFLOP", 1e9)
    pairs, _, _ = counted("draw", DRAWConfig(image_shape=(6, 5, 1), steps=2, hidden=128), 64)
    product, part = max(pairs, key=lambda pair: pair[0].gflop)
    for way in ("graph", "xla"):
        taken = {}
        for burst in (10, 400):
            monkeypatch.setattr(products, "MAX_BURST", burst)
            run, times = products.ways(product, part, 1)[way]
            assert times == burst
            run()
            began = time.process_time()
            run()
            taken[burst] = time.process_time() - began
        assert taken[400] > 5 * taken[10]
