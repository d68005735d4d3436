import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from export.declare import reference
from export.declare.signature import (
    Signature,
    phone_answer,
    phone_inputs,
    server_answer,
    server_function,
    server_inputs,
)
from export.declare.strings import document, picture, text
from export.prove import proof
from zoo.data.pictures import files
from zoo.declare import Field
from zoo.nn.words import Words

SHAPE = (6, 9, 3)


@pytest.fixture(scope="module")
def read():
    """Captions -> what a server makes of them, with a vocabulary of five words and captions of at most four."""
    words = Words(7)
    words.build()
    words.learn(["a", "red", "hat", ".", "café"])
    inputs = {"caption": text("caption", Field((5,), "int32", ragged=True), words)}
    signature = Signature(lambda caption: {"ids": caption}, inputs, "")
    function = server_function(signature, None)

    def call(captions):
        return {k: v.numpy().tolist() for k, v in function(caption=tf.constant(captions)).items()}

    call.signature = signature
    return call


@pytest.fixture(scope="module")
def see():
    """Files -> what a server makes of them, for each number of channels."""

    def function(channels):
        inputs = {"image_bytes": picture((*SHAPE[:2], channels))}
        return server_function(Signature(lambda image_bytes: {"images": image_bytes}, inputs, ""), None)

    functions = {channels: function(channels) for channels in (1, 3)}
    return lambda files, channels=3: functions[channels](image_bytes=tf.constant(files))["images"].numpy()


@pytest.fixture(scope="module")
def read_documents():
    """Documents -> what a server makes of them: three sentences of four words at most."""
    words = Words(7)
    words.build()
    words.learn(["a", "red", "hat", ".", "café"])
    inputs = {"text": document("text", Field((3, 5), "int32", ragged=True), words)}
    signature = Signature(lambda text: {"ids": text}, inputs, "")
    function = server_function(signature, None)

    def call(texts):
        return {k: v.numpy().tolist() for k, v in function(text=tf.constant(texts)).items()}

    call.signature = signature
    return call


def test_a_server_splits_documents_into_sentences(read_documents):
    said = read_documents(["A red hat. A GREEN one.", "cf. Hat", " \n\nhat\n\n\x00\n\nred a\n\nA."])
    none = [0] * 5
    assert said["ids"] == [
        [[2, 3, 4, 5, 0], [2, 1, 1, 5, 0], none],
        [[1, 5, 4, 0, 0], none, none],
        [[4, 0, 0, 0, 0], [3, 2, 0, 0, 0], [2, 5, 0, 0, 0]],
    ]
    assert said["unknown_words"] == [b"green one", b"cf", b""]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("", r"text: got number of sentences \[0\]"),
        ("A.\n\nA.\n\nA.\n\nA.", r"text: got number of sentences \[4\]"),
        ("A.\n\nA red hat hat .", r"text: got number of words in a sentence \[5\]"),
    ],
)
def test_a_server_refuses_documents_that_do_not_fit(read_documents, wrong, what):
    with pytest.raises(tf.errors.InvalidArgumentError, match=what):
        read_documents(["a hat", wrong])


def test_documents_are_written_so_that_they_are_read_alike(read_documents):
    spec = read_documents.signature.inputs["text"]
    ids = spec.example(20, np.random.default_rng(0))
    assert ids.shape == (20, 3, 5) and (ids[:, :, 0] > 0).sum(1).min() == 1 and (ids[:, 2, 0] > 0).any()
    again = read_documents(spec.text.write(np.where(ids == 1, 2, ids)).tolist())["ids"]
    assert again == np.where(ids == 1, 2, ids).tolist()
    for says, wrong in spec.text.refused.items():
        with pytest.raises(tf.errors.InvalidArgumentError, match="text: got"):
            pytest.fail(f"{says} was read: {read_documents([wrong])}")


def test_a_server_reads_captions_and_tells_the_words_it_does_not_know(read):
    said = read(["A red hat.", "a GREEN\that, ", "café", b"\xff hat", "<unk> red"])
    assert said["ids"] == [[2, 3, 4, 5, 0], [2, 1, 4, 1, 0], [6, 0, 0, 0, 0], [1, 4, 0, 0, 0], [1, 3, 0, 0, 0]]
    assert said["unknown_words"] == [b"", b"green ,", b"", "\ufffd".encode(), b"<unk>"]


@pytest.mark.parametrize(("text", "count"), [("", 0), (" \n", 0), ("a red hat . .", 5), ("a red hat...", 6)])
def test_a_caption_without_words_or_with_too_many_is_refused(read, text, count):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(["a hat", text, "a"])
    expected = "expected string [batch], each a caption of 1 to 4 words"
    assert f"caption: got number of words [{count}], {expected}" in str(caught.value)


def test_a_phone_is_given_the_ids_that_a_server_reads(read):
    signature = read.signature
    server = reference.examples(server_inputs(signature), 20, seed=3)
    phone = reference.examples(phone_inputs(signature, None), 20, seed=3)
    assert server["caption"].dtype == object and phone["caption"].dtype == np.int32
    said = server_answer(signature, None, server)
    np.testing.assert_array_equal(said["ids"], phone_answer(signature, None, phone)["ids"])
    assert len({text.count(b" ") for text in server["caption"]}) == 4
    assert any(said["unknown_words"].numpy()) and not all(said["unknown_words"].numpy())


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def photograph(mode, size):
    """A PIL image of blots in any mode."""
    numbers = np.random.default_rng(size)
    blots = PIL.Image.fromarray(numbers.integers(0, 256, (5, 4, 4), np.uint8), "RGBA").resize(size)
    return blots if mode == "RGBA" else blots.convert("RGB").convert(mode)


def in_training(file, channels=3):
    """What a file is to a model that learns from it."""
    return files.picture(file, *SHAPE[:2], channels) / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("form", "mode", "size"),
    [
        *(("PNG", mode, size) for mode in ("RGB", "L", "RGBA", "P") for size in [(50, 32), (33, 70)]),
        *(("JPEG", mode, (47, 64)) for mode in ("RGB", "L", "CMYK")),
        ("PNG", "RGB", (9, 6)),
        ("PNG", "RGB", (4, 3)),
        ("PNG", "1", (40, 40)),
        ("PNG", "LA", (40, 40)),
    ],
)
def test_every_kind_of_file_becomes_the_picture_that_training_sees(see, form, mode, size, channels):
    file = encoded(photograph(mode, size), form)
    want = in_training(file, channels)
    (got,) = see([file], channels)
    assert got.dtype == np.float32 and got.min() >= 0 and got.max() <= 1
    # Pillow rounds between its two directions.
    np.testing.assert_allclose(got, want, atol=3 / 255)
    assert abs(np.mean(got - want)) < 0.25 / 255  # JPEG's faster transform is 0.8 darker


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_png_is_turned_too(see, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = encoded(photograph("RGB", (48, 40)), "PNG", exif=exif)
    np.testing.assert_allclose(see([file])[0], in_training(file), atol=4 / 255)
    assert (abs(see([file])[0] - see([encoded(photograph("RGB", (48, 40)), "PNG")])[0]).max() > 0.2) == (
        orientation > 1
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_half_a_file_is_refused_by_the_name_of_its_input(form):
    inputs = {"image_bytes": picture(SHAPE)}
    see = tf.function(
        lambda file: server_answer(
            Signature(lambda image_bytes: {"i": image_bytes}, inputs, ""), None, {"image_bytes": file}
        )
    )
    file = encoded(photograph("RGB", (30, 30)), form)
    see(tf.constant([file]))
    for half in (file[: len(file) // 2], file[:-20]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="image_bytes: got a file that is cut off, of bytes"):
            see(tf.constant([half]))
    broken = file[:60] + file[100:]  # its end is there, and something is missing
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes/.*must_be_a_whole_picture"):
        see(tf.constant([broken]))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_what_follows_a_picture_in_its_file_does_not_matter(see, form):
    file = encoded(photograph("RGB", (30, 30)), form)
    np.testing.assert_array_equal(see([file + b"a film of a minute"]), see([file]))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("order", ["little", "big"])
def test_a_picture_is_turned_as_the_camera_says(see, orientation, order):
    exif = PIL.Image.Exif()
    exif.endian = "<" if order == "little" else ">"
    exif[0x010F], exif[0x0112], exif[0x0131] = "a maker", orientation, "a program"
    file = encoded(photograph("RGB", (48, 40)), "JPEG", quality=95, exif=exif)
    assert exif.tobytes()[6:8] == (b"II" if order == "little" else b"MM")
    np.testing.assert_allclose(see([file])[0], in_training(file), atol=3 / 255)
    plain = encoded(photograph("RGB", (48, 40)), "JPEG", quality=95)
    turned = abs(see([file])[0] - see([plain])[0]).max() > 0.2
    assert turned == (2 <= orientation <= 8)


def test_what_a_camera_says_may_be_broken(see):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    file = encoded(photograph("RGB", (48, 40)), "JPEG", exif=exif)
    at = file.index(b"Exif") + 10  # where the directory is said to be
    for offset in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0"):
        assert see([file[:at] + offset + file[at + 4 :]]).shape == (1, *SHAPE)


def test_a_palette_may_have_a_transparent_colour(see):
    image = PIL.Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    np.testing.assert_allclose(see([encoded(image, "PNG", transparency=1)]), 1, atol=1e-6)
    np.testing.assert_allclose(see([encoded(image, "PNG")])[0, 0, 0], np.float32([200, 10, 20]) / 255, atol=1e-6)


def test_numbers_of_sixteen_bits_are_read(see):
    file = tf.io.encode_png(np.full((20, 20, 1), 40_000, np.uint16)).numpy()
    np.testing.assert_allclose(see([file]), 40_000 / 65_535, atol=1 / 255)
    np.testing.assert_allclose(see([file])[0], in_training(file), atol=1e-6)


def test_a_picture_does_not_depend_on_the_others(see):
    files = [encoded(photograph(mode, size), "PNG") for mode, size in (("RGB", (50, 32)), ("L", (8, 90)))]
    whole = see(files)
    for k in range(2):
        np.testing.assert_array_equal(see(files[k : k + 1])[0], whole[k])
    assert see(np.empty(0, object).astype("S")).shape == (0, *SHAPE)


def test_a_picture_of_one_row_stays_small(see):
    assert see([encoded(PIL.Image.new("RGB", (100_000, 1), "red"), "PNG")]).shape == (1, *SHAPE)


def with_size(file, start, height, width):
    """A JPEG file whose header claims another size."""
    at = file.index(start) + 5
    return file[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + file[at + 4 :]


def bad_files():
    image = photograph("RGB", (30, 30))
    png, jpeg = encoded(image, "PNG"), encoded(image, "JPEG")
    return {
        "nothing": (b"", "a file that begins with the bytes []"),
        "short": (png[:3], "a file that begins with the bytes [137 80 78]"),
        "gif": (encoded(image, "GIF"), "a file that begins with the bytes [71 73 70 56"),
        "bmp": (encoded(image, "BMP"), "a file that begins with the bytes [66 77"),
        "text": (b"a red hat", "a file that begins with the bytes"),
        "png": (png[:16] + (2**31).to_bytes(4, "big") + png[20:], "a picture of height and width [30 -2147483648]"),
        "huge png": (png[:16] + (8000).to_bytes(4, "big") * 2 + png[24:], "a picture of height and width [8000 8000]"),
        "no more": (png[:8], "a file that is cut off, of bytes 8"),
        "huge jpeg": (with_size(jpeg, b"\xff\xc0", 9000, 5000), "a picture of height and width [9000 5000]"),
    }


@pytest.mark.parametrize("what", bad_files())
def test_a_file_that_is_no_picture_or_a_huge_one_is_refused_by_name(see, what):
    bad, message = bad_files()[what]
    good = encoded(photograph("RGB", (30, 30)), "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        see([good, bad])
    assert f"image_bytes: got {message}" in str(caught.value)
    assert "each a JPEG or PNG file of at most 40 megapixels" in str(caught.value)


def test_a_jpeg_file_of_the_models_size_is_to_the_byte_what_pillow_reads(see):
    for seed in range(5):
        image = PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8))
        file = encoded(image, "JPEG", quality=60)
        with PIL.Image.open(io.BytesIO(file)) as read:
            np.testing.assert_allclose(see([file])[0], np.asarray(read) / 255, atol=1e-6)


def test_the_proof_compares_files_with_pillow(monkeypatch):
    signature = Signature(lambda image_bytes: {"images": image_bytes}, {"image_bytes": picture((24, 24, 3))}, "")
    assert proof.prove_text({"told": signature}) == []
    jpeg = tf.io.decode_jpeg
    monkeypatch.setattr(tf.io, "decode_jpeg", lambda *a, dct_method, **k: jpeg(*a, dct_method="INTEGER_FAST", **k))
    (problem,) = proof.prove_text({"told": signature})
    assert problem.startswith("told: image_bytes is read otherwise than in training, by ")


def test_the_examples_hold_every_form():
    files = picture(SHAPE).text.example(4, np.random.default_rng(0))
    modes = []
    for file in files:
        with PIL.Image.open(io.BytesIO(file)) as image:
            modes.append((image.format, image.mode))
    assert modes == [("PNG", "RGB"), ("JPEG", "RGB"), ("PNG", "L"), ("PNG", "RGBA")]


@pytest.mark.parametrize(
    ("units", "wants", "case"),
    [
        ("words", "4 words", "in lower case"),
        ("cased", "4 words", "with its case"),
        ("characters", "4 characters", "with"),
        ("pieces", "4 pieces", "with its case"),
    ],
)
def test_a_card_says_what_a_text_is_made_of(units, wants, case):
    words = Words(7, units)
    words.build()
    words.learn({"characters": ["a", "b", " "], "pieces": ["\u2581a", "\u2581b", "\u2581"]}.get(units, ["a", "b"]))
    one = text("title", Field((5,), "int32", ragged=True), words)
    ids = one.example(50, np.random.default_rng(0))
    assert (ids[:, 0] != 0).all() and (ids[:, -1] == 0).all() and (ids == 1).any()
    assert one.text.wants == f"a title of 1 to {wants}" and one.text.says.startswith(case)
    assert ("lower case" in one.says) == (units == "words") and wants.split()[1] in one.says
