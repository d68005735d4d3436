#!/usr/bin/env bash
# Lays the demo's page, LiteRT.js and the phones' files of the weights that ship into a folder that any server of files
# can serve:
#
#     docs/demo/build.sh demo && python -m http.server --directory demo
#
# Needs Python with this package, npm and the npm registry. Some minutes: every export is proven.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?"folder: expected where the demo goes, such as: $0 demo"}
mkdir -p "$out"/{wasm,litert/wasm-utils,models}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$work"
npm install --prefix "$work" --omit=dev --no-audit --no-fund --silent
cp "$work"/node_modules/@litertjs/core/dist/index.js "$out/litert"
cp "$work"/node_modules/@litertjs/wasm-utils/dist/index.js "$out/litert/wasm-utils"
cp "$work"/node_modules/@litertjs/core/wasm/litert_wasm_{internal,compat_internal}.{js,wasm} "$out/wasm"
cp "$here"/*.{html,css,js} "$out"

for weights in draw/mnist align_draw/scenes show_attend_tell/scenes wavenet/tones sentence_vae/docstrings \
    rnnsearch/grammar docnade/docstrings vrnn/tunes topic_rnn/docstrings; do
    model=${weights%/*}
    python -m "export.$model" "$weights" --out "$work/models" $([[ $model == draw ]] && echo --quantize float16)
done
python -m export.wavenet wavenet/spoken-digits-parts --name digits --out "$work/models"
cp "$work"/models/*-*.txt "$out/models"
python - "$out/models/topic_rnn-topics.txt" <<'WORDS'
import pathlib, sys, zoo
model = zoo.load("topic_rnn/docstrings")
topics = [" ".join(model.words.lines[word] for word in row) for row in model.topic_words(10)]
pathlib.Path(sys.argv[1]).write_text("".join(f"{topic}\n" for topic in topics))
WORDS
mv "$work/models/draw-float16.tflite" "$work/models/draw.tflite" # half of what comes with the first look
gzip --best --keep "$work"/models/*.tflite
cp "$work"/models/*.tflite.gz "$out/models"
