// A real agent's command line, Claude Code, against a gateway with the demo engine: one prompt, one
// call of a tool, one answer.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "node:test";

test("one round of tools", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-"));
  writeFileSync(join(folder, "hello.txt"), "Hello\n");
  const options = ["--model", "demo-fast", "--tools", "Read", "--allowedTools", "Read"];
  const { status, stdout, stderr } = spawnSync(
    resolve("node_modules/.bin/claude"),
    ["-p", "Read hello.txt", "--output-format", "stream-json", "--verbose", ...options],
    {
      cwd: folder,
      encoding: "utf8",
      input: "",
      timeout: 120_000,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        ANTHROPIC_BASE_URL: process.env.BASE_URL,
        ANTHROPIC_API_KEY: process.env.API_KEY,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_AUTOUPDATER: "1",
      },
    },
  );
  assert.equal(status, 0, stdout + stderr);
  const said = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const blocks = said.flatMap((line) => line.message?.content ?? []);
  const call = blocks.find((block) => block.type === "tool_use");
  assert.equal(call.name, "Read");
  assert.ok(blocks.some((block) => block.tool_use_id === call.id));
  const result = said.at(-1);
  assert.equal(result.subtype, "success");
  assert.match(result.result, /demo engine/);
});
