// What every panel needs: models, random numbers, words. Arrays are flat, row by row, as the model cards have them.
import {Tensor, loadAndCompile, loadLiteRt} from '@litertjs/core';

const models = new Map();
let runtime;

/** The model of models/NAME.tflite; fetched once. */
export function load(name) {
  if (!models.has(name)) {
    runtime ??= loadLiteRt('wasm/');
    models.set(name, Promise.all([bytes(name), runtime]).then(([file]) => loadAndCompile(file, {accelerator: 'wasm'})));
  }
  return models.get(name);
}

/** A model's file, which lies there compressed: not every server of files compresses. */
async function bytes(name) {
  const answer = await fetch(`models/${name}.tflite.gz`);
  if (!answer.ok) throw new Error(`models/${name}.tflite.gz: ${answer.status}`);
  const plain = answer.body.pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** The shape of an input, such as [1, 64, 100]. */
export function shapeOf(model, signature, input) {
  const found = model.signatures[signature].getInputDetails().find((each) => each.name === input);
  return [...found.shape];
}

/** What a signature answers, {name: typed array}. inputs: {name: Float32Array or Int32Array}. */
export async function call(model, signature, inputs) {
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [name, new Tensor(data, shapeOf(model, signature, name))]));
  const answers = await model.signatures[signature].run(tensors);
  const found = Object.fromEntries(Object.entries(answers).map(([name, each]) => [name, each.toTypedArray().slice()]));
  for (const each of [...Object.values(tensors), ...Object.values(answers)]) each.delete();
  return found;
}

/** `count` independent uniform numbers in (0, 1), the same for the same seed (an integer). */
export function uniform(seed, count) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  const next = () => {  // xorshift, 32 bits
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.min((state + 0.5) / 4294967296, 1 - 2 ** -24);  // below 1 in 32 bits, too
  };
  for (let i = 0; i < 20; i++) next();
  return Float32Array.from({length: count}, next);
}

/** `count` independent standard normal numbers, the same for the same seed. */
export function normal(seed, count) {
  const pairs = uniform(seed, 2 * count);
  return Float32Array.from({length: count}, (_, i) =>
    Math.sqrt(-2 * Math.log(pairs[2 * i])) * Math.cos(2 * Math.PI * pairs[2 * i + 1]));
}

/** The lines of models/FILE. Line 0 is the end of a text, line 1 any unknown word. */
export async function words(file) {
  const lines = (await (await fetch(`models/${file}`)).text()).trimEnd().split('\n');
  return {lines, numbers: new Map(lines.map((line, i) => [line, i]))};
}

/** Lower-cased words and marks, by the rule of zoo/nn/spelling.py for plain text. */
export function tokens(text) {
  const plain = text.replace(/[\u2018-\u201b\u02bc]/g, "'").replace(/[\u201c-\u201f\xab\xbb]/g, '"');
  return plain.toLowerCase().replace(/([.,!?;:"()])/g, ' $1 ').split(/\s+/).filter(Boolean);
}

/** {ids: Int32Array [length], said: the words that fit in, unknown: those that the model has not learned}. */
export function encode(text, known, length) {
  const said = tokens(text).slice(0, length - 1);
  const ids = new Int32Array(length);
  said.forEach((word, i) => { ids[i] = known.numbers.get(word) ?? 1; });
  return {ids, said, unknown: said.filter((word) => !known.numbers.has(word))};
}

/** The words of numbers up to the end. */
export function decode(ids, known) {
  const end = ids.indexOf(0);
  return [...ids.slice(0, end < 0 ? ids.length : end)].map((id) => known.lines[id] ?? '?');
}
