// Uses a Batch API with the package openai: `node batches.js REQUESTS BROKEN MANY FOLDER`. OPENAI_BASE_URL and OPENAI_API_KEY say where it
// is. It runs a batch of REQUESTS to its end and downloads its files into FOLDER, a batch of BROKEN, which fails, and cancels one of MANY.
// Every body of the server becomes a literal of a program whose types are those of the package, and the compiler checks it. Prints what
// it has seen.
const fs = require("fs");
const path = require("path");
const ts = require("typescript");
const OpenAI = require("openai");

const [requests, broken, many, folder] = process.argv.slice(2);
const list = (of) => `{ object: "list"; data: OpenAI.${of}[]; first_id: string | null; last_id: string | null; has_more: boolean }`;
const types = [
  [/^POST \/v1\/files$/, "OpenAI.FileObject"],
  [/^GET \/v1\/files$/, list("FileObject")],
  [/^GET \/v1\/files\/[^/]+$/, "OpenAI.FileObject"],
  [/^DELETE \/v1\/files\/[^/]+$/, "OpenAI.FileDeleted"],
  [/^GET \/v1\/batches$/, list("Batch")],
  [/^(POST|GET) \/v1\/batches.*$/, "OpenAI.Batch"],
  [/^GET \/v1\/models$/, `{ object: "list"; data: OpenAI.Model[] }`],
  [/^GET \/v1\/models\/.+$/, "OpenAI.Model"],
];
const failure = `{ error: { message: string; type: string; param: string | null; code: string | null } }`;
const bodies = [];
const client = new OpenAI({
  fetch: async (url, init) => {
    const response = await fetch(url, init);
    if ((response.headers.get("content-type") || "").startsWith("application/json")) {
      const asked = `${(init && init.method) || "GET"} ${new URL(url).pathname}`.replace(/^get/, "GET").replace(/^post/, "POST").replace(/^delete/, "DELETE");
      const of = response.ok ? (types.find(([pattern]) => pattern.test(asked)) || [])[1] : failure;
      bodies.push([asked, of || "never", await response.clone().text()]);
    }
    return response;
  },
});

const ended = ["completed", "failed", "expired", "cancelled"];
const seen = { statuses: {}, counts: [] };

async function poll(id, name) {
  const statuses = (seen.statuses[name] ??= []);
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (statuses.at(-1) !== batch.status) statuses.push(batch.status);
    if (name === "whole") seen.counts.push(batch.request_counts.completed + batch.request_counts.failed);
    if (ended.includes(batch.status)) return batch;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function begin(file, more) {
  const input = await client.files.create({ file: fs.createReadStream(file), purpose: "batch" });
  return client.batches.create({ input_file_id: input.id, endpoint: "/v1/chat/completions", completion_window: "24h", ...more });
}

async function refused(call) {
  try {
    await call();
  } catch (error) {
    return { status: error.status, name: error.constructor.name, message: error.message, param: error.param, code: error.code };
  }
  return null;
}

async function main() {
  const whole = await begin(requests, { metadata: { purpose: "test", "key with spaces": "ä" } });
  seen.created = whole;
  seen.whole = await poll(whole.id, "whole");
  for (const [name, id] of [["output", seen.whole.output_file_id], ["errors", seen.whole.error_file_id]]) {
    const response = await client.files.content(id);
    fs.writeFileSync(path.join(folder, name + ".jsonl"), Buffer.from(await response.arrayBuffer()));
    seen[name] = await client.files.retrieve(id);
  }
  const part = await client.files.content(seen.whole.output_file_id, { headers: { Range: "bytes=2-11" } });
  seen.range = { status: part.status, text: await part.text(), range: part.headers.get("content-range") };

  seen.broken = await poll((await begin(broken)).id, "broken");

  const long = await begin(many);
  while ((await client.batches.retrieve(long.id)).request_counts.completed === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  seen.cancelling = (await client.batches.cancel(long.id)).status;
  seen.cancelled = await poll(long.id, "cancelled");
  seen.cancelledLines = seen.cancelled.output_file_id ? (await (await client.files.content(seen.cancelled.output_file_id)).text()).split("\n").length - 1 : 0;
  seen.refusals = {
    cancel: await refused(() => client.batches.cancel(long.id)),
    batch: await refused(() => client.batches.retrieve("batch_unknown")),
    file: await refused(() => client.files.retrieve("file-unknown")),
    input: await refused(() => client.batches.create({ input_file_id: "file-unknown", endpoint: "/v1/embeddings", completion_window: "24h" })),
    output: await refused(() => client.batches.create({ input_file_id: seen.whole.output_file_id, endpoint: "/v1/embeddings", completion_window: "24h" })),
    endpoint: await refused(() => client.batches.create({ input_file_id: whole.input_file_id, endpoint: "/v1/images", completion_window: "24h" })),
    window: await refused(() => client.batches.create({ input_file_id: whole.input_file_id, endpoint: "/v1/embeddings", completion_window: "soon" })),
    metadata: await refused(() => client.batches.create({ input_file_id: whole.input_file_id, endpoint: "/v1/embeddings", completion_window: "24h", metadata: { a: 1 } })),
    purpose: await refused(() => client.files.create({ file: fs.createReadStream(requests), purpose: "vision" })),
    empty: await refused(async () => client.files.create({ file: await OpenAI.toFile(Buffer.alloc(0), "empty.jsonl"), purpose: "batch" })),
    expiry: await refused(() => client.files.create({ file: fs.createReadStream(broken), purpose: "batch", expires_after: { anchor: "created_at", seconds: 5 } })),
    url: await refused(() => client.get("/assistants")),
  };
  seen.listed = [];
  for await (const batch of client.batches.list({ limit: 1 })) seen.listed.push(batch.id);
  const page = await client.batches.list({ limit: 2 });
  seen.page = { ids: page.data.map((batch) => batch.id), more: page.has_more };
  seen.files = [];
  for await (const file of client.files.list({ purpose: "batch", limit: 1 })) seen.files.push(file.filename);
  seen.models = (await client.models.list()).data.map((model) => model.id);
  await client.models.retrieve(seen.models[0]);
  const expiring = await client.files.create({ file: fs.createReadStream(broken), purpose: "batch", expires_after: { anchor: "created_at", seconds: 3600 } });
  seen.expires = expiring.expires_at - expiring.created_at;
  for await (const file of client.files.list()) await client.files.delete(file.id);
  seen.left = (await client.files.list()).data.length;
  seen.gone = await refused(() => client.files.content(seen.whole.output_file_id));

  const program = path.join(__dirname, `batches-${process.pid}.ts`);
  fs.writeFileSync(program, `import type OpenAI from "openai";\n` + bodies.map(([, of, text], i) => `export const body${i}: ${of} = ${text.trim()};\n`).join(""));
  const options = { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, types: [] };
  seen.problems = ts.getPreEmitDiagnostics(ts.createProgram([program], options)).map((d) => {
    const line = d.file && d.start !== undefined ? d.file.getLineAndCharacterOfPosition(d.start).line : 0;
    return `${line > 0 ? bodies[line - 1].join(" ") : ""}: ${ts.flattenDiagnosticMessageText(d.messageText, "\n")}`;
  });
  fs.rmSync(program);
  seen.bodies = bodies.length;
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
