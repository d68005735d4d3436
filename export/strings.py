"""Inputs that a server is sent as strings: captions, and files with pictures.

B batch, L words of a caption with its end and padding, H x W x C a picture.
"""

from export.signature import Input, Text

LARGEST = 40_000_000  # pixels of a picture, which a file of a few bytes may claim
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # what their files begin with


def caption(words, length):
    """Captions int32 [B, L], L being `length` and `words` a zoo.nn.words.Words.

    A server is sent strings, and tells with every answer which of their words it does not know.
    """
    import numpy as np
    import tensorflow as tf

    most = length - 1

    def strings(n, numbers):
        known = [*words.known, "floccinaucinihilipilification"]
        lengths = numbers.integers(1, most + 1, n)
        return np.array([" ".join(numbers.choice(known, count)).encode() for count in lengths], object)

    def ids(n, numbers):
        return words.ids(tf.constant(strings(n, numbers)), length).numpy()

    def read(captions, refuse_unless):
        counts = words.count(captions)
        wrong = tf.boolean_mask(counts, (counts < 1) | (counts > most))[:1]
        with tf.control_dependencies([refuse_unless(tf.equal(tf.size(wrong), 0), "number of words", wrong)]):
            captions = tf.identity(captions)
        return words.ids(captions, length), {"unknown_words": words.unknown(captions)}

    wants = f"a caption of 1 to {most} words"
    refused = {"no word": b" ", f"{length} words": b"a " * length}
    says = "in lower case or not; a punctuation mark is a word; `unknown_words` in the answer are those not learned"
    as_ids = "the words in lower case as line numbers in the vocabulary, the first being 0; 1 if unknown; then 0"
    return Input((length,), as_ids, "int32", example=ids, text=Text(wants, says, strings, read, refused))


def picture(shape):
    """Pictures float32 [B, H, W, C] in [0, 1] of which a server is sent the JPEG or PNG files; C is 1 or 3."""
    import tensorflow as tf

    def read(files, refuse_unless):
        def one(file):
            return _fitted(*_decoded(file, refuse_unless), shape)

        # One at a time: each may be large until it is fitted.
        spec = tf.TensorSpec(shape, tf.float32)
        return tf.map_fn(one, files, fn_output_signature=spec, parallel_iterations=1), {}

    wants = f"a JPEG or PNG file of at most {LARGEST // 1_000_000} megapixels"
    huge = PNG + b"\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2
    refused = {"no byte": b"", "a GIF": b"GIF89a" + b"\0" * 20, "a huge picture": huge}
    says = "the centre is cut out and resized to the model's size; what is transparent becomes white; EXIF is not read"
    return Input(shape, "pictures", interval=(0, 1), text=Text(wants, says, _files, read, refused))


def _decoded(file, refuse_unless):
    """What is in a JPEG or PNG file: (uint8 [h, w, 4] in red, green, blue and opacity, its size int32 [2])."""
    import tensorflow as tf

    start = tf.strings.substr(tf.strings.join([file, b"\0" * 25]), 0, 25)  # the file may be shorter
    is_png = tf.equal(tf.strings.substr(start, 0, len(PNG)), PNG)
    is_jpeg = tf.equal(tf.strings.substr(start, 0, len(JPEG)), JPEG)
    begins = tf.io.decode_raw(tf.strings.substr(file, 0, 4), tf.uint8)  # a message must be text
    with tf.control_dependencies([refuse_unless(is_png | is_jpeg, "a file that begins with the bytes", begins)]):
        size = tf.cond(
            is_png,
            lambda: tf.io.decode_raw(tf.strings.substr(start, 16, 8), tf.int32, little_endian=False)[::-1],
            lambda: tf.io.extract_jpeg_shape(file)[:2],
        )
    fits = tf.reduce_all(size > 0) & (tf.reduce_prod(tf.cast(size, tf.int64)) <= LARGEST)
    with tf.control_dependencies([refuse_unless(fits, "a picture of height and width", size)]):
        rgba = tf.cond(
            is_png,
            lambda: _decoded_png(file, tf.io.decode_raw(tf.strings.substr(start, 24, 1), tf.uint8)[0]),
            lambda: tf.pad(tf.io.decode_jpeg(file, 3), [[0, 0], [0, 0], [0, 1]], constant_values=255),
        )
    return rgba, size


def _decoded_png(file, depth):
    """uint8 [h, w, 4] of a file with `depth` bits a number; a palette or a gray picture may be transparent, too."""
    import tensorflow as tf

    rgba = tf.io.decode_png(file, 4)
    # Where there is no opacity, TensorFlow (2.21) puts in the largest number of that many bits, which need not be 255.
    filler = tf.cast(2 ** tf.minimum(tf.cast(depth, tf.int32), 8) - 1, tf.uint8)
    if_opaque = tf.cast(tf.reduce_all(rgba[..., 3] == filler), tf.uint8) * tf.constant([0, 0, 0, 255], tf.uint8)
    return tf.bitwise.bitwise_or(rgba, if_opaque)


def _fitted(rgba, size, shape):
    """The largest centre of rgba, uint8 [h, w, 4], with the proportions of shape, at its size: float32 [H, W, C]."""
    import tensorflow as tf

    height, width, channels = shape
    scale = tf.reduce_min(tf.cast(size, tf.float32) / [height, width])
    part = tf.clip_by_value(tf.cast(tf.round(scale * [height, width]), tf.int32), 1, size)
    # Cut out before it is resized: a picture of one row would grow by its length before it is cut.
    (top, left), (h, w) = tf.unstack((size - part) // 2), tf.unstack(part)
    rgba = tf.cast(rgba[top : top + h, left : left + w], tf.uint16)
    rgb = 255 - (255 - rgba[..., :3]) * rgba[..., 3:] // 255  # on white
    rgb = tf.image.resize(rgb, [height, width], antialias=True) / 255
    return tf.clip_by_value(rgb if channels == 3 else tf.image.rgb_to_grayscale(rgb), 0.0, 1.0)


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
