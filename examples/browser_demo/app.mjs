// The page: loads all files once, then tags the text as one types.
import * as ort from './ort.wasm.min.mjs';
import { Tokenizer } from './tokenizers.min.mjs';
import { Tagger } from './tagger.mjs';

const SAMPLE = 'Ada Lovelace was born in London. In 1843 she wrote about the machine of Charles Babbage.';
const [field, status, answer, types] = ['text', 'status', 'answer', 'types'].map((id) => document.getElementById(id));

/** A file, unpacked unless the server did so. */
async function bytesOf(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const plain = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')));
  return new Uint8Array(await plain.arrayBuffer());
}

const jsonOf = async (name) => JSON.parse(new TextDecoder().decode(await bytesOf(name)));

async function open() {
  const [wasm, model, tokenizer, config, facts, words] = await Promise.all([
    bytesOf('ort.wasm.gz'), bytesOf('model.onnx.gz'), jsonOf('tokenizer.json.gz'), jsonOf('tokenizer_config.json'),
    jsonOf('model.json'), jsonOf('words.json.gz')]);
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = { mjs: new URL('ort-wasm-simd-threaded.mjs', location.href).href };
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  // eslint-disable-next-line no-undef
  return new Tagger(facts, wordSplitter(words), new Tokenizer(tokenizer, config), session, ort.Tensor);
}

const hues = new Map();
function colour(element, type) {
  if (!hues.has(type)) hues.set(type, (210 + hues.size * 137) % 360);
  element.style.setProperty('--hue', hues.get(type));
}

function show(text, entities) {
  const parts = [];
  let place = 0;
  for (const { type, start, end, score } of entities) {
    const mark = document.createElement('mark'), name = document.createElement('small');
    colour(mark, type);
    mark.title = `${type}, ${Math.round(100 * score)} %, characters ${start} to ${end}`;
    mark.dataset.start = start; mark.dataset.end = end; mark.dataset.type = type;
    name.textContent = type;
    mark.append(text.slice(start, end), name);
    parts.push(text.slice(place, start), mark);
    place = end;
  }
  answer.replaceChildren(...parts, text.slice(place));
}

/** Answers the newest text; texts typed meanwhile are left out. */
function answering(tagger) {
  let busy = false, waiting = false;
  return async function run() {
    if (busy) { waiting = true; return; }
    busy = true;
    do {
      waiting = false;
      const text = field.value, began = performance.now(), entities = await tagger.tag(text);
      show(text, entities);
      const count = entities.length === 1 ? '1 entity' : `${entities.length} entities`;
      status.textContent = `${count} in ${(performance.now() - began).toFixed(1)} ms`;
      document.body.dataset.answered = text;
    } while (waiting);
    busy = false;
  };
}

try {
  const tagger = await open(), run = answering(tagger);
  await tagger.tag(SAMPLE);  // The first answer takes longer than all others.
  for (const type of new Set(tagger.labels.filter((label) => label !== 'O').map((label) => label.slice(2)))) {
    const item = document.createElement('li'), mark = document.createElement('mark');
    colour(mark, type);
    mark.textContent = type;
    item.append(mark);
    types.append(item);
  }
  field.disabled = false;
  field.value = new URLSearchParams(location.search).get('text') ?? SAMPLE;
  field.addEventListener('input', run);
  await run();
} catch (error) {
  status.textContent = `The model could not be loaded: ${error.message ?? error}`;
  document.body.dataset.failed = 'yes';
}
