"""Lines as rows of (pen, dx, dy), and drawings made here: spirals and zigzags, and a dozen characters."""

import numpy as np

STEP = 0.1  # from point to point of what is made here; a character is 1 high
TREMOR = 0.008  # standard deviation of every point
BEND = 0.03  # standard deviation of a character's corners


def strokes(lines):
    """Rows (pen, dx, dy), float32 [S, 3], of lines [n, 2] of points (x, y), which the pen draws one after the other."""
    points = np.concatenate(lines)
    pen = np.zeros(len(points))
    pen[np.cumsum([len(line) for line in lines]) - 1] = 1
    return np.column_stack([pen, np.diff(points, axis=0, prepend=points[:1])]).astype(np.float32)


def lines(rows):
    """The lines [n, 2] of rows as `strokes` returns them, from (0, 0) on."""
    ends = np.flatnonzero(rows[:-1, 0]) + 1
    return np.split(np.cumsum(rows[:, 1:], axis=0), ends)


def _along(corners, step):
    """Points about `step` apart on the way along corners [n, 2], both ends among them."""
    sides = np.hypot(*np.diff(corners, axis=0).T)
    way = np.concatenate([[0], np.cumsum(sides)])
    at = np.linspace(0, way[-1], max(2, 1 + round(way[-1] / step)))
    return np.column_stack([np.interp(at, way, axis) for axis in corners.T])


def _arc(x, y, radius, begin, end):
    """Corners of a part of a circle; angles in turns, clockwise from the right as y goes down."""
    angle = 2 * np.pi * np.linspace(begin, end, 25)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def _corners(*points):
    return np.array(points, float)


CHARACTERS = {
    "plus": [_corners((0.5, 0), (0.5, 1)), _corners((0, 0.5), (1, 0.5))],
    "cross": [_corners((0, 0), (1, 1)), _corners((1, 0), (0, 1))],
    "tee": [_corners((0, 0), (1, 0)), _corners((0.5, 0), (0.5, 1))],
    "ell": [_corners((0, 0), (0, 1), (0.7, 1))],
    "vee": [_corners((0, 0), (0.5, 1), (1, 0))],
    "zed": [_corners((0, 0), (1, 0), (0, 1), (1, 1))],
    "triangle": [_corners((0.5, 0), (1, 1), (0, 1), (0.5, 0))],
    "square": [_corners((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))],
    "circle": [_arc(0.5, 0.5, 0.5, -0.25, 0.75)],
    "ess": [np.concatenate([_arc(0.5, 0.25, 0.25, -0.05, -0.75), _arc(0.5, 0.75, 0.25, -0.25, 0.45)])],
    "arrow": [_corners((0, 0.5), (1, 0.5)), _corners((0.6, 0.1), (1, 0.5), (0.6, 0.9))],
    "theta": [_arc(0.5, 0.5, 0.5, -0.25, 0.75), _corners((0, 0.5), (1, 0.5))],
}
SHAPES = ("spiral", "zigzag")


def character(name, numbers):
    """Lines of one of CHARACTERS by a hand of its own: leaning, wider or narrower, its corners a little off.

    numbers: numpy's Generator.
    """
    lean, turn = numbers.normal(0, 0.15), numbers.normal(0, 0.06)
    width, height = numbers.uniform(0.7, 1.1), numbers.uniform(0.85, 1.15)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slanted = turned @ np.array([[width, -lean], [0, height]])
    step = STEP * numbers.uniform(0.8, 1.4)
    offset = numbers.normal(0, BEND, 2)  # of a curve as a whole, whose corners are many
    drawn = []
    for corners in CHARACTERS[name]:
        curved = len(corners) > 9
        bent = corners + (offset if curved else numbers.normal(0, BEND, corners.shape))
        drawn.append(_trembling(_along(bent @ slanted.T, step), numbers))
    return drawn


def spiral(numbers):
    """One line outwards, of one to three turns either way."""
    turns, way, start = numbers.uniform(1, 3), numbers.choice([-1, 1]), numbers.uniform(0, 2 * np.pi)
    angle = np.linspace(0, 2 * np.pi * turns, 200)
    radius = 0.05 + numbers.uniform(0.15, 0.3) * angle / (2 * np.pi)
    curve = np.column_stack([radius * np.cos(start + way * angle), radius * np.sin(start + way * angle)])
    return [_trembling(_along(curve, STEP), numbers)]


def zigzag(numbers):
    """Three to seven teeth to the right, and a line below them: two lines."""
    teeth, width, height = numbers.integers(3, 8), numbers.uniform(0.2, 0.4), numbers.uniform(0.3, 0.8)
    x = width / 2 * np.arange(2 * teeth + 1)
    first = np.column_stack([x, height * (np.arange(len(x)) % 2)])
    below = np.array([[x[-1], 1.3 * height], [0, 1.3 * height]])
    return [_trembling(_along(line, STEP), numbers) for line in (first, below)]


def _trembling(points, numbers):
    return points + numbers.normal(0, TREMOR, points.shape)
