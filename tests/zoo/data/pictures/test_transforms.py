import numpy as np
import tensorflow as tf

from zoo.data.pictures import transforms as scenes

SEED = tf.constant([3, 4])


def test_bernoulli_has_its_pixels_mean_and_leaves_the_rest():
    image = np.tile(np.float32([0, 0.25, 0.75, 1]), (4000, 1)).reshape(4000, 2, 2, 1)
    batch = scenes.bernoulli({"image": image, "label": np.arange(4000)}, SEED)
    drawn = batch["image"].numpy().reshape(4000, 4)
    assert set(np.unique(drawn)) == {0, 1}
    assert (drawn[:, 0] == 0).all() and (drawn[:, 3] == 1).all()
    error = 4 * np.sqrt(0.25 * 0.75 / 4000)  # four standard errors
    np.testing.assert_allclose(drawn.mean(0)[1:3], [0.25, 0.75], atol=error)
    np.testing.assert_array_equal(batch["label"], np.arange(4000))


def test_paste_adds_pieces_at_their_corners_and_cuts_what_falls_outside():
    rng = np.random.default_rng(0)
    pieces = rng.random([3, 2, 4, 5], np.float32)
    top, left = rng.integers(-3, 7, [3, 2]), rng.integers(-4, 9, [3, 2])
    want = np.zeros([3, 7, 9])
    for b in range(3):
        for p in range(2):
            for i in range(4):
                for j in range(5):
                    y, x = top[b, p] + i, left[b, p] + j
                    if 0 <= y < 7 and 0 <= x < 9:
                        want[b, y, x] += pieces[b, p, i, j]
    got = scenes.paste(tf.constant(pieces), tf.constant(top, tf.int32), tf.constant(left, tf.int32), 7, 9)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def corners(picture, h, w):
    """Where an h x w block of positive pixels starts."""
    rows, columns = np.nonzero(picture.any(1))[0], np.nonzero(picture.any(0))[0]
    assert rows[-1] - rows[0] + 1 == h and columns[-1] - columns[0] + 1 == w
    return rows[0], columns[0]


def test_two_digits_are_the_examples_own_and_another_at_any_place_clipped_at_1():
    own = np.full([400, 3, 2, 1], 0.75, np.float32)
    others = np.full([5, 3, 2, 1], 102, np.uint8)  # 0.4
    drawn = scenes.two_digits(others, 5, 7)({"image": tf.constant(own)}, SEED)["image"].numpy()[..., 0]
    assert drawn.shape == (400, 5, 7)
    places = []
    for picture in np.rint(drawn * 100).astype(int):
        values = set(np.unique(picture).tolist())
        assert values in ({0, 40, 75}, {0, 40, 75, 100}, {0, 100})  # apart, overlapping, on the same place
        if values == {0, 40, 75}:
            places.append((corners(picture == 75, 3, 2), corners(picture == 40, 3, 2)))
    assert {place for place, _ in places} == {place for _, place in places}
    assert {place for place, _ in places} == {(y, x) for y in range(3) for x in range(6)}
    assert any(a != b for a, b in places)


def test_the_second_digit_is_any_of_the_others():
    others = np.uint8(np.arange(1, 8)[:, None, None, None] * np.ones([7, 2, 2, 1]))
    blank = {"image": tf.zeros([200, 2, 2, 1])}
    drawn = scenes.two_digits(others, 3, 5)(blank, SEED)["image"].numpy()
    assert set(np.rint(drawn.max((1, 2, 3)) * 255)) == set(range(1, 8))


def test_a_cluttered_digit_keeps_its_label_and_its_shape_among_eight_pieces():
    batch = {"image": tf.zeros([50, 28, 28, 1]), "label": tf.range(50)}
    others = np.full([3, 28, 28, 1], 10, np.uint8)  # faint: a sum of eight does not reach the clip
    drawn = scenes.cluttered(others, 60, 70)(batch, SEED)
    np.testing.assert_array_equal(drawn["label"], np.arange(50))
    assert drawn["image"].shape == (50, 60, 70, 1)
    total = np.rint(drawn["image"].numpy().sum((1, 2, 3)) * 255)
    np.testing.assert_array_equal(total, 8 * 64 * 10)  # each piece lies wholly on the canvas
    only_digit = scenes.cluttered(np.zeros_like(others), 60, 70)({"image": tf.ones([50, 28, 28, 1])}, SEED)
    places = {corners(picture[..., 0], 28, 28) for picture in only_digit["image"].numpy()}
    assert len(places) > 40
    bright = scenes.cluttered(others + 240, 60, 70)({"image": tf.ones([50, 28, 28, 1])}, SEED)["image"]
    assert np.max(bright) == 1


def test_clutter_is_cut_from_all_over_the_other_digits():
    row, column = np.indices([28, 28], np.uint8)[..., None]
    blank = {"image": tf.zeros([60, 28, 28, 1])}

    def clutter(values):  # one seed, so both pictures show the same pieces at the same places
        drawn = scenes.cluttered(values[None], 400, 400)(blank, SEED)["image"].numpy()
        return np.rint(drawn * 255).astype(int).ravel()

    rows, columns = clutter(row + 1), clutter(column + 1)
    seen = set(zip(rows[rows > 0].tolist(), columns[rows > 0].tolist(), strict=True))
    assert {(i, j) for i in range(4, 26, 3) for j in range(4, 26, 3)} <= seen  # the very corners are rare


def test_crops_of_64_are_exact_windows_at_every_offset():
    picture = np.random.default_rng(0).random([64, 64, 3], np.float32)
    batch = {"image": tf.constant(np.tile(picture, (300, 1, 1, 1))), "label": tf.range(300)}
    drawn = scenes.crops(54, 54)(batch, SEED)
    windows = {(y, x): picture[y : y + 54, x : x + 54] for y in range(11) for x in range(11)}
    seen = set()
    for image in drawn["image"].numpy():
        seen.add(min(windows, key=lambda at: np.abs(windows[at] - image).max()))
        assert min(np.abs(window - image).max() for window in windows.values()) < 1e-4
    assert {y for y, _ in seen} == set(range(11)) == {x for _, x in seen}
    np.testing.assert_array_equal(drawn["label"], np.arange(300))


def test_crops_of_small_pictures_are_enlarged():
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32)[None, :, None, None], (9, 1, 32, 3))
    drawn = scenes.crops(54, 54)({"image": tf.constant(ramp)}, SEED)["image"].numpy()
    assert drawn.shape == (9, 54, 54, 3)
    np.testing.assert_allclose(np.diff(drawn, axis=1), 1 / 63, atol=1e-5)  # a 64-pixel ramp
