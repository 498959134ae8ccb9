// Ids of texts by @huggingface/tokenizers, which transformers.js loads: node tokens.mjs FOLDER < texts > ids
//
// One text a line as JSON; FOLDER holds tokenizer.json and tokenizer_config.json. Answers: ids as JSON, one text a line.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { Tokenizer } from '@huggingface/tokenizers';

const read = (name) => JSON.parse(fs.readFileSync(path.join(process.argv[2], name), 'utf8'));
const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
let lines = [];
for await (const line of readline.createInterface({ input: process.stdin })) {
  lines.push(JSON.stringify(tokenizer.encode(JSON.parse(line)).ids));
  if (lines.length === 1000) { fs.writeSync(1, lines.join('\n') + '\n'); lines = []; }
}
if (lines.length) fs.writeSync(1, lines.join('\n') + '\n');
