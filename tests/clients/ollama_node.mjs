// The official `ollama` package against a gateway with the demo engine.

import assert from "node:assert/strict";
import test from "node:test";

import { Ollama } from "ollama";

const client = new Ollama({
  host: process.env.BASE_URL,
  headers: { Authorization: `Bearer ${process.env.API_KEY}` },
});
const asked = { model: "demo-fast", messages: [{ role: "user", content: "Weather in Paris?" }] };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Current weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("a plain chat", async () => {
  const answer = await client.chat(asked);
  assert.match(answer.message.content, /demo/);
  assert.equal(answer.done_reason, "stop");
});

test("a streamed chat", async () => {
  let text = "";
  let last;
  for await (const part of await client.chat({ ...asked, stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.match(text, /demo/);
  assert.ok(last.done && last.eval_count > 0);
});

test("a stream that is given up", async () => {
  const stream = await client.chat({ ...asked, model: "demo", stream: true });
  await assert.rejects(
    (async () => {
      for await (const _ of stream) stream.abort();
    })(),
    { name: "AbortError" },
  );
});

test("a round of tools", async () => {
  const first = await client.chat({ ...asked, tools: [weather] });
  const [call] = first.message.tool_calls;
  assert.equal(typeof call.function.arguments.city, "string");
  const messages = [
    ...asked.messages,
    first.message,
    { role: "tool", tool_name: "get_weather", content: "18 degrees" },
  ];
  const second = await client.chat({ ...asked, messages, tools: [weather] });
  assert.match(second.message.content, /18 degrees/);
});

test("thinking, completions and embeddings", async () => {
  const thought = await client.chat({ ...asked, think: true });
  assert.ok(thought.message.thinking);
  const answer = await client.generate({ model: "demo-fast", prompt: "Hello" });
  assert.match(answer.response, /demo/);
  const { embeddings } = await client.embed({ model: "demo-embed", input: ["a", "b"] });
  assert.equal(embeddings.length, 2);
});

test("models and the version", async () => {
  const { models } = await client.list();
  assert.ok(models.some((model) => model.name === "demo-fast:latest"));
  assert.ok((await client.show({ model: "demo-fast" })).capabilities.includes("completion"));
  assert.ok(Array.isArray((await client.ps()).models));
  assert.match((await client.version()).version, /^\d/);
});

test("errors have their status", async () => {
  await assert.rejects(client.chat({ ...asked, model: "gone" }), { status_code: 404 });
  await assert.rejects(client.pull({ model: "llama3" }), { status_code: 403 });
  const stranger = new Ollama({ host: process.env.BASE_URL });
  await assert.rejects(stranger.list(), { status_code: 401 });
});
