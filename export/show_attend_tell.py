"""Export Show, Attend and Tell: python -m export.show_attend_tell RUN --out models

A server searches with a beam and answers in words. A phone has no strings: it gets the ids of the greedy caption in one
call, or, for a search of its own, one word at a time: start, then decode_step with what the last call returned. A
frozen network that makes the model's annotations is part of its export: pictures go in, whatever the encoder.
"""

from export.declare.signature import Input, Offered, Signature
from export.declare.strings import picture
from export.make.command import main
from zoo.declare import Field

LEAST = -100.0  # the least log p that a phone is told: of -inf each kind of LiteRT file makes something else


def signatures(model, width):
    """caption and caption_images by beam search; to phones greedy caption_images, start and decode_step."""
    from zoo.nn.pretrained import extractors

    encoder, shape = model.config.encoder, model.picture_shape
    pictures = Field(shape, interval=(0, 1))
    looked = {"images": Input.of("image", pictures, "images, scaled as in training (see Values)")}
    before = None if "image" in model.fields else extractors.extractor(encoder)

    def seen(images):
        return {encoder: before(images)} if before else {"image": images}

    def tell(images, **method):
        said = model.caption(seen(images), **method)
        return {"tokens": said["ids"], "score": said["score"], "attention": placed(model, said["attention"])}

    def search(images):
        told = tell(images, method="beam", width=width)
        return {"captions": model.words.texts(told["tokens"]), **told}

    told = {
        "tokens": "the words as line numbers in the file of words, the first line being 0; 0, the end, after the last",
        "score": "log p of the caption in nats, of its end too",
        "attention": "how much each word looked at each place [rows, columns], top left first; 0 after the end",
    }
    in_words = {"captions": "the words of `tokens`, joined by blanks"} | told
    best = f"The best caption that a beam of width {width} finds."
    server = {"caption_images": Signature(search, looked, best, outputs=in_words)}
    if shape[-1] in (1, 3):
        file = {"image_bytes": picture(shape)}
        call = Signature(lambda image_bytes: search(image_bytes), file, best, outputs=in_words)
        server = {"caption": call, **server}

    greedy = "The caption of the most probable word, and again."
    phone = {"caption_images": Signature(tell, looked, greedy, outputs=told)}
    of_pictures = {"image": pictures, "caption": model.fields["caption"]}
    return Offered(server, phone | by_the_word(model, seen, looked), before, of_pictures)


def by_the_word(model, seen, looked):
    """start and decode_step: the state of a search is in the caller's hands."""
    import tensorflow as tf

    from zoo.nn.decoding import FIRST
    from zoo.show_attend_tell import State

    config, (places, features) = model.config, model.config.places

    def start(images):
        state, context = model.start(model.annotations(seen(images)))
        return {**state._asdict(), **dict(zip(("annotations", "keys"), context, strict=False))}

    def decode_step(word, h, cell, **context):
        log_probs, state, look = model.decode_step(word, State(h, cell), **context)
        return {"log_probs": tf.maximum(log_probs, LEAST), **state._asdict(), "attention": placed(model, look.chosen)}

    before = f"the word before, {FIRST} before the first one"
    state = {name: Input((config.hidden,), "as start or the last call returned it") for name in State._fields}
    context = {"annotations": Input((places, features), "as start returned them")}
    if model.keys:
        context["keys"] = Input((places, config.attention_size), "as start returned them")
    word = {"word": Input((), before, "int32", interval=(FIRST, config.vocabulary - 1))}
    state_out = dict.fromkeys(state, "the state, for the next decode_step")
    start_out = state_out | dict.fromkeys(context, "what every decode_step looks at")
    step_out = state_out | {
        "log_probs": f"log p of every word after `word` in nats, {LEAST:g} or more",
        "attention": "how much this word looked at each place [rows, columns]",
    }
    first, one = "The state before the first word, and what every word looks at.", "One word more."
    return {
        "start": Signature(start, looked, first, outputs=start_out),
        "decode_step": Signature(decode_step, word | state | context, one, outputs=step_out),
    }


def placed(model, alpha):
    """Attention [..., L] as [..., rows, columns]."""
    import tensorflow as tf

    rows, columns = model.config.grid
    leading = [size or -1 for size in alpha.shape[:-1]]
    return tf.reshape(alpha, [*leading, rows, columns])


if __name__ == "__main__":
    main("show_attend_tell", signatures)
