// The `ai` package with its providers for OpenAI's Responses and for Anthropic's API, against a
// gateway with the demo engine.

import assert from "node:assert/strict";
import test from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const where = { baseURL: `${process.env.BASE_URL}/v1`, apiKey: process.env.API_KEY };
const providers = {
  "openai responses": createOpenAI(where).responses("demo-fast"),
  "openai chat": createOpenAI(where).chat("demo-fast"),
  anthropic: createAnthropic(where)("demo-fast"),
};

function weather(asked) {
  return tool({
    description: "Current weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => {
      asked.push(input);
      return "18 degrees";
    },
  });
}

for (const [name, model] of Object.entries(providers)) {
  test(`${name}: text`, async () => {
    const { text, finishReason, usage } = await generateText({ model, prompt: "Hello" });
    assert.match(text, /demo/);
    assert.equal(finishReason, "stop");
    assert.ok(usage.outputTokens > 0);
  });

  test(`${name}: text, streamed`, async () => {
    const { textStream, finishReason } = streamText({ model, prompt: "Hello" });
    let text = "";
    for await (const piece of textStream) text += piece;
    assert.match(text, /demo/);
    assert.equal(await finishReason, "stop");
  });

  test(`${name}: a round of tools`, async () => {
    const asked = [];
    const { text } = await generateText({
      model,
      prompt: "Weather in Paris?",
      tools: { get_weather: weather(asked) },
      stopWhen: stepCountIs(3),
    });
    assert.equal(asked.length, 1);
    assert.equal(typeof asked[0].city, "string");
    assert.match(text, /18 degrees/);
  });

  test(`${name}: a round of tools, streamed`, async () => {
    const asked = [];
    const result = streamText({
      model,
      prompt: "Weather in Paris?",
      tools: { get_weather: weather(asked) },
      stopWhen: stepCountIs(3),
    });
    assert.match(await result.text, /18 degrees/);
    assert.equal(asked.length, 1);
  });

  test(`${name}: an object`, async () => {
    const schema = z.object({ name: z.string(), people: z.number() });
    const { output } = await generateText({
      model,
      prompt: "A city",
      output: Output.object({ schema }),
    });
    assert.equal(typeof output.people, "number");
  });
}

test("anthropic: thinking", async () => {
  const { reasoningText } = await generateText({
    model: providers.anthropic,
    prompt: "Hello",
    providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
  });
  assert.match(reasoningText, /demo/);
});
