import {call, decode, encode, load, normal, shapeOf, uniform, words} from './zoo.js';

const at = (id) => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
window.zoo = {};  // what the panels were told and answered last, for tests

/** Runs a panel's work, one at a time and the newest last, and says in its status what is wrong. */
function panel(id, work) {
  let running = false, again = false;
  const status = at(`${id}-status`);
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    status.textContent = 'working …';
    try {
      status.textContent = (await work()) ?? '';
    } catch (error) {
      status.textContent = `This did not work: ${error.message ?? error}`;
      console.error(error);
    }
    running = false;
    if (again) { again = false; run(); }
  };
}

/** Draws one picture of `side` x `side` pixels with 1 or 3 channels, from `from` on, onto a canvas. */
function paint(canvas, data, from, side, channels) {
  const context = canvas.getContext('2d');
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * data[from + i * channels + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  const small = new OffscreenCanvas(side, side);
  small.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return context;
}

/** Moves a slider from its first value to its last, showing each; at once to the last where motion is not wanted. */
function play(slider, show) {
  const last = Number(slider.max);
  cancelAnimationFrame(slider.frame);
  const started = performance.now();
  const next = (now) => {
    const step = still ? last : Math.min(last, Math.floor((now - started) / Number(slider.dataset.pace)));
    slider.value = step;
    show(step);
    if (step < last) slider.frame = requestAnimationFrame(next);
  };
  slider.frame = requestAnimationFrame(next);
}

function unknown(found) {
  return found.unknown.length ? `Not known to the model: ${found.unknown.join(', ')}.` : '';
}

// DRAW

{
  const SIDE = 28, WRITE = 5;
  const canvas = at('draw-canvas'), step = at('draw-step');
  let answer;

  const show = (t) => {
    if (!answer) return;
    const context = paint(canvas, answer.canvases, t * SIDE * SIDE, SIDE, 1);
    const [x, y, delta] = answer.windows.slice(5 * t, 5 * t + 3);
    const scale = canvas.width / SIDE, half = (delta * (WRITE - 1)) / 2;
    context.strokeStyle = '#ff5a3c';
    context.lineWidth = 2;
    // The centre of the first pixel is 1.
    context.strokeRect((x - 0.5 - half) * scale, (y - 0.5 - half) * scale, 2 * half * scale, 2 * half * scale);
    at('draw-glimpse').textContent = `glimpse ${t + 1} of 64`;
  };
  const run = panel('draw', async () => {
    const model = await load('draw');
    const [, steps, size] = shapeOf(model, 'decode_steps', 'z');
    const [a, b] = ['draw-first', 'draw-last'].map((id) => normal(Number(at(id).value), steps * size));
    const way = (Number(at('draw-way').value) * Math.PI) / 2;
    const z = a.map((each, i) => Math.cos(way) * each + Math.sin(way) * b[i]);  // as likely as its ends
    const started = performance.now();
    answer = await call(model, 'decode_steps', {z});
    window.zoo.draw = {inputs: {z}, answer};
    play(step, show);
    return `painted in ${Math.round(performance.now() - started)} ms`;
  });
  for (const id of ['draw-first', 'draw-last', 'draw-way']) at(id).addEventListener('input', run);
  at('draw-new').addEventListener('click', () => {
    at('draw-first').value = Math.floor(Math.random() * 1000);
    run();
  });
  step.addEventListener('input', () => { cancelAnimationFrame(step.frame); show(Number(step.value)); });
  run();
}

// alignDRAW, and Show, Attend and Tell of what it painted

const SIDE = 32;
let picture;  // [32, 32, 3]

{
  const canvas = at('paint-canvas'), step = at('paint-step'), list = at('paint-words');
  let answer, said = [];

  const show = (t) => {
    if (!answer) return;
    paint(canvas, answer.canvases, t * SIDE * SIDE * 3, SIDE, 3);
    const weights = answer.word_weights.slice(20 * t, 20 * t + said.length), most = Math.max(...weights);
    [...list.children].forEach((each, i) => {
      each.style.setProperty('--weight', weights[i] / most);
      each.classList.toggle('most', weights[i] === most);
    });
  };
  const run = panel('paint', async () => {
    const model = await load('align_draw'), known = await words('align_draw-words.txt');
    const found = encode(at('paint-text').value, known, 20);
    if (!found.said.length) return 'Type a caption.';
    said = found.said;
    list.replaceChildren(...said.map((word) => Object.assign(document.createElement('li'), {textContent: word})));
    const [, steps, size] = shapeOf(model, 'generate_steps', 'noise');
    const inputs = {caption: found.ids, noise: normal(Number(at('paint-seed').value), steps * size)};
    answer = await call(model, 'generate_steps', inputs);
    window.zoo.paint = {inputs, answer};
    picture = answer.images;
    play(step, show);
    return unknown(found);
  });
  at('paint-form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
  at('paint-seed').addEventListener('input', run);
  for (const each of document.querySelectorAll('[data-caption]')) {
    each.addEventListener('click', () => { at('paint-text').value = each.textContent; run(); });
  }
  step.addEventListener('input', () => { cancelAnimationFrame(step.frame); show(Number(step.value)); });
}

{
  const canvas = at('tell-canvas'), list = at('tell-words');
  let shown, answer;

  const look = (k) => {  // 8 x 8 places; k: the word, -1 for the picture alone
    const context = paint(canvas, shown, 0, SIDE, 3);
    if (k < 0) return;
    const weights = answer.attention.slice(64 * k, 64 * k + 64), most = Math.max(...weights), side = canvas.width / 8;
    weights.forEach((weight, i) => {
      context.fillStyle = `rgb(0 0 0 / ${0.85 * (1 - weight / most)})`;
      context.fillRect((i % 8) * side, Math.floor(i / 8) * side, side, side);
    });
  };
  const run = panel('tell', async () => {
    const model = await load('show_attend_tell'), known = await words('show_attend_tell-words.txt');
    const inputs = {images: Float32Array.from(shown)};
    answer = await call(model, 'caption_images', inputs);
    window.zoo.tell = {inputs, answer};
    list.replaceChildren(...decode(answer.tokens, known).map((word, k) => {
      const button = Object.assign(document.createElement('button'), {type: 'button', textContent: word});
      for (const event of ['focus', 'mouseenter']) button.addEventListener(event, () => look(k));
      for (const event of ['blur', 'mouseleave']) button.addEventListener(event, () => look(-1));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }));
    look(-1);
    return 'Point at a word, or step to it with the tab key, to see where the model looked.';
  });
  const tell = (pixels) => { shown = pixels; run(); };
  at('tell-painted').addEventListener('click', () => {
    if (picture) tell(picture);
    else at('tell-status').textContent = 'Paint a caption above first.';
  });
  const read = async (file) => {
    try {
      const bitmap = await createImageBitmap(file, {resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: 'high'});
      const context = new OffscreenCanvas(SIDE, SIDE).getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, SIDE, SIDE);
      context.drawImage(bitmap, 0, 0);
      const {data} = context.getImageData(0, 0, SIDE, SIDE);
      tell(Float32Array.from({length: SIDE * SIDE * 3}, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)] / 255));
    } catch {
      at('tell-status').textContent = `${file.name} is no picture that this browser reads; choose a PNG or a JPEG.`;
    }
  };
  at('tell-file').addEventListener('change', (event) => event.target.files[0] && read(event.target.files[0]));
  const zone = at('tell');
  zone.addEventListener('dragover', (event) => event.preventDefault());
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) read(event.dataTransfer.files[0]);
  });
}

// WaveNet, of timbres and of digits by several speakers

for (const {id, file} of [{id: 'play', file: 'wavenet'}, {id: 'say', file: 'digits'}]) {
  const RATE = 8000, COUNT = 4000, SHOWN = 200, HOP = 100, PARTS = 16;
  const canvas = at(`${id}-canvas`), context = canvas.getContext('2d'), speaker = at(`${id}-speaker`);
  let label = 0, sounds, wave = new Float32Array(COUNT);

  const draw = (count) => {
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = '#ffb199';
    context.beginPath();
    for (let i = 0; i < count; i++) {
      context.lineTo((i / COUNT) * canvas.width, (0.5 - 0.48 * wave[i]) * canvas.height);
    }
    context.stroke();
  };
  const hear = () => {
    sounds ??= new AudioContext();
    const buffer = sounds.createBuffer(1, COUNT, RATE);
    buffer.copyToChannel(wave, 0);
    const source = new AudioBufferSourceNode(sounds, {buffer});
    source.connect(sounds.destination);
    source.start();
  };
  const run = panel(id, async () => {
    const model = await load(file), told = {label: Int32Array.of(label)};
    if (speaker) {
      const [, hops] = shapeOf(model, 'step', 'notes'), said = COUNT / HOP;
      told.speaker = Int32Array.of(speaker.value);
      told.notes = Int32Array.from({length: hops}, (_, k) => k < said ? 1 + Math.floor(k * PARTS / said) : 0);
    }
    let state = {
      time: new Int32Array(1),
      rows: new Float32Array(shapeOf(model, 'step', 'rows').reduce((a, b) => a * b)),
      last: Int32Array.of(-1, -1),
    };
    const uniforms = uniform(Math.floor(Math.random() * 1e6), COUNT), started = performance.now();
    for (let i = 0; i < COUNT; i++) {
      const inputs = {...state, uniforms: Float32Array.of(uniforms[i]), ...told};
      const {audio, ...after} = await call(model, 'step', inputs);
      wave[i] = audio[0];
      state = after;
      if (i === 2) window.zoo[id] = {inputs, answer: {audio, ...after}};
      if (i % SHOWN === 0) {
        draw(i);
        at(`${id}-status`).textContent = `${i.toLocaleString('en')} of ${COUNT.toLocaleString('en')} samples`;
        await new Promise(requestAnimationFrame);
      }
    }
    draw(COUNT);
    at(`${id}-again`).disabled = false;
    hear();
    return `drawn in ${((performance.now() - started) / 1000).toFixed(1)} s`;
  });
  words(`${file}-labels.txt`).then(({lines}) => {
    at(`${id}-classes`).replaceChildren(...lines.map((name, i) => {
      const button = Object.assign(document.createElement('button'), {type: 'button', textContent: name});
      button.addEventListener('click', () => { label = i; run(); });
      return button;
    }));
  });
  if (speaker) {
    words(`${file}-speakers.txt`).then(({lines}) => speaker.replaceChildren(...lines.map(
      (name, i) => Object.assign(document.createElement('option'), {textContent: name, value: i}))));
  }
  at(`${id}-again`).addEventListener('click', hear);
  draw(0);
}

// VRNN

{
  const KEYS = 88, STEPS = 50, BEGUN = 16, TEMPO = 2, LOWEST = 30, SHOWN = [28, 62], BEAT = 0.14;
  const PATTERNS = {
    'scale up': [[0], [2], [4], [5], [7], [9], [11], [12]],
    arpeggio: [[0], [4], [7], [12], [16], [12], [7], [4]],
    thirds: [[0, 4], [2, 5], [4, 7], [5, 9], [7, 11], [9, 12], [11, 14], [12, 16]],
    chords: [[0, 4, 7], [0, 4, 7], [5, 9, 12], [5, 9, 12], [7, 11, 14], [7, 11, 14], [0, 4, 7], [0, 4, 7]],
  };
  const canvas = at('tune-canvas'), context = canvas.getContext('2d');
  const roll = new Float32Array(STEPS * KEYS);
  let pattern = 'scale up', sounds, seed = 0;

  const draw = (count) => {
    const [low, high] = SHOWN, width = canvas.width / STEPS, height = canvas.height / (high - low);
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (let t = 0; t < count; t++) {
      context.fillStyle = t < BEGUN ? '#8a8a96' : '#ffb199';
      for (let k = low; k < high; k++) {
        if (roll[t * KEYS + k]) context.fillRect(t * width, (high - 1 - k) * height, width - 1, height - 1);
      }
    }
  };
  const hear = () => {
    sounds?.close();
    sounds = new AudioContext();
    const volume = new GainNode(sounds, {gain: 0.12});
    volume.connect(sounds.destination);
    for (let k = 0; k < KEYS; k++) {
      for (let t = 0, begun = 0; t <= STEPS; t++) {
        const on = t < STEPS && roll[t * KEYS + k], before = t && roll[(t - 1) * KEYS + k];
        if (on && !before) begun = t;
        if (on || !before) continue;
        const note = new OscillatorNode(sounds, {type: 'triangle', frequency: 440 * 2 ** ((k + 21 - 69) / 12)});
        note.connect(volume);
        note.start(sounds.currentTime + begun * BEAT);
        note.stop(sounds.currentTime + t * BEAT - 0.02);
      }
    }
  };
  const run = panel('tune', async () => {
    const model = await load('vrnn'), root = LOWEST + Number(at('tune-root').value);
    const size = (signature, name) => shapeOf(model, signature, name).reduce((a, b) => a * b);
    let state = {h: new Float32Array(size('step', 'h')), c: new Float32Array(size('step', 'c'))};
    roll.fill(0);
    seed += 1;
    for (let t = 0; t < STEPS; t++) {
      const noise_z = normal(1000 * seed + t, size('step', 'noise_z'));
      if (t < BEGUN) {
        for (const each of PATTERNS[pattern][Math.floor(t / TEMPO) % 8]) roll[t * KEYS + root + each] = 1;
        const sequence = roll.slice(t * KEYS, (t + 1) * KEYS);
        state = await call(model, 'read_step', {...state, sequence, noise_z});
        continue;
      }
      const inputs = {...state, noise_z, noise_bits: uniform(1000 * seed + t + 500, size('step', 'noise_bits'))};
      const {sequence, ...after} = await call(model, 'step', inputs);
      roll.set(sequence, t * KEYS);
      state = after;
      if (t === BEGUN) window.zoo.tune = {inputs, answer: {sequence, ...after}};
      draw(t + 1);
    }
    at('tune-again').disabled = false;
    hear();
    return '';
  });
  at('tune-root').replaceChildren(...['C', 'C♯', 'D', 'E♭', 'E', 'F', 'F♯', 'G', 'A♭', 'A', 'B♭', 'B'].map(
    // The model's lowest root is an E flat.
    (name, i) => Object.assign(document.createElement('option'), {textContent: name, value: (i + 9) % 12})));
  at('tune-patterns').replaceChildren(...Object.keys(PATTERNS).map((name) => {
    const button = Object.assign(document.createElement('button'), {type: 'button', textContent: name});
    button.addEventListener('click', () => { pattern = name; run(); });
    return button;
  }));
  at('tune-again').addEventListener('click', hear);
  draw(0);
}

// Sentence VAE

{
  const STEPS = 7;
  const run = panel('way', async () => {
    const model = await load('sentence_vae'), known = await words('sentence_vae-words.txt');
    const [, length] = shapeOf(model, 'encode', 'text'), [, size] = shapeOf(model, 'decode', 'z');
    const ends = [], found = ['way-first', 'way-last'].map((id) => encode(at(id).value, known, length));
    if (found.some((each) => !each.said.length)) return 'Type two sentences.';
    for (const each of found) {
      const inputs = {text: each.ids, noise_z: new Float32Array(size)};
      const answer = await call(model, 'encode', inputs);
      window.zoo.way = {inputs, answer};
      ends.push(answer.mean);
    }
    const items = [];
    for (let i = 0; i < STEPS; i++) {
      const t = i / (STEPS - 1);
      const z = ends[0].map((each, k) => (1 - t) * each + t * ends[1][k]);
      const text = decode((await call(model, 'decode', {z})).tokens, known).join(' ');
      items.push(Object.assign(document.createElement('li'), {textContent: text}));
    }
    at('way-texts').replaceChildren(...items);
    return found.map(unknown).filter(Boolean).join(' ');
  });
  at('way-form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
}

// RNNsearch

{
  const run = panel('translate', async () => {
    const model = await load('rnnsearch');
    const [source, target] = [await words('rnnsearch-source-words.txt'), await words('rnnsearch-target-words.txt')];
    const [, length] = shapeOf(model, 'translate', 'source');
    const found = encode(at('translate-text').value, source, length);
    if (!found.said.length) return 'Type a sentence.';
    const inputs = {source: found.ids};
    const answer = await call(model, 'translate', inputs);
    window.zoo.translate = {inputs, answer};
    const text = decode(answer.tokens, target);
    at('translate-said').textContent = text.join(' ');
    const head = document.createElement('tr'), cell = (kind, text) =>
      Object.assign(document.createElement(kind), {textContent: text});
    head.append(cell('td', ''), ...found.said.map((word) => {
      const th = cell('th', '');
      th.append(cell('span', word));
      th.scope = 'col';
      return th;
    }));
    const rows = text.map((word, t) => {
      const row = document.createElement('tr'), name = cell('th', word);
      name.scope = 'row';
      row.append(name, ...found.said.map((from, s) => {
        const weight = answer.attention[t * length + s], td = cell('td', '');
        td.style.setProperty('--weight', weight);
        td.title = `${word} looked at ${from}: ${Math.round(100 * weight)} %`;
        return td;
      }));
      return row;
    });
    at('translate-matrix').replaceChildren(head, ...rows);
    return unknown(found);
  });
  at('translate-form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
}

// DocNADE

{
  const run = panel('near', async () => {
    const model = await load('docnade'), known = await words('docnade-words.txt');
    const word = at('near-word').value.trim().toLowerCase();
    if (!known.numbers.has(word)) return `“${word}” is not among the words of the model.`;
    const inputs = {word: Int32Array.of(known.numbers.get(word))};
    const answer = await call(model, 'nearest', inputs);
    window.zoo.near = {inputs, answer};
    if (answer.similarity.every((each) => each === 0)) return `“${word}” is too frequent a word to be in the model.`;
    at('near-words').replaceChildren(...[...answer.tokens].map((id, i) => {
      const item = document.createElement('li'), meter = document.createElement('meter');
      meter.value = answer.similarity[i];
      meter.textContent = answer.similarity[i].toFixed(2);
      item.append(known.lines[id], meter);
      return item;
    }));
    return '';
  });
  at('near-form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
}

// TopicRNN

{
  const TOLD = 4;
  const run = panel('topics', async () => {
    const model = await load('topic_rnn'), known = await words('topic_rnn-words.txt');
    const {lines} = await words('topic_rnn-topics.txt');
    const [, length] = shapeOf(model, 'topics', 'text'), found = encode(at('topics-text').value, known, length);
    if (!found.said.length) return 'Type a text.';
    const inputs = {text: found.ids};
    const answer = await call(model, 'topics', inputs);
    window.zoo.topics = {inputs, answer};
    const most = [...answer.theta.keys()].sort((a, b) => answer.theta[b] - answer.theta[a]).slice(0, TOLD);
    at('topics-found').replaceChildren(...most.map((k) => {
      const item = document.createElement('li');
      const meter = Object.assign(document.createElement('meter'), {min: 0, max: 3, value: answer.theta[k]});
      meter.textContent = answer.theta[k].toFixed(2);
      item.append(lines[k], meter);
      return item;
    }));
    return unknown(found);
  });
  at('topics-form').addEventListener('submit', (event) => { event.preventDefault(); run(); });
}
