// EgoLlama's document: its programs in JavaScript, as they are printed, with the package they ask for.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";

const { EGOLLAMA_URL, API_KEY } = process.env;
const examples = new URL("../../tests/documents/egollama.md", import.meta.url);

async function said(title) {
  const text = await readFile(examples, "utf8");
  const [, code] = text.split(`# ${title}\n`)[1].match(/```javascript\n([\s\S]*?)```/);
  const program = code
    .replace("http://localhost:8082", EGOLLAMA_URL)
    .replace("your-api-key", API_KEY);
  const { stdout, stderr } = await promisify(execFile)("node", ["--no-deprecation", "-e", program]);
  assert.equal(stderr, "");
  return stdout;
}

test("text, with node-fetch", async () => assert.match(await said("javascript: text"), /demo/));

test("a chat, with the fetch that Node has", async () =>
  assert.match(await said("javascript: chat"), /demo/));
