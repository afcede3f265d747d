// The official `@anthropic-ai/sdk` package against a gateway with the demo engine.

import assert from "node:assert/strict";
import test from "node:test";

import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: process.env.BASE_URL,
  apiKey: process.env.API_KEY,
  maxRetries: 0,
});
const asked = {
  model: "demo-fast",
  max_tokens: 2000,
  messages: [{ role: "user", content: "Weather in Paris?" }],
};
const weather = {
  name: "get_weather",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

test("a plain message", async () => {
  const message = await client.messages.create(asked);
  assert.match(message.content[0].text, /demo/);
  assert.equal(message.stop_reason, "end_turn");
});

test("a streamed message", async () => {
  const stream = client.messages.stream(asked);
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const message = await stream.finalMessage();
  assert.equal(message.content[0].text, text);
  assert.ok(message.usage.output_tokens > 0);
});

test("a round of tools, streamed", async () => {
  const first = await client.messages.stream({ ...asked, tools: [weather] }).finalMessage();
  const use = first.content.find((block) => block.type === "tool_use");
  assert.equal(typeof use.input.city, "string");
  const result = { type: "tool_result", tool_use_id: use.id, content: "18 degrees" };
  const messages = [
    ...asked.messages,
    { role: "assistant", content: first.content },
    { role: "user", content: [result] },
  ];
  const second = await client.messages.create({ ...asked, tools: [weather], messages });
  assert.match(second.content[0].text, /18 degrees/);
});

test("thinking, streamed", async () => {
  const thinking = { type: "enabled", budget_tokens: 1024 };
  const message = await client.messages.stream({ ...asked, thinking }).finalMessage();
  assert.deepEqual(
    message.content.map((block) => block.type),
    ["thinking", "text"],
  );
});

test("tokens and models", async () => {
  const { max_tokens: _, ...prompt } = asked;
  assert.ok((await client.messages.countTokens(prompt)).input_tokens > 0);
  const names = [];
  for await (const model of client.models.list({ limit: 1 })) names.push(model.id);
  assert.ok(names.includes("demo-fast:latest"));
});

test("errors are of their classes", async () => {
  await assert.rejects(client.messages.create({ ...asked, model: "gone" }), Anthropic.NotFoundError);
  await assert.rejects(client.messages.create({ ...asked, max_tokens: 0 }), Anthropic.BadRequestError);
});
