import numpy as np
import pytest
import tensorflow as tf

from zoo.nn.cells import CELLS, unroll


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_text_read_at_once_is_the_cell_step_by_step(kind, masked):
    """Values and gradients, against the plain loop."""
    cell, numbers = CELLS[kind](5, name="cell"), np.random.default_rng(0)
    cell.build((None, 3))
    for v in cell.trainable_variables:
        v.assign(numbers.normal(0, 0.5, v.shape).astype(np.float32))
    x = tf.constant(numbers.normal(size=(2, 4, 3)), tf.float32)
    mask = tf.constant([[1, 1, 1, 1], [1, 1, 0, 0]], tf.float32) if masked else None
    start = tuple(tf.constant(numbers.normal(size=(2, 5)), tf.float32) for _ in range(cell.states))
    weights = [v.value for v in cell.trainable_variables]

    def plain():
        state, h = start, []
        for t in range(4):
            after = cell.step(x[:, t], state, cell.maps)
            if masked:
                after = [tf.where(mask[:, t, None] > 0, new, old) for new, old in zip(after, state, strict=True)]
            state = tuple(after)
            h.append(state[0])
        return state, tf.stack(h, 1)

    results = []
    for run in (lambda: unroll(cell, x, start, mask), plain):
        with tf.GradientTape() as tape:
            tape.watch([x, start])
            last, h = run()
            loss = tf.reduce_sum(h**2) + sum(tf.reduce_sum(tf.sin(part)) for part in last)
        results.append([*last, h, *tape.gradient(loss, [x, *start, *weights])])
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
