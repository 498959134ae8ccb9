// Runs exported students with transformers.js, in Node.js (pipelines.mjs) and in browsers (pipelines.html).
//
// requests: [{ folder, task, dtype, calls: [arguments of the pipeline, ...] }, ...]. Answers are in the same order.
// The task "tokens" gives the ids of each call's text (and second text); "model" the outputs of the bare model for them.
import { AutoModelForSequenceClassification, AutoTokenizer, env, pipeline } from '@huggingface/transformers';

env.allowRemoteModels = false;
env.allowLocalModels = true;

async function opened({ folder, task, dtype }) {
  const place = folder.lastIndexOf('/') + 1, name = folder.slice(place);
  env.localModelPath = folder.slice(0, place);
  if (task !== 'tokens' && task !== 'model') return pipeline(task, name, dtype && { dtype });
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const encode = (text, text_pair) => tokenizer(text, { text_pair, padding: true, truncation: true });
  if (task === 'tokens') return (...texts) => Array.from(encode(...texts).input_ids.data, Number);
  const model = await AutoModelForSequenceClassification.from_pretrained(name, { dtype });
  return async (...texts) => (await model(encode(...texts))).logits.tolist();
}

export async function answersTo(requests) {
  const answers = [];
  for (const request of requests) {
    const run = await opened(request), found = [];
    for (const call of request.calls) found.push(await run(...call));
    answers.push(found);
  }
  return answers;
}
