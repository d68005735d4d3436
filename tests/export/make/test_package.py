import json
import re
import shutil

import numpy as np
import pytest

from export.make import command, package, savedmodel
from export.prove import proof

LATENT = {"generate", "decode", "reconstruct", "encode", "log_likelihood"}
CAPTIONED = {"generate", "reconstruct", "log_likelihood"}
WANTED = {  # of a server
    "draw": LATENT,
    "draw_classifier": {"classify"},
    "vae": LATENT,
    "vrae": LATENT,
    "align_draw": CAPTIONED,
    "caption_vae": CAPTIONED,
    "show_attend_tell": {"caption", "caption_images"},
}
ON_PHONES = WANTED | {"show_attend_tell": {"caption_images", "start", "decode_step"}}


@pytest.mark.parametrize("name", WANTED)
def test_an_export_equals_keras_and_refuses_bad_requests(exported, capsys, name):
    version = exported(name) / name / "1"
    assert proof.prove(version) == []
    said = capsys.readouterr().out
    for signature in WANTED[name]:
        for what in ("Keras at export", "Keras, batch 1", "Keras, batch 5", "warm-up"):
            assert any(signature in line and what in line for line in said.splitlines())
    assert set(re.findall(rf"LiteRT {name}.tflite (\w+)/", said)) == ON_PHONES[name]
    declared = savedmodel.meta_graph(version).signature_def
    assert set(declared) - {"__saved_model_init_op"} == WANTED[name] | {"serving_default"}
    everything = [t for s in declared.values() for t in s.inputs.values()]
    assert all(t.tensor_shape.dim[0].size == -1 for t in everything)  # the batch is free


def test_a_generated_image_comes_with_every_canvas(exported):
    outputs = savedmodel.meta_graph(exported("draw") / "draw" / "1").signature_def["generate"].outputs
    shapes = {k: [d.size for d in v.tensor_shape.dim] for k, v in outputs.items()}
    assert shapes == {"images": [-1, 9, 11, 2], "canvases": [-1, 3, 9, 11, 2], "windows": [-1, 3, 5]}


def test_the_card_tells_data_figures_command_limits_and_operations(exported):
    card = (exported("vae") / "vae.md").read_text()
    assert card == (exported("vae") / "vae" / "1" / "README.md").read_text()
    for text in ("bound | 91.25 | nats", "360", "python -m trainers.vae", "## Limits", "FULLY_CONNECTED", "`digits`"):
        assert text in card
    for kind in ("dynamic", "float16", "int8"):  # made, or refused with the reason
        assert f"`vae-{kind}.tflite`" in card or f"`{kind}` was refused: " in card


def test_the_card_and_the_vocabulary_tell_what_strings_and_ids_are(exported):
    models = exported("align_draw")
    card = (models / "align_draw.md").read_text()
    server, phone = card.split("## LiteRT")
    assert "`caption`: string [batch], each a caption of 1 to 19 words" in server and "unknown_words" in server
    assert "`caption`: int32 [batch, 20]" in phone and "`align_draw-words.txt`" in phone
    lines = (models / "align_draw-words.txt").read_text().splitlines()
    assert lines[:4] == ["<end>", "<unknown>", "a", "red"] and len(lines) == 12
    card = (exported("show_attend_tell") / "show_attend_tell.md").read_text()
    server, phone = card.split("## LiteRT")
    assert "each a JPEG or PNG file of at most 40 megapixels" in server and "beam of width 3" in server
    assert "beam" not in phone and "1 (any: start, decode_step)" in phone and "-1 before the first one" in phone


def damaged(exported, tmp_path):
    shutil.copytree(exported("draw_classifier"), tmp_path / "models")
    return tmp_path / "models" / "draw_classifier" / "1"


def test_an_answer_that_is_not_the_runs_own_is_a_problem(exported, tmp_path):
    version = damaged(exported, tmp_path)
    with np.load(version / savedmodel.EXAMPLES) as stored:
        arrays = dict(stored)
    arrays["classify/outputs/logits"] = arrays["classify/outputs/logits"] + np.float32(0.01)
    np.savez(version / savedmodel.EXAMPLES, **arrays)
    assert any("Keras at export" in problem and "logits" in problem for problem in proof.prove(version))


def test_a_litert_file_of_another_export_is_not_taken_for_this_one(exported, tmp_path, capsys):
    version = damaged(exported, tmp_path)
    (tmp_path / "models" / "draw_classifier.tflite").write_bytes(b"another")
    assert proof.prove(version) == []
    assert "belongs to another version" in capsys.readouterr().out


def test_a_request_that_ought_to_be_refused_and_is_not_is_a_problem(exported, capsys):
    version = exported("draw_classifier") / "draw_classifier" / "1"
    good = {"images": np.zeros((2, 9, 11, 1), np.float32)}
    request = proof.Request("all zeros", "classify", good, names="images")
    problems = proof.judge([request], proof.ask(version, [request]), 1e-4)
    assert problems == ["classify (all zeros): was answered, expected an error that names images"]


def test_an_error_says_what_to_do(exported, tmp_path):
    run = exported("vae").parent / "run"
    with pytest.raises(ValueError, match=r"got a vae run .* use: python -m export.vae"):
        package.export("draw", package.signatures_of("draw"), command.Sampling(str(run)))
    with pytest.raises(FileNotFoundError, match=r"found no saved_model.pb"):
        proof.prove(tmp_path)
    with pytest.raises(ValueError, match="k: got 0"):
        command.Sampling("runs/draw/digits", k=0)
    with pytest.raises(ValueError, match="width: got 0"):
        command.Search("runs/show_attend_tell/scenes", width=0)
    about = json.loads((exported("vae") / "vae" / "1" / savedmodel.ABOUT).read_text())
    assert about["fixed"] == {"k": 3} and about["config"]["z_size"] == 3
