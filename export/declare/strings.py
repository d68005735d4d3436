"""Inputs that a server is sent as strings: texts, documents, and files with pictures.

B batch, S sentences of a document, L words of a text or a sentence with its end and padding, H x W x C a picture.
"""

from export.declare.signature import Input, Text

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # what their files begin with
PNG_END, JPEG_END = b"IEND", b"\xff\xd9"  # after which there may be more
EXIF = b"Exif\0\0", b"eXIf"  # before what a camera says, in the first 64 KiB of a JPEG or a PNG
WHOLE = "must_be_a_whole_picture"  # the operation that fails if it is not; TensorFlow's error names it
ROUNDING = 0.25 / 255  # Pillow rounds between its two directions; the most that a mean difference may be
ORIENTATION = 0x0112  # EXIF's name of it


def text(name, field, words):
    """Texts int32 [B, L], as a field of that name holds them in `words`, a zoo.nn.words.Words.

    A server is sent strings, and tells with every answer which of their words it does not know.
    """
    import numpy as np
    import tensorflow as tf

    from zoo.nn.spelling import MARK

    (length,) = field.shape
    most = length - 1

    def strings(n, numbers):
        if words.units == "pieces":  # whole words, each of which is one; the strange one is two
            known = [piece.lstrip(MARK) for piece in words.known if piece.startswith(MARK) and piece != MARK]
            known, between, room = [*known, "\N{SNOWMAN}"], " ", most // 2
        else:
            strange = "floccinaucinihilipilification" if words.between else "\N{SNOWMAN}"
            known = [word for word in (*words.known, strange) if word.strip()]  # blanks alone are no text
            between, room = words.between, most
        lengths = numbers.integers(1, max(room, 1) + 1, n)
        return np.array([between.join(numbers.choice(known, count)).encode() for count in lengths], object)

    def ids(n, numbers):
        return words.ids(tf.constant(strings(n, numbers)), length).numpy()

    def read(texts, refuse_unless):
        counts = words.count(texts)
        wrong = tf.boolean_mask(counts, (counts < 1) | (counts > most))[:1]
        with tf.control_dependencies([refuse_unless(tf.equal(tf.size(wrong), 0), "number of words", wrong)]):
            texts = tf.identity(texts)
        return words.ids(texts, length), {"unknown_words": words.unknown(texts)}

    def write(batch):
        return words.texts(batch[:, :most]).numpy()  # one that was cut has no end, and a word too many

    units, case, says = {
        "words": ("words", " in lower case", "in lower case or not; a punctuation mark is a word"),
        "cased": ("words", " with their case", "with its case; a punctuation mark is a word"),
        "characters": ("characters", "", "with its case; a blank is a character, too"),
        "pieces": ("pieces", " of words", "with its case; frequent words are one piece, others several"),
    }[words.units]
    wants = f"a {name} of 1 to {most} {units}"
    refused = {"no word": b" ", f"{length} words": b"a " * length}
    as_ids = (
        f"the {units}{case}, at most {most}, as line numbers in the file of words, the first line being 0; "
        "1 for a word that is not in it; then 0, the end, up to the input's length"
    )
    tells = {"unknown_words": f"the words of the {name} that the model has not learned, joined by blanks"}
    as_text = Text(wants, says, strings, read, refused, write=write, tells=tells)
    return Input.of(name, field, as_ids, interval=(0, words.size - 1), example=ids, text=as_text)


def document(name, field, words):
    """Documents int32 [B, S, L], as a field of that name holds them in `words`, a zoo.nn.words.Words.

    A server is sent strings, which it splits into sentences by the rule of zoo.data.text.sentences, and tells with
    every answer which of their words it does not know.
    """
    import numpy as np
    import tensorflow as tf

    from zoo.data.text.sentences import split

    rows, length = field.shape
    most = length - 1

    def strings(n, numbers):
        known = [*words.known, "floccinaucinihilipilification"]
        counts = [numbers.integers(1, most + 1, numbers.integers(1, rows + 1)) for _ in range(n)]
        texts = ["\n\n".join(" ".join(numbers.choice(known, count)) for count in each) for each in counts]
        return np.array([text.encode() for text in texts], object)

    def sentences(texts):
        found = split(texts)
        return tf.ragged.boolean_mask(found, found.with_values(words.count(found.values)) > 0)

    def numbered(found):
        return found.with_values(words.ids(found.values, length)).to_tensor(0, shape=[None, rows, length])

    def ids(n, numbers):
        return numbered(sentences(tf.constant(strings(n, numbers)))).numpy()

    def read(texts, refuse_unless):
        found = sentences(texts)
        counts = tf.cast(found.row_lengths(), tf.int32)
        wrong = tf.boolean_mask(counts, (counts < 1) | (counts > rows))[:1]
        longest = words.count(found.values)
        long = tf.boolean_mask(longest, longest > most)[:1]
        refused = [
            refuse_unless(tf.equal(tf.size(wrong), 0), "number of sentences", wrong),
            refuse_unless(tf.equal(tf.size(long), 0), "number of words in a sentence", long),
        ]
        with tf.control_dependencies(refused):
            found = found.with_values(tf.identity(found.values))
        return numbered(found), {"unknown_words": words.unknown(texts)}

    def write(batch):
        n = len(batch)
        texts = words.texts(batch[..., :most].reshape(-1, most)).numpy().reshape(n, rows)
        return np.array([b"\n\n".join(text for text in each if text) for each in texts], object)

    wants = f"a {name} of 1 to {rows} sentences of 1 to {most} words each"
    refused = {"no word": b" ", f"{rows + 1} sentences": b"A.\n\n" * (rows + 1), f"{length} words": b"a " * length}
    says = (
        "in lower case or not; a punctuation mark is a word; a sentence ends at a full stop, an exclamation or a "
        "question mark before a capital or a digit, but not behind an abbreviation, and at an empty line"
    )
    as_ids = (
        f"at most {rows} sentences, of each the words in lower case, at most {most}, as line numbers in the file of "
        "words, the first line being 0; 1 for a word that is not in it; then 0, the end, up to the input's length; "
        "nothing but 0 for no sentence"
    )
    tells = {"unknown_words": f"the words of the {name} that the model has not learned, joined by blanks"}
    as_text = Text(wants, says, strings, read, refused, write=write, tells=tells)
    return Input.of(name, field, as_ids, interval=(0, words.size - 1), example=ids, text=as_text)


def in_a_row(name, field, words):
    """Documents int32 [B, L], the sentences in a row, each with its END, then PAD, as a field of that name holds them.

    A server is sent strings, split and told of as those of `document`.
    """
    import numpy as np
    import tensorflow as tf

    from zoo.data.text.sentences import split
    from zoo.nn.words import END, PAD

    (length,) = field.shape

    def strings(n, numbers):
        known, texts = [*words.known, "floccinaucinihilipilification"], []
        for _ in range(n):
            count = numbers.integers(1, min(4, length // 2 + 1))
            sizes = numbers.integers(1, length // count, count) if length // count > 1 else [1] * count
            texts.append("\n\n".join(" ".join(numbers.choice(known, size)) for size in sizes).encode())
        return np.array(texts, object)

    def sentences(texts):
        found = split(texts)
        return tf.ragged.boolean_mask(found, found.with_values(words.count(found.values)) > 0)

    def numbered(found):
        ids = words.lookups[0](words.tokens(found.values))
        ids = tf.concat([ids, tf.fill([ids.nrows(), 1], tf.cast(END, ids.dtype))], 1)
        return tf.cast(found.with_values(ids).merge_dims(1, 2).to_tensor(PAD, shape=[None, length]), tf.int32)

    def ids(n, numbers):
        return numbered(sentences(tf.constant(strings(n, numbers)))).numpy()

    def read(texts, refuse_unless):
        found = sentences(texts)
        counts = tf.reduce_sum(found.with_values(words.count(found.values) + 1), 1)
        wrong = tf.boolean_mask(counts, (counts < 1) | (counts > length))[:1]
        with tf.control_dependencies([refuse_unless(tf.equal(tf.size(wrong), 0), "number of words and ends", wrong)]):
            found = found.with_values(tf.identity(found.values))
        return numbered(found), {"unknown_words": words.unknown(texts)}

    def write(batch):
        lines = [[words.lines[i] for i in row if i != PAD] for row in batch[:, : length // 2]]  # ends may come to it
        return np.array([" ".join(line).replace(words.lines[END], "\n\n").encode() for line in lines], object)

    wants = f"a {name} of 1 word or more, at most {length} with the ends of its sentences"
    says = (
        "in lower case or not; a punctuation mark is a word; a sentence ends at a full stop, an exclamation or a "
        "question mark before a capital or a digit, but not behind an abbreviation, and at an empty line"
    )
    as_ids = (
        "the words in lower case as line numbers in the file of words, the first line being 0; 1 for a word that is "
        f"not in it; 0 behind each sentence; then {PAD} up to the input's length"
    )
    tells = {"unknown_words": f"the words of the {name} that the model has not learned, joined by blanks"}
    refused = {"no word": b" ", f"{length} words": b"a " * length}
    as_text = Text(wants, says, strings, read, refused, write=write, tells=tells)
    return Input.of(name, field, as_ids, example=ids, text=as_text)


def picture(shape):
    """Pictures float32 [B, H, W, C] in [0, 1] of which a server is sent the JPEG or PNG files; C is 1 or 3.

    The server makes of a file what zoo.data.pictures.files.picture makes of it for training, up to rounding; but
    only EXIF in its first 64 KiB turns it.
    """
    import numpy as np
    import tensorflow as tf

    from zoo.data.pictures import files as pictures
    from zoo.data.pictures.files import LARGEST

    def read(files, refuse_unless):
        def one(file):
            return _fitted(_upright(_decoded(file, LARGEST, refuse_unless), _orientation(file)), shape)

        # One at a time: each may be large until it is fitted.
        spec = tf.TensorSpec(shape, tf.float32)
        return tf.map_fn(one, files, fn_output_signature=spec, parallel_iterations=1), {}

    wants = f"a JPEG or PNG file of at most {LARGEST // 1_000_000} megapixels"
    huge = PNG + b"\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\0" * 9 + PNG_END
    half = tf.io.encode_jpeg(np.zeros((16, 16, 3), np.uint8)).numpy()[:-20]
    refused = {"no byte": b"", "a GIF": b"GIF89a" + b"\0" * 20, "a huge picture": huge, "half a JPEG": half}
    says = "turned as the camera says, on white, shrunk and cut to the middle; one of the model's size stays what it is"

    def write(batch):
        return np.array([tf.io.encode_png(np.rint(255 * x).astype(np.uint8)).numpy() for x in batch], object)

    def twin(files):
        return np.stack([pictures.picture(file, *shape) for file in files]).astype(np.float32) / 255, ROUNDING

    as_file = Text(wants, says, _files, read, refused, write=write, twin=twin)
    return Input(shape, "pictures", interval=(0, 1), text=as_file, data="image")


def _decoded(file, largest, refuse_unless):
    """What is in a JPEG or PNG file of at most `largest` pixels: uint8 [h, w, 4] in red, green, blue and opacity."""
    import tensorflow as tf

    start = tf.strings.substr(tf.strings.join([file, b"\0" * 25]), 0, 25)  # the file may be shorter
    is_png = tf.equal(tf.strings.substr(start, 0, len(PNG)), PNG)
    is_jpeg = tf.equal(tf.strings.substr(start, 0, len(JPEG)), JPEG)
    begins = tf.io.decode_raw(tf.strings.substr(file, 0, 4), tf.uint8)  # a message must be text
    with tf.control_dependencies([refuse_unless(is_png | is_jpeg, "a file that begins with the bytes", begins)]):
        data = tf.io.decode_raw(file, tf.uint8)
        ends = tf.cond(is_png, lambda: _after(data, PNG_END), lambda: _after(data, JPEG_END))
    cut = refuse_unless(tf.size(ends) > 0, "a file that is cut off, of bytes", tf.size(data))
    with tf.control_dependencies([cut]):
        size = tf.cond(
            is_png,
            lambda: tf.io.decode_raw(tf.strings.substr(start, 16, 8), tf.int32, little_endian=False)[::-1],
            lambda: tf.io.extract_jpeg_shape(file, name=WHOLE)[:2],
        )
    fits = tf.reduce_all(size > 0) & (tf.reduce_prod(tf.cast(size, tf.int64)) <= largest)
    with tf.control_dependencies([refuse_unless(fits, "a picture of height and width", size)]):
        return tf.cond(
            is_png,
            lambda: _decoded_png(file, tf.io.decode_raw(tf.strings.substr(start, 24, 1), tf.uint8)[0]),
            lambda: tf.pad(_decoded_jpeg(file), [[0, 0], [0, 0], [0, 1]], constant_values=255),
        )


def _decoded_jpeg(file):
    """uint8 [h, w, 3], as Pillow has it: the usual transform is faster, and a level darker in the mean."""
    import tensorflow as tf

    return tf.io.decode_jpeg(file, 3, dct_method="INTEGER_ACCURATE", name=WHOLE)


def _decoded_png(file, depth):
    """uint8 [h, w, 4] of a file with `depth` bits a number; a palette or a gray picture may be transparent, too."""
    import tensorflow as tf

    rgba = tf.io.decode_png(file, 4, name=WHOLE)
    # Where there is no opacity, TensorFlow (2.21) puts in the largest number of that many bits, which need not be 255.
    filler = tf.cast(2 ** tf.minimum(tf.cast(depth, tf.int32), 8) - 1, tf.uint8)
    if_opaque = tf.cast(tf.reduce_all(rgba[..., 3] == filler), tf.uint8) * tf.constant([0, 0, 0, 255], tf.uint8)
    return tf.bitwise.bitwise_or(rgba, if_opaque)


def _after(data, mark):
    """Where the bytes of a mark have just ended in data, integers [N], N no less than the mark's length: int32 [M]."""
    import tensorflow as tf

    last = tf.size(data) - len(mark) + 1
    here = [data[i : last + i] == byte for i, byte in enumerate(mark)]
    return tf.cast(tf.where(tf.reduce_all(here, 0))[:, 0], tf.int32) + len(mark)


def _orientation(file):
    """How the camera was held, from 1 to 8 as EXIF has it; 1 if the file does not say."""
    import tensorflow as tf

    head = tf.cast(tf.io.decode_raw(tf.strings.substr(file + b"\0" * 64, 0, 2**16), tf.uint8), tf.int32)
    size = tf.size(head)
    starts = tf.concat([*(_after(head, mark)[:1] for mark in EXIF), [0]], 0)  # offsets count from here
    found, tiff = tf.size(starts) > 1, starts[0]
    little = head[tiff] == ord("I")  # Intel's order of bytes, or Motorola's

    def number(at, length):
        order = tf.range(length)
        each = tf.gather(head, tf.clip_by_value(at[..., None] + order, 0, size - 1))
        return tf.reduce_sum(each * 256 ** tf.where(little, order, length - 1 - order), -1)

    directory = tiff + number(tiff + 4, 4)
    entries = directory + 2 + 12 * tf.range(tf.minimum(number(directory, 2), 2**12))
    values = tf.boolean_mask(number(entries + 8, 2), number(entries, 2) == ORIENTATION)
    says = tf.concat([values, [1]], 0)[0]
    return tf.where(found & (says >= 1) & (says <= 8), says, 1)


def _upright(image, orientation):
    """An image [h, w, C] turned and mirrored so that what was up is up."""
    import tensorflow as tf

    def when(*orientations):
        return tf.reduce_any(orientation == tf.constant(orientations))

    image = tf.cond(when(5, 6, 7, 8), lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(when(2, 3, 6, 7), lambda: image[:, ::-1], lambda: image)
    return tf.cond(when(3, 4, 7, 8), lambda: image[::-1], lambda: image)


def _fitted(rgba, shape):
    """zoo.data.pictures.files.picture of rgba, uint8 [h, w, 4] in [0, 255]: float32 [H, W, C] in [0, 1]."""
    import tensorflow as tf

    from zoo.data.pictures.files import MARGIN

    *wanted, channels = shape
    size = tf.shape(rgba)[:2]
    margin = tf.where(tf.reduce_all(size == wanted), tf.ones([], tf.float64), MARGIN)
    resized = tf.cast(tf.round(margin * tf.reduce_max(wanted / size) * tf.cast(size, tf.float64)), tf.int32)
    first = (resized - wanted) // 2
    rgba = tf.cast(rgba, tf.uint16)
    rgb = 255 - ((255 - rgba[..., :3]) * rgba[..., 3:] + 127) // 255  # on white, rounded as Pillow does
    # Never the whole resized picture: one of one row would grow by its length.
    rgb = tf.raw_ops.ScaleAndTranslate(
        images=rgb[None],
        size=wanted,
        scale=tf.cast(resized / size, tf.float32),
        translation=-tf.cast(first, tf.float32),
        kernel_type="keyscubic",
        antialias=True,
    )[0]
    rgb = tf.clip_by_value(rgb / 255, 0.0, 1.0)
    return rgb if channels == 3 else tf.image.rgb_to_grayscale(rgb)


def _files(n, numbers):
    """n files of pictures in every form: with colours, compressed, gray, transparent."""
    import numpy as np
    import tensorflow as tf

    forms = [(3, tf.io.encode_png), (3, tf.io.encode_jpeg), (1, tf.io.encode_png), (4, tf.io.encode_png)]
    found = np.empty(n, object)
    for i in range(n):
        channels, encode = forms[i % len(forms)]
        blocks = numbers.integers(0, 256, (*numbers.integers(2, 6, 2), channels), np.uint8)
        found[i] = encode(np.kron(blocks, np.ones((*numbers.integers(3, 20, 2), 1), np.uint8))).numpy()
    return found
