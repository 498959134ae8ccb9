// Runs exported students with transformers.js: node pipelines.mjs requests.json > answers.json
//
// requests.json: [{ folder, task, dtype, calls: [arguments of the pipeline, ...] }, ...]. Answers are in the same order.
// The task "tokens" gives the ids of each call's text (and second text); "model" the outputs of the bare model for them.
import fs from 'node:fs';
import path from 'node:path';
import { AutoModelForSequenceClassification, AutoTokenizer, env, pipeline } from '@huggingface/transformers';

env.allowRemoteModels = false;

async function opened({ folder, task, dtype }) {
  const name = path.basename(folder);
  env.localModelPath = path.resolve(path.dirname(folder)) + '/';
  if (task !== 'tokens' && task !== 'model') return pipeline(task, name, { dtype });
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const encode = (text, text_pair) => tokenizer(text, { text_pair, padding: true, truncation: true });
  if (task === 'tokens') return (...texts) => Array.from(encode(...texts).input_ids.data, Number);
  const model = await AutoModelForSequenceClassification.from_pretrained(name, { dtype });
  return async (...texts) => (await model(encode(...texts))).logits.tolist();
}

const answers = [];
for (const request of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
  const run = await opened(request), found = [];
  for (const call of request.calls) found.push(await run(...call));
  answers.push(found);
}
process.stdout.write(JSON.stringify(answers));
