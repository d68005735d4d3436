"""Export a VRNN or its baseline: python -m export.vrnn RUN --out models"""

from export.declare import meaning
from export.declare.latent import estimate
from export.declare.signature import Input, Offered, Signature
from export.declare.sounds import with_files
from export.make.command import main
from zoo.configs.vrnn import VRNNConfig

VALUES = {
    "audio": "samples in [-1, 1]",
    "strokes": "rows of (1 if the pen is lifted after the point, dx, dy)",
    "sequence": "notes, 1 where one sounds",
}


def signatures(model, k):
    """generate, continue and log_likelihood, from k particles of a model with latent variables; of a phone one step in
    the place of the first two, drawn or read: the state is in the caller's hands."""
    import tensorflow as tf

    name, latent = model.observed, isinstance(model.config, VRNNConfig)
    given = inputs_of(model)
    makes = {name: f"{VALUES[name]}, drawn, none of them padding"}
    uniform = {f"noise_{part}": "independent uniform numbers in [0, 1)" for part in model.likelihood.uniform}

    def begun_noise(n, seed):
        return {"begun": model.path_noise(n, tf.random.fold_in(seed, 2)), "drawn": model.drawing_noise(n, seed)}

    def go_on(noise, **batch):
        return model.generate(noise["drawn"], model.read(batch, noise["begun"]))

    def scored(noise=None, **batch):
        if latent:
            return {"log_likelihood": model.fivo(batch, noise)}
        return {"log_likelihood": -model.loss_terms(batch, {})["negative_log_likelihood"]}

    says = "log p(x) in nats"
    if latent:
        says = f"{estimate('log p(x)', k)[:-1].replace('Importance-weighted', 'Particles')}, resampled on the way"
    log_likelihood = Signature(
        scored,
        given,
        f"{says}; a density is of normalised values." if model.normalised else f"{says}.",
        draws=int(latent),
        source=lambda n, seed: model.particle_noise(n, seed, k),
        outputs=meaning.of("log_likelihood"),
        noise={"noise_places": "independent uniform numbers in [0, 1)"},
    )
    generate = Signature(
        lambda noise: model.generate(noise),
        {},
        f"Draws {name} of {model.config.steps} steps.",
        draws=1,
        source=model.drawing_noise,
        outputs=makes,
        noise=uniform,
    )
    server = {
        "generate": generate,
        "continue": Signature(
            go_on,
            given,
            f"Draws {model.config.steps} steps that follow a beginning.",
            draws=1,
            source=begun_noise,
            outputs=makes,
        ),
        "log_likelihood": log_likelihood,
    }

    def one_step(h, c, noise):
        (h, c), made = model.generate_step(tf.nest.map_structure(lambda x: x[:, 0], noise), (h, c))
        return {**made, "h": h, "c": c}

    def step_read(h, c, noise=None, **given):
        length = tf.fill([tf.shape(h)[0]], given[name].shape[1])
        h, c = model.follow(model.seen({**given, "length": length}), noise, (h, c))[0]
        return {"h": h, "c": c}

    size = (model.config.hidden,)
    state = {part: Input(size, "0 before the first step, then as the last call returned it") for part in "hc"}
    after = dict.fromkeys("hc", "the state, for the next step")
    width = (model.config.features,) if name == "audio" else (1, model.config.features)
    step = Signature(
        one_step,
        state,
        f"Draws one step more of {name}.",
        draws=1,
        source=lambda n, seed: model.drawing_noise(n, seed, 1),
        outputs=makes | after,
        noise=uniform,
    )
    read_step = Signature(
        step_read,
        state | {name: Input.of(name, model.fields[name], f"{VALUES[name]}, of one step", shape=width)},
        f"Reads one step of {name}, which `step` goes on from.",
        draws=int(latent),
        source=lambda n, seed: model.path_noise(n, seed, 1),
        outputs=after,
    )
    server = with_files(server, model.config.rate) if name == "audio" else server
    return Offered(server, {"step": step, "read_step": read_step, "log_likelihood": log_likelihood})


def inputs_of(model):
    """What is modelled, padded to the most that the model holds, and its length."""
    name, field = model.observed, model.fields[model.observed]
    length, says = model.fields["length"], f"{VALUES[name]}; what follows `length` entries is not looked at"

    def drawn(n, numbers):
        import numpy as np

        seed = tuple(map(int, numbers.integers(0, 2**31, 2)))
        return np.asarray(model.sample(n, seed), np.float32)

    return {
        name: Input.of(name, field, says, example=drawn),
        "length": Input.of("length", length, f"how many entries of {name} count"),
    }


if __name__ == "__main__":
    main("vrnn", signatures)
