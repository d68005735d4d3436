"""Export a dilated VAE, one with classes, or its language model: python -m export.dilated_vae RUN --out models"""

from export.declare import latent, meaning, writing
from export.declare.signature import Input, Offered, Signature
from export.declare.strings import text
from export.make.command import main
from zoo.configs.dilated_vae import DilatedClassConfig


def signatures(model, k):
    """What models that write have; of one with classes classify, generate and log_prob."""
    return of_classes(model, k) if isinstance(model.config, DilatedClassConfig) else writing.signatures(model, k)


def of_classes(model, k):
    """classify; generate, of a class that is given; log_prob by k posterior samples of z and the class."""
    import tensorflow as tf

    config = model.config
    given = {"text": text("text", model.fields["text"], model.words)}

    def written(label, noise):
        said = model.write(tf.shape(noise)[0], tf.concat([noise, model.one_hot(label)], -1))
        return {"tokens": said["text"], "score": said["score"]}

    def in_words(label, noise):
        found = written(label, noise)
        return {"texts": model.words.texts(found["tokens"]), **found}

    label = {"label": Input((), "the number of a class", "int32", interval=(0, config.classes - 1))}
    outputs = {
        "tokens": "the words as line numbers in the file of words, the first line being 0; 0, the end, after the last",
        "score": "log p of the words and of the end, given z and the class, in nats",
    }
    drawn = {"draws": 1, "source": lambda n, seed: tf.random.stateless_normal([n, config.z_size], seed)}
    says = "Texts of a class, from z drawn from the prior."
    log_prob = Signature(
        lambda text, noise: latent.log_likelihood(model, {"text": text}, noise, k),
        given,
        latent.estimate("log p(text)", k),
        draws=k,
        outputs=meaning.of("log_likelihood"),
        noise={"noise_class": "independent standard Gumbel numbers"},
    )
    classify, words = writing.classifier(model), {"texts": "the words of `tokens`, joined", **outputs}
    server = {"generate": Signature(in_words, label, says, outputs=words, **drawn), "log_prob": log_prob}
    phone = {"generate": Signature(written, label, says, outputs=outputs, **drawn), "log_prob": log_prob}
    return Offered(classify.server | server, classify.phone | phone)


if __name__ == "__main__":
    main("dilated_vae", signatures)
