import types

import numpy as np

from trainers import vrae


def test_notes_of_the_files_are_drawn_as_often_as_they_are_likely():
    """Also those of less than a half, which a threshold would leave silent."""
    model = types.SimpleNamespace(config=types.SimpleNamespace(sequence_shape=(50, 88)))
    likely = np.zeros([64, 50, 88])
    likely[..., 40], likely[..., 41] = 0.2, 1.0
    made = vrae.paint(model, {"sequence": likely})
    rolls = np.stack([made[f"tune-{i:02}"].roll for i in range(64)])
    assert set(np.unique(rolls)) == {0, 1}
    share = rolls.mean((0, 1))
    assert abs(share[40] - 0.2) < 0.03 and share[41] == 1 and share.sum() == share[40:42].sum()
