import numpy as np
import pytest

from zoo.data.audio import sources
from zoo.data.audio.tones import NOISE, PITCHES, PLAYERS, TIMBRES, tone
from zoo.data.request import Request


def spectrum(samples, rate):
    """(Hz, amplitude) of a part."""
    amplitude = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2**15))
    return np.fft.rfftfreq(2**15, 1 / rate), amplitude


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("label", TIMBRES)
def test_a_note_has_its_pitch_where_it_is_said_to_sound(label, rate):
    made = tone(TIMBRES[label], 1.0, [2, 7], rate, np.random.default_rng(3))
    assert made.notes.tolist() == [0, 2, 7, 0] and made.ends[-1] == len(made.samples)
    for part, note in ((1, 2), (2, 7)):
        hertz, amplitude = spectrum(made.samples[made.ends[part - 1] : made.ends[part]], rate)
        lowest = hertz[np.flatnonzero(amplitude > 0.1 * amplitude.max())[0] :][:1]
        first = PITCHES[note - 1] * (1 + TIMBRES[label].stretch)
        near = np.abs(hertz - first) < 12
        assert lowest >= first - 25 and amplitude[near].max() > 0.05 * amplitude.max()
        assert hertz[near][amplitude[near].argmax()] == pytest.approx(first, rel=0.02)


def test_what_is_silent_holds_the_noise_that_bounds_a_likelihood():
    quiet = []
    for seed in range(20):
        made = tone(TIMBRES["reed"], 1.0, [1, 2], 8000, np.random.default_rng(seed))
        quiet += [made.samples[: made.ends[0]], made.samples[made.ends[-2] :]]
    quiet = np.concatenate(quiet)
    assert quiet.std() == pytest.approx(NOISE, rel=4 / np.sqrt(2 * len(quiet)))  # four standard errors


def test_a_reed_has_odd_harmonics_and_a_players_formants_are_moved():
    hertz, amplitude = spectrum(tone(TIMBRES["reed"], 1.0, [1], 8000, np.random.default_rng(0)).samples, 8000)
    first, second, third = (amplitude[np.abs(hertz - h * 220) < 20].max() for h in (1, 2, 3))
    assert second < 0.15 * first and third > 0.25 * first
    loudest = []
    for player in ("low", "high"):
        made = tone(TIMBRES["voice i"], PLAYERS[player], [1], 8000, np.random.default_rng(0))
        hertz, amplitude = spectrum(made.samples, 8000)
        loudest.append((hertz * amplitude)[(hertz > 1000) & (hertz < 3200)].argmax())
    assert loudest[0] < loudest[1]


def test_tones_are_the_same_under_the_same_seed_alone():
    def samples(seed):
        found = sources.tones(Request("tones", {}, None, seed, {}), 2000, "official")
        return [sound.wave.samples.tobytes() for part in found.splits.values() for sound in part]

    one = samples(0)
    assert one == samples(0) and len(set(one)) == len(one) == sources.MADE and not set(one) & set(samples(1))
