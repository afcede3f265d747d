// The official `openai` package of npm against a gateway with the demo engine.

import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

const client = new OpenAI({
  baseURL: `${process.env.BASE_URL}/v1`,
  apiKey: process.env.API_KEY,
  maxRetries: 0,
});
const asked = { model: "demo-fast", messages: [{ role: "user", content: "Weather in Paris?" }] };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("the models", async () => {
  const names = (await client.models.list()).data.map((model) => model.id);
  assert.ok(names.includes("demo:latest"));
});

test("a plain chat", async () => {
  const answer = await client.chat.completions.create(asked);
  assert.match(answer.choices[0].message.content, /demo/);
  assert.equal(answer.choices[0].finish_reason, "stop");
});

test("a streamed chat with usage", async () => {
  const stream = await client.chat.completions.create({
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.match(text, /demo/);
  assert.ok(usage.completion_tokens > 0);
});

test("a round of tools, run by the package", async () => {
  const runner = client.chat.completions.runTools({
    ...asked,
    tools: [
      {
        type: "function",
        function: {
          ...weather.function,
          parse: JSON.parse,
          function: ({ city }) => `18 degrees in ${city}`,
        },
      },
    ],
  });
  assert.ok(await runner.finalContent());
  assert.ok(runner.messages.some((message) => message.role === "tool"));
});

test("a typed answer", async () => {
  const schema = { type: "object", properties: { people: { type: "integer" } }, required: ["people"] };
  const answer = await client.chat.completions.create({
    ...asked,
    response_format: { type: "json_schema", json_schema: { name: "city", schema } },
  });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).people, "number");
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model: "demo-embed", input: ["a", "b"] });
  assert.equal(answer.data.length, 2);
  assert.equal(typeof answer.data[0].embedding[0], "number");
});

test("errors are the package's own", async () => {
  await assert.rejects(client.chat.completions.create({ ...asked, model: "none" }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
  const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("a client that leaves a stream can ask again", async () => {
  const stream = await client.chat.completions.create({ ...asked, stream: true });
  for await (const _ of stream) break;
  assert.ok((await client.chat.completions.create(asked)).choices.length);
});
