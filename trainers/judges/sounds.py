"""Is a sound of the class that was asked for? A plain classifier, trained here on real sounds alone, tells.

N sounds, L samples of the longest.
"""

import numpy as np
import tensorflow as tf
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from trainers.score import figures

WINDOW, HOP = 0.032, 0.01  # seconds of a frame and between two
BANDS, LOWEST = 24, 60  # of the mel scale, from so many Hz up to nearly half the rate
POINTS = 20  # frames that a sound is stretched or shrunk to
QUIET = 1e-3  # added to amplitudes: what is softer is not heard
BLOCK = 50  # sounds made at once


def judge(run, model, options):
    """How often real sounds of the test split are taken for what they are, and drawn ones of the same classes,
    speakers, notes and lengths. options: Sounding."""
    if "label" not in model.classes:
        raise ValueError("run: this model is not told classes; judge one whose config has by_label")
    sets = figures.sets_of(run, model, options.data_dir)
    tells = classifier(heard(sets.train, model.config.length), model.config.rate)
    real = heard(sets.test, model.config.length)
    chosen = np.random.default_rng(options.seed).permutation(sets.test.size)[: options.count]
    real = {name: x[chosen] for name, x in real.items()}
    made = real | {"audio": drawn(model, real, options)}
    found = {f"{name}_recognised": tells(sounds) for name, sounds in {"real": real, "drawn": made}.items()}
    return {"examples": len(chosen), "temperature": options.temperature, **found}


def heard(split, longest):
    """A split's examples with samples in [-1, 1], of each the first `longest`."""
    found = {name: np.asarray(x) for name, x in split.arrays.items()}
    audio = found["audio"][:, :longest] / np.float32(split.scaled["audio"])
    return found | {"audio": audio, "length": np.minimum(found["length"], longest)}


def drawn(model, real, options):
    """Sounds of a model under the conditions of real ones, at least as long: [N, L]."""
    made = np.zeros_like(real["audio"])
    order = np.argsort(real["length"], kind="stable")  # none is made much longer than it is heard
    for i in range(0, len(order), BLOCK):
        rows = order[i : i + BLOCK]
        told = {name: real[name][rows] for name in model.fields if name not in ("audio", "length")}
        longest = int(real["length"][rows].max())
        uniforms = model.uniforms(len(rows), longest, (options.seed, i))
        made[rows, :longest] = model.generate(uniforms, told, temperature=options.temperature)
    return made


def classifier(real, rate):
    """A function of sounds, as `heard` has them, that tells the share whose label it recognises. It learns from real
    ones: a support vector machine over spectrograms of the mel scale, each stretched to one length."""
    machine = make_pipeline(StandardScaler(), SVC(C=10))
    machine.fit(features(real, rate), real["label"])
    return lambda sounds: float((machine.predict(features(sounds, rate)) == sounds["label"]).mean())


def features(sounds, rate):
    """Loudness of BANDS at POINTS of each sound less its mean loudness: [N, POINTS * BANDS]."""
    window, hop = round(WINDOW * rate), round(HOP * rate)
    bins = 2 ** int(np.ceil(np.log2(window))) // 2 + 1
    mel = tf.signal.linear_to_mel_weight_matrix(BANDS, bins, rate, LOWEST, 0.475 * rate).numpy()
    found = []
    for audio, length in zip(sounds["audio"], sounds["length"], strict=True):
        amplitudes = np.abs(tf.signal.stft(audio[:length], window, hop, pad_end=True))
        loud = np.log(amplitudes @ mel + QUIET)
        at = np.linspace(0, len(loud) - 1, POINTS)
        stretched = np.stack([np.interp(at, np.arange(len(loud)), band) for band in loud.T], 1)
        found.append((stretched - stretched.mean()).ravel())
    return np.stack(found)
