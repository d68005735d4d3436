import io

import numpy as np
import pytest
from PIL import Image

from trainers.show import pictures


def coloured(picture):
    """Which pixels are reddish: True where red clearly exceeds green."""
    return picture[..., 0].astype(int) - picture[..., 1] > 100


def test_grid_puts_every_image_in_its_place_enlarged_without_smoothing():
    images = np.arange(3 * 2 * 3).reshape(3, 2, 3, 1) / 17  # three images, 2 high, 3 wide
    picture = pictures.grid(images, columns=2, scale=5)
    assert picture.dtype == np.uint8 and picture.shape == (2 * (10 + 2) + 2, 2 * (15 + 2) + 2, 3)
    third = picture[2 + 12 : 2 + 12 + 10, 2 : 2 + 15]  # second row, first column
    want = np.kron(np.round(images[2, ..., 0] * 255), np.ones([5, 5]))
    np.testing.assert_array_equal(third, np.repeat(want[..., None], 3, -1))
    assert (picture[:2] == pictures.SEPARATOR).all()


def test_grid_is_about_square_and_enlarges_digits_to_be_seen():
    assert pictures.grid(np.zeros([64, 28, 28, 1])).shape == (8 * 114 + 2, 8 * 114 + 2, 3)
    assert pictures.grid(np.zeros([2, 300, 200, 3])).shape == (
        304,
        2 * 202 + 2,
        3,
    )  # large images stay as they are


def test_colour_values_outside_the_range_and_bytes_are_understood():
    images = np.array([[-1, 0.5, 2]]).reshape(1, 1, 1, 3)
    assert pictures.grid(images, scale=1)[2, 2].tolist() == [0, 128, 255]
    assert pictures.grid(np.full([1, 1, 1, 1], 77, np.uint8), scale=1)[2, 2].tolist() == [77, 77, 77]


def test_pairs_show_each_original_above_its_reconstruction():
    originals, reconstructions = np.full([3, 4, 5, 1], 1.0), np.full([3, 4, 5, 1], 0.2)
    picture = pictures.pairs(originals, reconstructions, columns=3, scale=2)
    for left in (2, 14, 26):
        assert (picture[2:10, left : left + 10] == 255).all() and (picture[11:19, left : left + 10] == 51).all()


def test_the_write_window_is_where_the_hand_computes_it():
    # gX 10, gY 6, delta 2, n 5: side 8 pixels, filter centres from 6 to 14 across and 2 to 10 down.
    # Enlarged 10 times, pixel p has its middle at 10 (p - 1/2): lines at x 55 and 135, y 15 and 95, 10 wide.
    window = np.array([[[10, 6, 2, 1.0, 1]]])
    tile = pictures.film(np.zeros([1, 1, 12, 20, 1]), window, window_n=5, scale=10)[0, 2:-2, 2:-2]
    want = np.zeros([120, 200], bool)
    want[10:100, 50:140] = True
    want[20:90, 60:130] = False
    np.testing.assert_array_equal(coloured(tile), want)


@pytest.mark.parametrize(("sigma2", "width"), [(1e-4, 3), (0.25, 5), (1, 10), (50, 15)])
def test_the_line_is_sigma_wide_within_limits(sigma2, width):
    window = np.array([[[10, 6, 2, sigma2, 1]]])
    tile = pictures.film(np.zeros([1, 1, 12, 20, 1]), window, window_n=5, scale=10)[0, 2:-2, 2:-2]

    # a row through the left line: how much of each pixel the line covers
    across = tile[60, :95, 0] / (0.9 * pictures.WRITE[0])
    assert across.sum() == pytest.approx(width, abs=0.1)


def test_read_windows_are_green_and_windows_beyond_the_image_draw_nothing():
    far = np.array([[[200, 6, 2, 1.0, 1]]])
    here = np.array([[[10, 6, 0, 1.0, 1]]])  # delta 0: a dot
    tile = pictures.film(np.zeros([1, 1, 12, 20, 1]), far, here, window_n=5, read_n=2, scale=10)[0, 2:-2, 2:-2]
    assert not coloured(tile).any()
    green = tile[..., 1] > 100
    assert np.argwhere(green).mean(0).tolist() == [54.5, 94.5] and green.sum() == 100


def test_film_has_a_frame_a_step_and_strip_ends_with_the_last():
    canvases = (np.arange(7) / 7).reshape(1, 7, 1, 1, 1) * np.ones([2, 7, 3, 4, 1])
    film = pictures.film(canvases, columns=2, scale=1)
    assert film.shape == (7, 3 + 4, 2 * 6 + 2, 3)
    np.testing.assert_array_equal(film[:, 3, 3, 0], np.round(np.arange(7) / 7 * 255))
    np.testing.assert_array_equal(film[:, 3, 9, 0], film[:, 3, 3, 0])
    assert pictures.film(canvases, scale=1, every=3)[:, 3, 3, 0].tolist() == film[[0, 3, 6], 3, 3, 0].tolist()
    strip = pictures.strip(canvases, count=3, scale=1)
    assert strip.shape == (2 * 5 + 2, 3 * 6 + 2, 3)
    assert strip[3, 3::6, 0].tolist() == film[[0, 3, 6], 3, 3, 0].tolist()


def test_piano_roll_puts_high_notes_up_and_late_notes_right():
    roll = np.zeros([6, 10])
    roll[4, 7] = 1
    picture = pictures.piano_roll(roll, scale=3, lowest=60)
    dark = picture[..., 0] < 40
    assert picture.shape == (30, 18, 3)
    assert np.argwhere(dark).min(0).tolist() == [6, 12] and np.argwhere(dark).max(0).tolist() == [8, 14]


def test_plots_have_the_size_asked_for_and_show_the_points():
    picture = pictures.scatter(np.array([[-3.0, 0], [3, 0]]), [0, 1], limits=(-4, 4), size=300)
    assert picture.shape == (300, 300, 3) and picture.dtype == np.uint8
    empty = pictures.scatter(np.zeros([0, 2]), limits=(-4, 4), size=300)
    assert (picture != empty).any()
    assert pictures.curves({"rate": ([1, 2, 3], [3, 2, 1])}, "glimpse", width=300, height=200).shape == (200, 300, 3)


def test_a_logarithmic_axis_puts_factors_at_equal_distances():
    """A line through (1, 1), (10, 2) and (100, 3) is straight on it alone: its middle is in the picture's middle."""
    line = {"line": ([1, 10, 100], [1, 2, 3])}
    bent, straight = (pictures.curves(line, "x", logarithmic=each).astype(int) for each in (False, True))
    columns = []
    for picture in (bent, straight):
        blue = (picture[..., 2] - picture[..., 0] > 60).any(0)
        first, last = np.flatnonzero(blue)[[0, -1]]
        rows = np.argwhere(picture[..., 2] - picture[..., 0] > 60)
        middle = (rows[:, 0].min() + rows[:, 0].max()) / 2
        columns.append((rows[np.abs(rows[:, 0] - middle) < 2, 1].mean() - first) / (last - first))
    assert columns[0] < 0.2 and abs(columns[1] - 0.5) < 0.05


def test_saved_files_are_read_back_by_pillow(tmp_path):
    frames = np.zeros([6, 20, 30, 3], np.uint8)
    for t in range(6):
        frames[t, :, 4 * t : 4 * t + 4] = pictures.WRITE
        frames[t, 10:] = 40 * t
    pictures.save_png(tmp_path / "new" / "a.png", frames[2])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), frames[2])

    pictures.save_gif(tmp_path / "new" / "a.gif", frames, seconds=0.6, hold=2)
    film = Image.open(tmp_path / "new" / "a.gif")
    assert film.format == "GIF" and film.n_frames == 6 and film.info["loop"] == 0
    for t in range(6):
        film.seek(t)
        assert film.info["duration"] == (100 if t < 5 else 2100)  # the last picture stays
        assert np.abs(np.asarray(film.convert("RGB")).astype(int) - frames[t]).max() <= 3


def test_grey_stays_grey_in_an_animation():
    frames = np.random.default_rng(0).random([3, 40, 40, 1]).repeat(3, -1)
    frames[:, 5:8] = np.random.default_rng(1).random([3, 3, 40, 3])  # many colours compete for the palette
    film = Image.open(io.BytesIO(pictures.encode_gif((frames * 255).astype(np.uint8))))
    below = np.asarray(film.convert("RGB"))[10:].astype(int)
    assert np.ptp(below, axis=-1).max() <= 8


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: pictures.grid(np.zeros([3, 28, 28])), "images"),
        (lambda: pictures.grid(np.zeros([3, 28, 28, 2])), "images"),
        (lambda: pictures.film(np.zeros([3, 28, 28, 1])), "canvases"),
        (lambda: pictures.film(np.zeros([1, 1, 4, 4, 1]), np.zeros([1, 1, 5])), "window_n"),
        (lambda: pictures.pairs(np.zeros([3, 4, 4, 1]), np.zeros([2, 4, 4, 1])), "reconstructions"),
        (lambda: pictures.piano_roll(np.zeros([2, 3, 4])), "roll"),
        (lambda: pictures.scatter(np.zeros([3, 3])), "points"),
    ],
)
def test_wrong_shapes_are_named(call, argument):
    with pytest.raises(ValueError, match=argument):
        call()


def test_handwriting_is_lines_where_the_pen_is_down():
    """Right, a jump down, right again: two lines, one below the other, nothing between them."""
    strokes = np.float32([[1, 4, 0], [0, -4, 4], [0, 4, 0]])
    lifted = pictures.handwriting([strokes], size=60)[2:-2, 2:-2, 0]
    rows = np.flatnonzero((lifted < 128).mean(1) > 0.5)
    assert rows.min() < 10 and rows.max() > 50 and not ((rows > 10) & (rows < 50)).any()
    assert (lifted[10:50] == 255).mean() > 0.99
    down = pictures.handwriting([strokes * [0, 1, 1]], size=60)[2:-2, 2:-2, 0]
    assert (down[10:50] < 255).any(1).all()  # the diagonal way back is drawn, too


def test_handwriting_of_a_pen_that_stands_still_is_a_picture():
    assert pictures.handwriting([np.zeros((3, 3)), np.zeros((1, 3))], size=30).dtype == np.uint8
