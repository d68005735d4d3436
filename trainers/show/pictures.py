"""Pictures of what a model reads, paints and dreams: NumPy in, uint8 [height, width, 3] (film: [T, ...]) out.

N examples, T steps, H x W pixels, C = 1 (grey) or 3 (colour) channels. Images are floats in [0, 1] or
uint8 in [0, 255].
Small images are enlarged by whole factors without smoothing, so that a pixel stays a pixel.
"""

import io
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

READ, WRITE = (52, 199, 89), (255, 59, 48)  # the window's colour: green reads, red writes
SEPARATOR = (64, 84, 120)  # slate: seen beside black, white and the grey of an empty canvas
LETTERS = 12  # height of written words, in pixels
TILE = 112  # pixels that an enlarged tile should have along its longer edge


def grid(images, columns=None, scale=None):
    """Images [N, H, W, C] side by side, filling rows from the top left -> uint8 [height, width, 3].

    columns: images in a row; without it the picture becomes about square. scale: repeats of each pixel.
    """
    return _lay(_tiles(images, scale), columns)


def pairs(originals, reconstructions, columns=None, scale=None):
    """Originals [N, H, W, C], each directly above its reconstruction -> uint8 [height, width, 3]."""
    originals, reconstructions = np.asarray(originals), np.asarray(reconstructions)
    if originals.shape != reconstructions.shape:
        raise ValueError(f"reconstructions: got shape {reconstructions.shape}, expected {originals.shape}")
    above, below = _tiles(originals, scale), _tiles(reconstructions, scale)
    thin, thick = (np.full((len(above), high, above.shape[2], 3), SEPARATOR, np.uint8) for high in (1, 6))
    return _lay(np.concatenate([above, thin, below, thick], axis=1), columns)


def captioned(images, texts, columns=None, scale=None):
    """Images [N, H, W, C] side by side, a text under each -> uint8 [height, width, 3]."""
    return _lay(_lettered(_tiles(images, scale), texts), columns)


def storyboard(canvases, texts, count=8, scale=None):
    """Canvases [N, T, H, W, C], a row for each at `count` spread steps, texts[n][t] under each."""
    canvases = np.asarray(canvases)
    chosen = np.unique(np.linspace(0, canvases.shape[1] - 1, min(count, canvases.shape[1])).round().astype(int))
    shown = canvases[:, chosen]
    return captioned(shown.reshape(-1, *shown.shape[2:]), [row[t] for row in texts for t in chosen], len(chosen), scale)


def enlarged(image, scale=None):
    """An image [H, W, C] as a uint8 tile [height, width, 3]."""
    return _tiles(np.asarray(image)[None], scale)[0]


def highlighted(image, weights, scale=None):
    """An image [H, W, C] under each of weights [T, rows, columns] >= 0: clear where they are large, else gray.

    Returns uint8 tiles [T, height, width, 3].
    """
    tile, light = enlarged(image, scale), np.asarray(weights, np.float32)
    light = light / np.maximum(light.max((1, 2), keepdims=True), 1e-9)
    size = tile.shape[1::-1]
    light = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BICUBIC)) for one in light]
    light = np.reshape(np.clip(light, 0, 1), (-1, *tile.shape[:2], 1))  # of no weights at all, too
    clear = 0.1 + 0.9 * light
    return (tile * clear + 128 * (1 - clear)).round().astype(np.uint8)  # gray is seen on black and on white


def film(
    canvases,
    windows=None,
    read_windows=None,
    *,
    window_n=None,
    read_n=None,
    columns=None,
    scale=None,
    every=1,
):
    """The canvases [N, T, H, W, C] growing together, a frame a step -> uint8 [T, height, width, 3].

    windows, read_windows: [N, T, 5], (gX, gY, delta, sigma2, gamma) in pixels from 1, drawn as red and green
    boxes of window_n and read_n points a side. every: keep each `every`-th step, the last one always.
    """
    tiles = _film_tiles(canvases, windows, read_windows, window_n, read_n, scale, _steps(canvases, every))
    return np.stack([_lay(frame, columns) for frame in tiles.swapaxes(0, 1)])


def strip(canvases, windows=None, read_windows=None, *, window_n=None, read_n=None, count=10, scale=None):
    """A still of the film: a row for each example of canvases [N, T, H, W, C], at `count` spread steps."""
    steps = np.shape(canvases)[1]
    chosen = np.unique(np.linspace(0, steps - 1, min(count, steps)).round().astype(int))
    tiles = _film_tiles(canvases, windows, read_windows, window_n, read_n, scale, chosen)
    return _lay(tiles.reshape(-1, *tiles.shape[2:]), len(chosen))


def piano_roll(roll, scale=5, lowest=21):
    """A tune, roll [S, D] in [0, 1]: time to the right, pitch up, a line under every C -> uint8.

    lowest: MIDI number of the first column (21 is the lowest key of a piano of 88).
    """
    roll = np.asarray(roll, np.float32)
    if roll.ndim != 2:
        raise ValueError(f"roll: got shape {roll.shape}, expected (time steps, keys)")
    pitch = np.arange(lowest, lowest + roll.shape[1]) % 12
    black = np.isin(pitch, (1, 3, 6, 8, 10))[::-1, None, None]
    paper = np.where(black, 0.90, 0.98)
    ink = np.array([28, 60, 120]) / 255
    picture = _tiles((paper + roll.T[::-1, :, None] * (ink - paper))[None], scale)[0]
    picture[scale - 1 :: scale][(pitch == 0)[::-1]] = SEPARATOR
    return picture


def handwriting(strokes, columns=None, size=120):
    """What a pen draws, each strokes [n, 3] of (pen lifted after it, dx, dy), y growing downwards -> uint8 tiles."""
    tiles = []
    for one in strokes:
        one = np.asarray(one, np.float64)
        way = np.cumsum(np.concatenate([np.zeros((1, 2)), one[:, 1:]]), 0)  # the pen begins where it is
        low, high = way.min(0), way.max(0)
        scale = (size - 12) / max((high - low).max(), 1e-6)
        way = (way - (low + high) / 2) * scale + size / 2
        paper = Image.new("L", (size, size), 255)
        drawn = ImageDraw.Draw(paper)
        lifted = np.concatenate([[False], one[:, 0] >= 0.5])  # the first point is part of the first line
        for start, end in ((i, i + 1) for i in range(len(one)) if not lifted[i]):
            drawn.line([*way[start], *way[end]], 20, 2)
        tiles.append(np.asarray(paper)[..., None])
    return grid(np.stack(tiles), columns, scale=1)


def written(words):
    """Lines of text in black on white -> uint8 [H, W, 3]."""
    font, lines, line = ImageFont.load_default(LETTERS), words.splitlines() or [""], LETTERS + 3
    paper = Image.new("RGB", (math.ceil(max(map(font.getlength, lines))) + 4, line * len(lines) + 4), "white")
    for i, text in enumerate(lines):
        ImageDraw.Draw(paper).text((2, 1 + line * i), text, "black", font)
    return np.asarray(paper)


def scatter(points, labels=None, limits=None, size=480):
    """Points [N, 2] in a plane, coloured by integer labels [N] -> uint8 [size, size, 3].

    limits: (low, high) of both axes; fix them where pictures of different steps are compared.
    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points: got shape {points.shape}, expected (points, 2)")
    figure, axes = _figure(size, size)
    dot = {"s": float(np.clip(20_000 / max(len(points), 1), 3, 40)), "linewidths": 0, "alpha": 0.7}
    if labels is None:
        axes.scatter(*points.T, **dot)
    else:
        labels = np.asarray(labels)
        for k, label in enumerate(np.unique(labels)):
            axes.scatter(*points[labels == label].T, color=f"C{k % 10}", label=str(label), **dot)
        axes.legend(loc="upper right", markerscale=2, fontsize=8, framealpha=0.9)
    if limits is not None:
        axes.set(xlim=limits, ylim=limits)
    axes.set_aspect("equal", adjustable="box" if limits is not None else "datalim")
    return _paint(figure)


def sound(samples, rate, width=480, height=320):
    """A mono wave [N] in [-1, 1], over the loudness of its frequencies in time -> uint8 [height, width, 3].

    rate: samples a second. Of the spectrogram the loudest 70 dB are shown.
    """
    samples = np.asarray(samples, np.float64)
    figure, axes = _figure(width, height)
    axes.remove()
    wave, spectrum = figure.subplots(2, sharex=True, height_ratios=(1, 2))
    wave.plot(np.arange(len(samples)) / rate, samples, linewidth=0.5)
    wave.set(ylim=(-1, 1), yticks=(-1, 0, 1))
    loud = _spectrogram(samples)
    level = 20 * np.log10(np.maximum(loud, 1e-9 * max(loud.max(), 1e-9)))
    extent = 0, len(samples) / rate, 0, rate / 2
    spectrum.imshow(level.T, origin="lower", aspect="auto", extent=extent, vmin=level.max() - 70, cmap="magma")
    spectrum.set(xlabel="seconds", ylabel="Hz")
    return _paint(figure)


def _spectrogram(samples, window=256):
    """How loud each frequency is around each of equally spaced moments: [moments, window / 2 + 1]."""
    padded = np.pad(samples, (window // 2, window))
    hop = max(1, len(samples) // 400)
    starts = np.arange(0, max(1, len(samples)), hop)
    return np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(window)] * np.hanning(window)))


def curves(lines, xlabel, ylabel="nats", logarithmic=False, width=480, height=320):
    """Lines {name: (x [N], y [N])}, such as the rate of each glimpse -> uint8 [height, width, 3].

    logarithmic: the axis of x.
    """
    figure, axes = _figure(width, height)
    for name, (x, y) in lines.items():
        axes.plot(x, y, label=name, linewidth=1, marker="." if len(x) < 100 else None)
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if logarithmic else "linear")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(fontsize=8)
    return _paint(figure)


def matrix(values, across, down):
    """Values [rows, columns] in [0, 1], black being 1, under and beside the words of both axes -> uint8 [h, w, 3]."""
    figure, axes = _figure(140 + 26 * len(across), 140 + 26 * len(down))
    axes.imshow(values, cmap="gray_r", vmin=0, vmax=1)
    axes.set_xticks(range(len(across)), across, rotation=90, parse_math=False)
    axes.set_yticks(range(len(down)), down, parse_math=False)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    return _paint(figure)


def encode_png(picture):
    """PNG bytes of a uint8 picture [H, W, 3]."""
    return _bytes(Image.fromarray(picture), "PNG", optimize=True)


def encode_gif(frames, seconds=4.0, hold=2.0):
    """Animated GIF bytes of frames uint8 [T, H, W, 3]: `seconds` long, then the last held for `hold`."""
    frames = np.asarray(frames)
    frame_ms = int(np.clip(seconds * 100 / len(frames), 4, 25)) * 10  # GIF counts hundredths of a second
    durations = [frame_ms] * (len(frames) - 1) + [frame_ms + int(hold * 1000)]
    palette = _palette(frames)  # one for all, or a still pixel would flicker
    first, *rest = [Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    return _bytes(first, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False)


def save(folder, name, picture):
    """Write a still or a film as folder/NAME.png or folder/NAME.gif."""
    if picture.ndim == 4:
        save_gif(folder / f"{name}.gif", picture)
    else:
        save_png(folder / f"{name}.png", picture)


def save_png(path, picture):
    """Write a uint8 picture [H, W, 3]; the folder is made when missing."""
    _write(path, encode_png(picture))


def save_gif(path, frames, seconds=4.0, hold=2.0):
    """Write frames uint8 [T, H, W, 3] as an animated GIF; see encode_gif."""
    _write(path, encode_gif(frames, seconds, hold))


def _tiles(images, scale=None):
    """[N, H, W, C] in [0, 1] (or uint8) -> uint8 [N, scale * H, scale * W, 3]."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"images: got shape {images.shape}, expected (examples, height, width, 1 or 3)")
    if images.dtype != np.uint8:
        images = (np.clip(np.nan_to_num(images), 0, 1) * 255).round().astype(np.uint8)
    scale = scale or _scale(images)
    return np.broadcast_to(images, (*images.shape[:3], 3)).repeat(scale, 1).repeat(scale, 2)


def _scale(images):
    """The whole factor that brings [..., H, W, C] nearest to TILE pixels."""
    return max(1, round(TILE / max(images.shape[-3:-1])))


def _lettered(tiles, texts):
    """uint8 tiles [N, h, w, 3] with a text in black on white under each, all as high as the longest needs."""
    font = ImageFont.load_default(LETTERS)
    width, line = tiles.shape[2], LETTERS + 3
    texts = [_wrapped(text, font, width - 4) for text in texts]
    margin = line * max(1, *map(len, texts)) + 4 if texts else 0
    below = np.full((len(tiles), margin, width, 3), 255, np.uint8)
    for strip, lines in zip(below, texts, strict=True):
        paper = Image.fromarray(strip)
        for i, text in enumerate(lines):
            ImageDraw.Draw(paper).text((2, 1 + line * i), text, "black", font)
        strip[:] = np.asarray(paper)
    return np.concatenate([tiles, below], 1)


def _wrapped(text, font, width):
    """A text as lines that are no wider than so many pixels, if their words allow."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _lay(tiles, columns=None):
    """uint8 tiles [N, h, w, 3] -> [height, width, 3], separators between and around."""
    n, h, w, _ = tiles.shape
    columns = min(n, columns or math.ceil(math.sqrt(n * h / w)))
    rows, line = math.ceil(n / columns), 2
    picture = np.full((rows * (h + line) + line, columns * (w + line) + line, 3), SEPARATOR, np.uint8)
    for k, tile in enumerate(tiles):
        top, left = line + k // columns * (h + line), line + k % columns * (w + line)
        picture[top : top + h, left : left + w] = tile
    return picture


def _steps(canvases, every):
    steps = np.shape(canvases)[1]
    return np.arange(steps - 1, -1, -every)[::-1]


def _film_tiles(canvases, windows, read_windows, window_n, read_n, scale, steps):
    """The chosen steps of every example, windows drawn in -> uint8 [N, len(steps), h, w, 3]."""
    canvases = np.asarray(canvases)
    if canvases.ndim != 5:
        raise ValueError(f"canvases: got shape {canvases.shape}, expected (examples, steps, height, width, channels)")
    canvases = canvases[:, steps]
    scale = scale or _scale(canvases)
    tiles = _tiles(canvases.reshape(-1, *canvases.shape[2:]), scale)
    kinds = ("read_n", read_windows, read_n, READ), ("window_n", windows, window_n, WRITE)
    for name, boxes, n, colour in kinds:
        if boxes is not None:
            if n is None:
                raise ValueError(f"{name}: got None, expected the points along a side of the window")
            for tile, box in zip(tiles, np.asarray(boxes)[:, steps].reshape(-1, 5), strict=True):
                _draw_window(tile, box, n, scale, colour)
    return tiles.reshape(*canvases.shape[:2], *tiles.shape[1:])


def _draw_window(tile, window, n, scale, colour):
    """Draw a window (gX, gY, delta, sigma2, gamma) into a tile enlarged `scale` times, with soft edges.

    The box goes through the outer of the n x n filter centres: it has side (n - 1) delta around (gX, gY), and
    the middle of pixel 1 is half a pixel from the tile's edge. The line is sigma wide, within limits: it
    can be seen and does not hide the digit.
    """
    g_x, g_y, delta, sigma2, _ = window
    half = (n - 1) * abs(delta) * scale / 2
    width = scale * np.clip(np.sqrt(sigma2), 0.3, 1.5)
    x, y = (np.arange(length) + 0.5 for length in (tile.shape[1], tile.shape[0]))
    across, down = abs(x - (g_x - 0.5) * scale), abs(y - (g_y - 0.5) * scale)[:, None]
    from_centre = np.maximum(across, down)  # equal on concentric squares  [H, W]
    cover = np.clip(width / 2 + 0.5 - abs(from_centre - half), 0, 1)[..., None] * 0.9
    tile[:] = (tile * (1 - cover) + np.array(colour) * cover).round()


def _palette(frames):
    """256 colours for all frames: 64 greys, so that grey stays grey, our own three, the best for the rest.

    Each colour of a sample of frames counts once, or the black ground would outvote the thin red lines.
    """
    sample = frames[np.unique(np.linspace(0, len(frames) - 1, 8).round().astype(int))].reshape(-1, 3)
    packed = np.unique(sample @ np.array([1 << 16, 1 << 8, 1]))  # unique over rows is ten times slower
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], -1).astype(np.uint8)
    colours = colours[np.ptp(colours, axis=1) > 8]
    greys = np.linspace(0, 255, 64).round().astype(np.uint8).repeat(3)
    chosen = [*greys.tolist(), *READ, *WRITE, *SEPARATOR]
    if len(colours):
        chosen += Image.fromarray(colours[None]).quantize(189, Image.Quantize.MEDIANCUT).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette(chosen[: 3 * 256])
    return palette


def _figure(width, height):
    """An empty matplotlib figure of that many pixels, outside pyplot's global state, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width / 100, height / 100), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _paint(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def _bytes(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _write(path, data):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
