"""The two commands that go between pictures and captions, and where attention lies."""

import dataclasses
import functools
import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from trainers import benchmark, judge, sample, show_attend_tell
from trainers.declare.task import task_of
from trainers.judges import composition, neighbours
from trainers.score import figures, scoring
from trainers.show import illustration
from zoo import catalogue
from zoo.configs.base import to_dict
from zoo.data.captioned import captions as captioned
from zoo.data.captioned import compositions
from zoo.data.captioned.compositions import OBJECTS
from zoo.show_attend_tell import ShowAttendTell
from zoo.store import runs

WORDS = ["a", "red", "circle", "above", "blue", "square", "3", *(f"w{i}" for i in range(63))]  # as many as it takes


def run_of(name, folder):
    """A run of random weights that knows some words."""
    keras.utils.set_random_seed(0)
    settings = catalogue.preset(name, "smoke")
    model = catalogue.build(name, settings.model)
    model.words.learn(WORDS)
    folder.mkdir(parents=True)
    config = {"model": name, "preset": "smoke", "settings": to_dict(settings), "command": ""}
    (folder / "config.json").write_text(json.dumps(config))
    model.save_weights(folder / "model.weights.h5")
    return str(folder)


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return run_of("show_attend_tell", tmp_path_factory.mktemp("runs") / "teller")


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    return run_of("align_draw", tmp_path_factory.mktemp("runs") / "painter")


def ended(main, arguments):
    """The exit code of a command; 0 if it just returned."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code or 0
    return 0


# python -m trainers.sample, given pictures


@pytest.fixture
def photos(tmp_path):
    """Pictures of several kinds that all show the same scene."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:30, 20:40] = (200, 30, 30)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "colour.png")
    image.save(tmp_path / "photo.jpg", quality=95)
    image.convert("L").save(tmp_path / "gray.png")
    image.convert("RGBA").save(tmp_path / "clear.png")
    return tmp_path


def test_every_picture_gets_a_line_and_a_picture(teller, photos, tmp_path, capsys):
    names = ["colour.png", "photo.jpg", "gray.png", "clear.png"]
    out = tmp_path / "out"
    assert ended(sample.main, [teller, *(photos / name for name in names), "--out", out]) == 0
    *lines, written = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and written == f"written: {out}"
    said = {}
    for name, line in zip(names, lines, strict=True):
        path, _, rest = line.partition(": ")
        assert path == str(photos / name) and "nats" in rest
        said[name] = rest.partition(" (log p")[0]
        assert set(said[name].split()) <= set(WORDS)
        assert Image.open(out / f"{name.partition('.')[0]}.png").width > 200
    assert said["colour.png"] == said["clear.png"]


def test_bad_pictures_are_named_and_the_others_captioned(teller, photos, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "half.jpg").write_bytes((photos / "photo.jpg").read_bytes()[:300])
    huge = Image.new("1", (9000, 9000))
    huge.save(tmp_path / "huge.png")
    bad = ["nowhere.jpg", "text.jpg", "half.jpg", "huge.png", ""]
    asked = [tmp_path / name for name in bad] + [photos / "colour.png"]
    assert ended(sample.main, [teller, *asked, "--out", tmp_path / "out"]) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    errors = said.err.splitlines()
    assert len(errors) == len(bad)
    for name, line in zip(bad, errors, strict=True):
        assert line.startswith(f"error: {tmp_path / name}: ") and "Traceback" not in line
    assert "9,000 x 9,000 pixels" in errors[3]


def test_no_picture_is_written_over_that_of_a_file_of_the_same_name(teller, photos, capsys):
    (photos / "more").mkdir()
    for at in (".", "more"):
        (photos / at / "photo.jpeg").write_bytes((photos / "photo.jpg").read_bytes())
    asked = [photos / name for name in ("colour.png", "photo.jpg", "photo.jpeg", "more/photo.jpeg")]
    assert ended(sample.main, [teller, *asked, "--out", photos / "out"]) == 0
    assert {path.name for path in (photos / "out").iterdir()} == {
        f"{name}.png" for name in ("colour", "photo", "photo-2", "photo-3")
    }
    assert "photo-3.png" in capsys.readouterr().out.splitlines()[-2]


def test_the_search_is_as_asked_for(teller, photos, tmp_path, monkeypatch):
    asked, told = [], ShowAttendTell.caption

    def telling(*arguments, **more):
        asked.append((*arguments[2:], more))
        return told(*arguments, **more)

    monkeypatch.setattr(ShowAttendTell, "caption", telling)
    arguments = [teller, photos / "colour.png", "--out", tmp_path / "out"]
    for more in ([], ["--length-norm", 0.7, "--width", 3, "--hardest"]):
        assert ended(sample.main, arguments + more) == 0
    assert asked == [("beam", 5, 0.0, {"hardest": False}), ("beam", 3, 0.7, {"hardest": True})]


def test_wrong_runs_and_widths_are_refused(teller, painter, photos, capsys):
    for arguments, message in (
        ([painter, photos / "colour.png"], "of which the model knows no word"),
        (["nowhere", photos / "colour.png"], "found no config.json in nowhere"),
        ([teller, photos / "colour.png", "--width", 0], "width: got 0, expected 1 to 100 beams"),
        ([teller, photos / "colour.png", "--length-norm", -1], "length_norm: got -1.0, expected a power from 0"),
        ([teller, photos / "colour.png", "--out", photos / "colour.png" / "x"], "colour.png"),
        ([teller], "inputs: got none, expected picture files"),
    ):
        assert ended(sample.main, arguments) == 2
        assert message in capsys.readouterr().err


# python -m trainers.show_attend_tell


def test_hard_attentions_baseline_moves_with_sampled_minibatches_alone():
    settings = catalogue.preset("show_attend_tell", "smoke")
    settings = dataclasses.replace(settings, model=dataclasses.replace(settings.model, attention="hard"))
    keras.utils.set_random_seed(0)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = catalogue.build("show_attend_tell", settings.model)
        learner = show_attend_tell.learner(model, settings, strategy, False)
    assert any(v is learner.baseline for v in learner.variables.values())  # checkpoints hold it
    shape = (settings.batch_size, *settings.model.image_shape)
    image = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    caption = np.int32([[5, 7, 3, 0], [5, 0, 0, 0]] * (settings.batch_size // 2))  # on average 3 words with the END
    batch = {"image": image, "caption": caption}
    noise, expected = model.training_noise(settings.batch_size, (0, 1)), 0.0
    for coin in (0, 0, 1, 0):
        noise["expectation"] = tf.fill([settings.batch_size], float(coin))
        want = model.training_terms(batch, noise, 0, baseline=expected)
        found = strategy.run(learner.step, (batch, noise, tf.constant(0)))
        np.testing.assert_allclose(found["estimator"], tf.reduce_mean(want["estimator"]), rtol=1e-3)
        expected += (1 - coin) * 0.1 * (float(found["distortion"]) / 3 - expected)
        np.testing.assert_allclose(learner.baseline, expected, rtol=1e-5)


# python -m trainers.sample, given captions


def test_captions_become_pictures_on_disk(painter, tmp_path, capsys):
    captions = ["a red circle above a blue square", "A 3."]
    assert ended(sample.main, [painter, *captions, "--count", 3, "--out", tmp_path]) == 0
    said = capsys.readouterr()
    assert f"written: {tmp_path}" in said.out
    assert "unknown words in 'A 3.': .; known are " in said.err
    assert {path.name for path in tmp_path.iterdir()} == {"pictures.png", "drawing.gif", "words.png", "samples.npz"}
    with np.load(tmp_path / "samples.npz") as file:
        assert file["image"].shape == (6, 32, 32, 3) and list(file["captions"][:4]) == [captions[0]] * 3 + [captions[1]]
        assert (file["image"][0] != file["image"][1]).any()
        images = file["image"]
    ended(sample.main, [painter, *captions, "--count", 3, "--out", tmp_path / "again"])
    with np.load(tmp_path / "again" / "samples.npz") as file:
        np.testing.assert_array_equal(file["image"], images)


def test_weights_meet_the_words_that_the_model_reads(painter, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(illustration, "attended", lambda text, weights: said.append(text) or [""] * len(weights))
    ended(sample.main, [painter, "A red circle, above.", "--out", tmp_path])
    assert said == ["a red circle , above ."]


def test_captions_that_cannot_be_drawn_are_refused(painter, teller, tmp_path, capsys):
    for arguments, message in (
        ([painter, ""], "inputs: got '' of 0 words, expected 1 to"),
        ([painter, "a " * 50], "of 50 words, expected 1 to"),
        ([painter, "purple elephants"], "of which the model knows no word; it knows 3, a, above, "),
        ([painter, "a circle", "--count", 0], "count: got 0, expected at least 1"),
        ([teller, "a circle"], "a circle: no picture that can be read"),
        ([painter], "inputs: got none, expected captions"),
    ):
        assert ended(sample.main, [*arguments, "--out", tmp_path / "out"]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# Where attention lies


def test_pointing_counts_words_that_name_an_object():
    """A 2 x 2 grid over 4 x 4 pixels; the circle covers the first cell whole, the square half of the last one."""
    mask = np.zeros((1, 4, 4), np.uint8)
    mask[0, :2, :2], mask[0, 2:, 3] = 1, 2
    facts = {"object": np.array([[OBJECTS.index("circle"), OBJECTS.index("square"), -1]]), "mask": mask}
    alpha = np.eye(4)[[1, 0, 2, 3, 3]]
    words = ["a", "circle", "above", "squares", "triangle"]  # the last one is not in the scene
    found = show_attend_tell.pointing([words], [alpha], (2, 2), facts)
    assert found["pointing"][0] == 1 and found["attention_on_object"][0] == pytest.approx((1 + 0.5) / 2)
    wrong = show_attend_tell.pointing([words], [np.roll(alpha, 1, 1)], (2, 2), facts)
    assert wrong["pointing"][0] == 0 and wrong["attention_on_object"][0] == 0
    uniform = show_attend_tell.pointing([words], [np.full((5, 4), 0.25)], (2, 2), facts)
    assert uniform["pointing"][0] == 0.25  # a place among four at random
    assert uniform["attention_on_object"][0] == pytest.approx((0.25 + 0.125) / 2)


def test_a_beam_of_five_takes_at_most_three_times_as_long_as_one_word_after_the_other():
    """With the weights that ship, on scenes; the median of ratios, each of two searches side by side."""
    model, rng = zoo.load("show_attend_tell/scenes"), np.random.default_rng(0)
    images, _ = compositions.draw(compositions.facts(160, rng, digits=0), None, 32, rng)
    batches = tf.constant(images.reshape(10, 16, 32, 32, 3) / np.float32(255))
    searches = [tf.function(functools.partial(model.caption, method=method)) for method in ("greedy", "beam")]
    ratios = []
    for batch in batches:
        greedy, beam = (min(benchmark.seconds(search, {"image": batch}) for _ in range(3)) for search in searches)
        ratios.append(beam / greedy)
    print(f"beam / greedy: {np.median(ratios):.2f}")
    assert np.median(ratios) <= 3


def test_pictures_that_are_made_anew_have_no_scores():
    assert (
        show_attend_tell.figures(
            None, types.SimpleNamespace(splits={"test": types.SimpleNamespace(source=None)}), "test", 0
        )
        == {}
    )


def test_cells_need_not_be_whole_pixels():
    mask = np.random.default_rng(0).random((30, 30)) > 0.5
    np.testing.assert_allclose(show_attend_tell.covered(mask, (5, 3)), mask.reshape(5, 6, 3, 10).mean((1, 3)))
    finer = np.kron(mask, np.ones((7, 4)))  # 7 x 4 cells of 30 x 30 parts of a pixel
    want = finer.reshape(7, 30, 4, 30).mean((1, 3))
    np.testing.assert_allclose(show_attend_tell.covered(mask, (7, 4)), want)


def test_captions_of_a_batch_are_those_of_each_picture(teller):
    model = zoo.load(teller)
    images = np.float32(np.random.default_rng(0).random((3, 32, 32, 3)))
    together, texts = show_attend_tell.tell(model, {"image": images})
    for i in range(3):
        alone, (text,) = show_attend_tell.tell(model, {"image": images[i : i + 1]})
        assert text == texts[i]
        np.testing.assert_allclose(alone["score"], together["score"][i : i + 1], rtol=1e-4)


# Pictures


def test_a_caption_without_words_is_a_picture_alone(teller):
    model = zoo.load(teller)
    image, attention = np.zeros(model.picture_shape, np.float32), np.ones((20, model.config.places[0]))
    none, one = (illustration.attention_strip(model, image, text, attention) for text in ("", "hat"))
    assert none.shape == one.shape and (none == 255).sum() > (one == 255).sum()


def test_one_word_changes_along_a_row(painter):
    model = zoo.load(painter)
    assert illustration.variations(model) is None  # it knows none of the rows whole
    model.words.learn(["a", "red", "blue", "ring", "above", "cross", "below", "left", "right", "of"])
    images, texts, columns = illustration.variations(model)
    assert columns == 4 and texts[0] == "a blue ring above a red cross" and images.shape == (4, 32, 32, 3)
    assert (images[0] != images[1]).any()
    training = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    training[3] = np.rint(255 * images[2])
    both, under, columns = illustration.variations(model, training)
    np.testing.assert_array_equal(both[:4], images)
    np.testing.assert_array_equal(both[6], training[3] / np.float32(255))
    assert columns == 4 and under == texts + ["nearest in training"] * 4


def test_the_nearest_training_image_is_found():
    training = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), np.uint8)
    asked = np.clip(training[[7, 3]] / 255 + 0.02, 0, 1)
    np.testing.assert_array_equal(illustration.nearest(asked, training), training[[7, 3]] / np.float32(255))


# python -m trainers.judge


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(captioned, "SCENES", {"train": 60, "validation": 10, "test": 100, "held_out": 20})


def test_captions_of_one_picture_are_one_in_the_error_and_gray_pixels_have_a_floor(painter, few):
    run, model = runs.open_run(painter), zoo.load(painter)
    sets = figures.sets_of(run, model)
    found = {one["name"]: one for one in figures.measure(task_of("align_draw", model.config), run, model, sets)}
    terms, picture = scoring.scorer(model)(sets.test, (0, 0)), sets.test.arrays["picture"]
    bound = terms["distortion"] + terms["rate"]
    assert bound.shape == (500,) and found["bound"]["value"] == pytest.approx(bound.mean(), rel=1e-6)
    of_pictures = [bound[picture == m].mean() for m in range(100)]  # five captions of each
    want = np.std(of_pictures, ddof=1) / 10
    # Bounds near 2,000 nats in float32 do not repeat to the last digit; single captions would give under half.
    assert found["bound"]["standard_error"] == pytest.approx(want, rel=1e-2)
    x = sets.test.source.image / 255
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nan_to_num(x * np.log(x)) - np.nan_to_num((1 - x) * np.log(1 - x))
    assert found["floor"]["value"] == pytest.approx(entropy.sum((1, 2, 3)).mean(), rel=1e-5)
    assert found["floor"]["value"] < found["distortion"]["value"]
    assert "no likelihood" in found["bound"]["definition"]


def test_a_painter_is_judged_by_what_its_pictures_show(painter, few, monkeypatch, capsys):
    """With a reader that always sees an empty scene, and so is wrong about all of them, real ones included."""

    class Blind:
        def __init__(self, side, digits, seed):
            assert side == 32 and digits[0].max() <= 1 and len(digits[0]) == len(digits[1])

        def read(self, images):
            assert images.dtype == np.uint8 and images.shape[1:] == (32, 32, 3)
            return np.zeros((len(images), 5), int), np.full((len(images), 5), -1), np.ones(len(images))

    monkeypatch.setattr(composition, "SceneReader", Blind)
    judge.main([painter, "--samples", "2"])
    found = json.loads(capsys.readouterr().out)
    with_digit, without = (found[f"seen_{name}"]["pictures"] for name in ("with_a_digit", "without_digits"))
    assert found["seen"]["pictures"] == with_digit + without == 100 and 0 < with_digit < without
    assert 10 < found["held_out"]["pictures"] <= 20
    for name in ("seen", "held_out", "held_out_colour", "held_out_place"):
        assert found[name]["pictures"] > 0 and found[name]["caption_accuracy"] == 0
        assert found[name]["caption_accuracy_of_real_pictures"] == 0
    assert found["retrieval"]["pool"] == 100 and found["retrieval"]["K"] == 2
    assert 1 <= found["retrieval"]["median_rank"] <= 100 and -1 <= found["ssi"] <= 1
    assert abs(found["gap_of_shuffled_captions_nats"]) < 100 and len(found["attended_words"]) == 3  # glimpses


def test_a_teller_is_compared_with_the_most_frequent_caption_and_a_neighbours(teller, few, capsys):
    judge.main([teller])
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == 100 and found["most_frequent_caption"]["times"] >= 1
    for name in ("most_frequent_caption", "nearest_neighbour"):
        assert 0 <= found[name]["bleu4"] < 0.9 and 0.2 < found[name]["bleu1"] <= 1
    assert found["held_out"]["pictures"] == 20 and 0 <= found["held_out"]["bleu1"] < 0.5


def test_a_picture_is_its_own_nearest_neighbour(teller, few):
    from zoo import data

    model = zoo.load(teller)
    sets = data.load("scenes", fields=model.fields)
    found = neighbours.baselines(model, sets.__class__(**{**vars(sets), "test": sets.train}))
    assert found["nearest_neighbour"]["bleu4"] == 1


def test_hard_attention_is_scored_with_one_place_a_word_too(few):
    from zoo import data
    from zoo.metrics import text

    settings = catalogue.preset("show_attend_tell", "smoke")
    model = catalogue.build("show_attend_tell", dataclasses.replace(settings.model, attention="hard"))
    for seed, v in enumerate(model.trainable_variables):  # weights that tell one place from another
        v.assign(np.random.default_rng(seed).normal(0, 0.5, v.shape))
    model.words.learn(WORDS)
    sets = data.load("scenes", fields=model.fields)
    found = show_attend_tell.figures(model, sets, "test", 0)
    plain = {name for name in found if not name.startswith("hard_")}
    assert set(found) - plain == {f"hard_{name}" for name in plain} and {"bleu4", "length_ratio"} <= plain
    pictures = sets.test.source
    references = [[text.tokens(one) for one in several] for several in pictures.captions]
    for hardest, prefix in ((False, ""), (True, "hard_")):
        told = model.caption({"image": pictures.image / np.float32(255)}, "beam", 5, hardest=hardest)
        captions = [caption.decode().split() for caption in model.words.texts(told["ids"]).numpy()]
        want, errors = text.bleu(captions, references), text.bleu_errors(captions, references)
        for name, value in want.items():
            one = found[prefix + name]
            assert (one.value, one.error) == (pytest.approx(value), pytest.approx(errors[name])), name
            assert one.measure.says.startswith("looking at the likeliest place alone") == hardest
            assert one.examples == 100
        assert f"length ratio {want['length_ratio']:.3f}" in found[f"{prefix}bleu4"].measure.says
    assert found["bleu1"].value != found["hard_bleu1"].value
    assert found["length_ratio"].measure.better == "" and found["bleu4"].measure.better == "higher"
