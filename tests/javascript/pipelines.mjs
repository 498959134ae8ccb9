// node pipelines.mjs requests.json > answers.json; folders are absolute. See run.mjs.
import fs from 'node:fs';
import { answersTo } from './run.mjs';

process.stdout.write(JSON.stringify(await answersTo(JSON.parse(fs.readFileSync(process.argv[2], 'utf8')))));
