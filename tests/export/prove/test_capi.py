import pathlib

import numpy as np
import tensorflow as tf

from export.prove import proof


def test_strings_and_image_bytes_pass_through_the_c_api(tmp_path):
    words = np.array([b"", b"nine\0nine", b"a text too long for the 22 bytes kept in place, \xff included"], object)
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    encoded = np.array([tf.io.encode_png(image).numpy(), tf.io.encode_png(255 - image).numpy()], object)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def repeat(text):
        return {"twice": tf.strings.join([text, text], "|"), "bytes": tf.strings.length(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "encoded")])
    def pixels(encoded):
        decoded = tf.map_fn(lambda x: tf.io.decode_png(x, 3), encoded, fn_output_signature=tf.uint8)
        return {"image": tf.ensure_shape(decoded, [None, None, None, 3])}

    tf.saved_model.save(tf.Module(), str(tmp_path / "model"), {"repeat": repeat, "pixels": pixels})
    requests = [
        proof.Request("words", "repeat", {"text": words}),
        proof.Request("no words", "repeat", {"text": words[:0]}),
        proof.Request("bytes", "pixels", {"encoded": encoded}),
        proof.Request("not an image", "pixels", {"encoded": words[1:]}),  # the empty one has an error of its own
    ]
    said, empty, shown, refused = proof.ask(pathlib.Path(tmp_path / "model"), requests)
    assert list(said[0]["twice"]) == [w + b"|" + w for w in words]
    assert list(said[0]["bytes"]) == [len(w) for w in words]
    assert empty[0]["twice"].shape == (0,)
    np.testing.assert_array_equal(shown[0]["image"], np.stack([image, 255 - image]))
    assert refused[0] == {} and "image" in refused[1]
