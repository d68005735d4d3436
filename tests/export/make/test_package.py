import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import zoo
from export.declare import latent, reference
from export.declare.signature import NORMAL, meanings, phone_inputs, server_inputs
from export.declare.strings import picture, text
from export.make import card, command, litert, package, savedmodel
from export.prove import proof
from zoo import catalogue
from zoo.data import named
from zoo.data.pictures import sources
from zoo.nn.pretrained import extractors
from zoo.store import runs

LATENT = {"generate", "decode", "reconstruct", "encode", "log_likelihood"}
STEPS = {"generate_steps", "decode_steps", "reconstruct_steps"}
CAPTIONED = {"generate", "reconstruct", "log_likelihood"}
PROMISED = {  # to those who use them: what a server and, if it is something else, a phone find
    "draw": [LATENT | STEPS],
    "draw_classifier": [{"classify"}],
    "vae": [LATENT],
    "vrae": [LATENT],
    "align_draw": [CAPTIONED | STEPS - {"decode_steps"}],
    "caption_vae": [CAPTIONED],
    "show_attend_tell": [{"caption", "caption_images"}, {"caption_images", "start", "decode_step"}],
    "sentence_vae": [
        {"encode", "decode", "generate", "interpolate", "fill", "log_prob"},
        {"encode", "decode", "log_prob", "start", "decode_step"},
    ],
    "language_model": [{"generate", "log_prob"}, {"log_prob", "decode_step"}],
    "sequence_autoencoder": [{"reconstruct", "encode", "log_prob"}],
    "text_classifier": [{"classify"}],
}


def offered(exported, name):
    """The signatures that a model's declaration names, of a server and of a phone, by its run."""
    model, run = package.load(exported.runs[name][0], exported(name).parent / "run")
    about = json.loads((exported(name) / name / "1" / savedmodel.ABOUT).read_text())
    return [set(side) for side in package.offer(package.signatures_of(run.model), model, about["fixed"])[:2]]


@pytest.mark.parametrize("name", PROMISED)
def test_what_is_promised_is_offered(exported, name):
    server, phone = offered(exported, name)
    assert [server, phone] == [PROMISED[name][0], PROMISED[name][-1]]


def test_an_export_equals_keras_and_refuses_bad_requests(exported, proved, served_name):
    name = served_name
    server, phone = offered(exported, name)
    version = exported(name) / name / "1"
    problems, said = (proved(name)[what] for what in ("problems", "said"))
    assert problems == []
    for signature in server:
        for what in ("Keras at export", "Keras, batch 1", "Keras, batch 5", "warm-up"):
            assert any(signature in line and what in line for line in said.splitlines())
    assert set(re.findall(rf"LiteRT {name}.tflite (\w+)/", said)) == phone
    declared = savedmodel.meta_graph(version).signature_def
    assert set(declared) - {"__saved_model_init_op"} == server | {"serving_default"}
    everything = [t for s in declared.values() for t in s.inputs.values()]
    assert all(t.tensor_shape.dim[0].size == -1 for t in everything)  # the batch is free
    assert {path.name for path in version.parent.iterdir()} == {
        "1"
    }  # some servers take whatever is there for a version


def test_every_variant_of_a_model_offers_outputs_that_its_card_explains(any_variant, fixed_of):
    """Those that are exported have a card, which is refused for an output without a meaning."""
    name, config = any_variant
    model = catalogue.build(name, config)
    if model.fields.keys() & extractors.NAMED:
        pytest.skip("a frozen network comes before this one; test_show_attend_tell has one")
    for words in model.vocabularies.values():
        letters = getattr(words, "units", "words") == "characters"
        words.learn([word[0] if letters else word for word in ("a", "red", "hat")][: words.size])
    signatures = package.signatures_of(name)
    server, phone = package.offer(signatures, model, fixed_of(signatures))[:2]
    for side, is_phone in ((server, False), (phone, True)):
        keras = reference.Keras(model, side, phone=is_phone)
        for key, signature in side.items():
            inputs = phone_inputs(signature, model) if is_phone else server_inputs(signature)
            outputs = keras.answers(key, reference.examples(inputs, 2))
            assert outputs.keys() <= meanings(signature).keys()
            assert all(len(value) == 2 for value in outputs.values())


def test_noise_that_is_said_to_be_standard_normal_is(exported, served_name, fixed_of):
    model, run = package.load(exported.runs[served_name][0], exported(served_name).parent / "run")
    signatures = package.signatures_of(run.model)
    phone = package.offer(signatures, model, fixed_of(signatures)).phone
    for signature in phone.values():
        specs = {k: v for k, v in phone_inputs(signature, model).items() if k not in signature.inputs}
        for name, drawn in reference.examples(specs, 300).items():
            if specs[name].says.startswith(NORMAL):
                np.testing.assert_allclose([drawn.mean(), drawn.std()], [0, 1], atol=0.15)


def implausible_digits():
    digit = np.zeros((1, 9, 11, 2), np.float32)
    digit[:, 2:6, 3:8] = 1
    noise = np.random.default_rng(0).uniform(size=digit.shape).astype(np.float32)
    return {"inverted": 1 - digit, "ones": np.ones_like(digit), "noise": noise}


def test_the_log_likelihood_of_an_improbable_picture_is_finite_on_a_phone(exported, tmp_path):
    """A canvas of logits of a hundred and more is what a trained model has; here the first canvas is one."""
    model = zoo.load(exported("draw").parent / "run")
    model.initial.canvas.assign(np.full((9, 11, 2), -150, np.float32))
    signature = latent.signatures(model, 3)["log_likelihood"]
    keras = reference.Keras(model, {"log_likelihood": signature}, phone=True)
    record = litert.convert(keras, ("float32",))["float32"]
    (tmp_path / "model.tflite").write_bytes(record["content"])
    call = Interpreter(model_path=str(tmp_path / "model.tflite")).get_signature_runner("log_likelihood")
    noise = np.random.default_rng(1).standard_normal((1, 3, 3, 3), np.float32)
    for what, image in implausible_digits().items():
        (got,) = call(images=image, noise=noise)["log_likelihood"]
        want = [float(model.log_weights({"image": image}, noise[:, k])[0]) for k in range(3)]
        assert want[0] < -1000, what
        np.testing.assert_allclose(got, np.logaddexp.reduce(want) - np.log(3), rtol=1e-5)


def test_both_interfaces_of_litert_answer_and_both_are_measured(exported, proved, served_name):
    _, phone = offered(exported, served_name)
    found = proved(served_name)["litert"][f"{served_name}.tflite"]
    assert found["asked"] == [[interface, sorted(phone)] for interface in ("Interpreter", "CompiledModel")]
    assert max(share for _, share in found["errors"].values()) < 1e-5
    assert found["milliseconds"].keys() == phone and found["megabytes"] > 1


def loop_bodies(path):
    """[(name of an operation, whether each of its inputs is a constant)] in the bodies of a LiteRT file's loops."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    kind = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    loops = [op for graph in model.subgraphs for op in graph.operators if kind[op.opcodeIndex] == "WHILE"]
    for graph in [model.subgraphs[op.builtinOptions.bodySubgraphIndex] for op in loops]:
        for op in graph.operators:
            constant = [model.buffers[graph.tensors[k].buffer].data is not None for k in op.inputs if k >= 0]
            yield kind[op.opcodeIndex], constant


@pytest.mark.parametrize("name", ["draw", "align_draw", "vrae", "show_attend_tell"])
def test_no_loop_slices_by_its_counter(exported, name):
    """OpenVINO (2026.4) answers garbage if one does."""
    found = [constant for op, constant in loop_bodies(exported(name) / f"{name}.tflite") if op == "STRIDED_SLICE"]
    assert all(begin for _, begin, *_ in found)
    assert found or name in ("vrae", "show_attend_tell")


def test_a_generated_image_comes_alone_and_on_demand_with_every_canvas(exported):
    outputs = savedmodel.meta_graph(exported("draw") / "draw" / "1").signature_def["generate"].outputs
    shapes = {k: [d.size for d in v.tensor_shape.dim] for k, v in outputs.items()}
    assert shapes == {"images": [-1, 9, 11, 2]}
    outputs = savedmodel.meta_graph(exported("draw") / "draw" / "1").signature_def["generate_steps"].outputs
    shapes = {k: [d.size for d in v.tensor_shape.dim] for k, v in outputs.items()}
    assert shapes == {"images": [-1, 9, 11, 2], "canvases": [-1, 3, 9, 11, 2], "windows": [-1, 3, 5]}


def test_the_card_tells_data_figures_command_limits_and_operations(exported):
    card = (exported("vae") / "vae.md").read_text()
    assert card == (exported("vae") / "vae" / "1" / "README.md").read_text()
    for told in ("bound | 91.25 | nats", "360", "python -m trainers.vae", "## Limits", "FULLY_CONNECTED", "`digits`"):
        assert told in card
    for kind in ("dynamic", "float16", "int8"):  # made, or refused with the reason
        assert f"`vae-{kind}.tflite`" in card or f"`{kind}` was refused: " in card


def test_the_card_and_the_vocabulary_tell_what_strings_and_ids_are(exported):
    models = exported("align_draw")
    card = (models / "align_draw.md").read_text()
    server, phone = card.split("## LiteRT")
    assert "`caption`: string [batch], each a caption of 1 to 19 words" in server and "unknown_words" in server
    assert "`caption`: int32 [1, 20] in [0, 14]" in phone and "`align_draw-words.txt`" in phone
    assert "12 lines" in phone and "at most 19 words; the model's other numbers, 12 to 14, stand for no word" in phone
    lines = (models / "align_draw-words.txt").read_text().splitlines()
    assert lines[:4] == ["<end>", "<unknown>", "a", "red"] and len(lines) == 12
    card = (exported("show_attend_tell") / "show_attend_tell.md").read_text()
    server, phone = card.split("## LiteRT")
    assert "each a JPEG or PNG file of at most 40 megapixels" in server and "beam of width 3" in server
    assert "beam" not in phone and "`word`: int32 [1] in [-1, 11]" in phone and "-1 before the first one" in phone


@pytest.mark.parametrize("name", ["draw", "align_draw", "show_attend_tell"])
def test_the_snippets_of_a_card_run(exported, name):
    card = (exported(name) / f"{name}.md").read_text()
    server, phone = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    bad = "\nwrong = {name: value * np.nan for name, value in inputs.items()}"
    bad += "\ntry:\n    check(wrong)\nexcept ValueError:\n    print('bad')"
    for snippet, says in ((server, "([3, "), (phone + bad, "bad")):
        done = subprocess.run([sys.executable, "-c", snippet], cwd=exported(name), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert says in done.stdout and "float32" in done.stdout


def test_the_card_tells_values_outputs_noise_and_measurements(exported):
    card = (exported("draw") / "draw.md").read_text()
    (row,) = re.findall(r"\| `generate_steps` \| (`images`: .*) \|", card.split("## LiteRT")[0])
    assert row.endswith("<br>`windows`: float32 [batch, 3, 5]")
    assert card.count("- `windows`: where each glimpse wrote") == 2  # once for a server, once for a phone
    assert "`noise`: float32 [1, 3, 3]" in card and "independent standard normal numbers, fresh for every call" in card
    assert "centre of the first pixel, at the top left, being 1" in card
    assert "- `image`: float32 [9, 11, 2] in [0, 1]: axes and colours, white on black.\n" in card
    assert re.search(r"Milliseconds of a call of `draw.tflite`.*`generate` [\d.]+", card)
    assert re.search(r"`draw.tflite` \| [\d.]+ MB \| [1-9]\d* MB", card)
    assert "ai-edge-litert " in card and "seen to work is 2.14" in card and "license as they see fit" in card


def test_the_figures_table_takes_figures_with_more_or_fewer_keys(tmp_path):
    run = runs.Run(tmp_path, "draw", "smoke", None, {})
    figures = [
        {"name": "a", "value": 2, "unit": "nats"},
        {"name": "b", "value": 3, "unit": "%", "data": "x", "split": "test"},
    ]
    (tmp_path / "metrics.json").write_text(json.dumps(figures))
    rows = card.figures(run).splitlines()[2:]
    assert [row.split(" | ")[:3] for row in rows] == [["| a", "2", "nats"], ["| b", "3", "%"]]
    assert rows[1].endswith("(test) |")


def test_examples_are_those_of_the_data_with_words_that_the_model_knows(write_run, tmp_path):
    size = {"image_shape": (32, 32, 3), "vocabulary": 72}
    run = runs.open_run(write_run(tmp_path / "run", "show_attend_tell", "smoke", size))
    model = zoo.load(run.path)
    found = package.real(run, model, model.fields)
    data = named.load("scenes", fields=model.fields, known={"caption": tuple(model.words.known)}).test
    np.testing.assert_array_equal(found["image"] * 255, data.source.image[:3])
    inputs = {"image_bytes": picture((32, 32, 3)), "caption": text("caption", model.fields["caption"], model.words)}
    sent = reference.examples({name: one.sent() for name, one in inputs.items()}, 3, data=found)
    for file, image in zip(sent["image_bytes"], data.source.image, strict=False):
        np.testing.assert_array_equal(tf.io.decode_png(file), image)
    told = [[word if word in model.words.known else "<unk>" for word in one[0].split()] for one in data.source.captions]
    assert [caption.decode().split() for caption in sent["caption"]] == told[:3]


def test_an_export_downloads_no_data(write_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "_answers", lambda host: pytest.fail(f"{host} was asked"))
    run = runs.open_run(write_run(tmp_path / "run", "vae", "mnist", {}))
    (tmp_path / "empty").mkdir()
    run = run._replace(config=run.config | {"data_dir": str(tmp_path / "empty")})
    model = zoo.load(run.path)
    assert package.real(run, model, model.fields) == {}
    said = capsys.readouterr().out
    assert "the examples are made up" in said and "TFDS_DATA_DIR=" in said and "--data-dir" not in said


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
