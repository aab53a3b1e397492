// Calls models with the package openai: `node online.js`. OPENAI_BASE_URL and OPENAI_API_KEY say where. Prints what it has seen.
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0 });
const ask = (content, more) => ({ model: "gpt", temperature: 0, messages: [{ role: "user", content }], ...more });

async function refused(call) {
  try {
    await call();
  } catch (error) {
    return { status: error.status, name: error.constructor.name, message: error.message, param: error.param, code: error.code };
  }
  return null;
}

async function main() {
  const seen = {};
  const chat = await client.chat.completions.create(ask("hello"));
  seen.chat = chat.choices[0].message.content;
  seen.streamed = "";
  seen.pieces = 0;
  for await (const chunk of await client.chat.completions.create(ask("PINEAPPLE", { stream: true, stream_options: { include_usage: true } }))) {
    seen.streamed += (chunk.choices[0] && chunk.choices[0].delta.content) || "";
    seen.pieces++;
    if (chunk.usage) seen.tokens = chunk.usage.total_tokens;
  }
  // One that is left in the middle: the server ends it.
  for await (const chunk of await client.chat.completions.create(ask("SLOWLY", { stream: true }))) break;
  seen.completion = (await client.completions.create({ model: "gpt", prompt: "PINEAPPLE", temperature: 0 })).choices[0].text;
  seen.embeddings = (await client.embeddings.create({ model: "gpt", input: ["a", "b"], encoding_format: "float" })).data.length;
  seen.urgent = (await client.chat.completions.create(ask("hello"), { headers: { "Gleitzeit-Priority": "urgent" } })).choices[0].message.content;
  seen.refusals = {
    priority: await refused(() => client.chat.completions.create(ask("hello"), { headers: { "Gleitzeit-Priority": "now" } })),
    model: await refused(() => client.chat.completions.create(ask("hello", { model: "none" }))),
    streamedModel: await refused(() => client.chat.completions.create(ask("hello", { model: "none", stream: true }))),
    noModel: await refused(() => client.chat.completions.create({ messages: [] })),
    messages: await refused(() => client.chat.completions.create(ask("hello", { messages: [] }))),
  };
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
