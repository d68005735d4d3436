import numpy as np
import pytest

from zoo.data.strokes.lines import CHARACTERS, STEP, TREMOR, character, lines, spiral, strokes, zigzag

DRAWN = [np.array([(3, 5), (4, 7)]), np.array([(0, 5)]), np.array([(1, 1), (2, 1), (2, 9)])]


def test_rows_are_pen_first_and_then_the_way_from_the_point_before():
    want = [(0, 0, 0), (1, 1, 2), (1, -4, -2), (0, 1, -4), (0, 1, 0), (1, 0, 8)]
    rows = strokes(DRAWN)
    assert rows.tolist() == [list(map(float, row)) for row in want] and rows.dtype == np.float32


def test_lines_come_back_from_rows():
    again = lines(strokes(DRAWN))
    assert len(again) == 3
    for line, drawn in zip(again, DRAWN, strict=True):
        np.testing.assert_array_equal(line, drawn - DRAWN[0][0])


def angles(line):
    """Of every step, in radians, without jumps."""
    dx, dy = np.diff(line, axis=0).T
    return np.unwrap(np.arctan2(dy, dx))


def test_a_spiral_turns_one_way_and_grows():
    for seed in range(20):
        (line,) = spiral(np.random.default_rng(seed))
        turned = angles(line)[-1] - angles(line)[0]
        assert 0.5 < abs(turned) / (2 * np.pi) < 3.2
        far = np.hypot(*(line - line[0]).T)
        assert far[-1] > 0.9 * far.max() - 0.3 and np.hypot(*np.diff(line, axis=0).T).max() < 2 * STEP


def test_a_zigzag_turns_back_at_every_tooth():
    seen = set()
    for seed in range(40):
        first, below = zigzag(np.random.default_rng(seed))
        assert below[:, 1].min() > first[:, 1].max() and below[0, 0] > below[-1, 0]
        middle = (first[:, 1].max() + first[:, 1].min()) / 2
        crossings = np.count_nonzero(np.diff(first[:, 1] > middle))
        assert crossings % 2 == 0
        seen.add(crossings // 2)
    assert seen == {3, 4, 5, 6, 7}


@pytest.mark.parametrize("name", CHARACTERS)
def test_a_character_has_its_lines_and_no_two_hands_are_alike(name):
    drawn = [character(name, np.random.default_rng(seed)) for seed in range(5)]
    assert {len(each) for each in drawn} == {len(CHARACTERS[name])}
    assert len({strokes(each).tobytes() for each in drawn}) == 5
    for each in drawn:
        points = np.concatenate(each)
        assert 0.6 < np.ptp(points[:, 1]) < 1.6 and np.ptp(points[:, 0]) < 1.9
        steps = np.concatenate([np.hypot(*np.diff(line, axis=0).T) for line in each])
        assert abs(np.median(steps) - 1.1 * STEP) < 0.5 * STEP and steps.min() > TREMOR
