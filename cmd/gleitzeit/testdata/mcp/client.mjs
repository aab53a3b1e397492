// An MCP client of the official TypeScript SDK that does what it is told: a line of JSON is a thing to do, and so is
// each thing that it tells. The first argument says how it reaches the server.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema, ResultSchema, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const how = JSON.parse(process.argv[2]);
const transport = how.url
  ? new StreamableHTTPClientTransport(new URL(how.url), { requestInit: { headers: how.headers } })
  : new StdioClientTransport({ command: how.command, args: how.args, env: how.env, cwd: how.cwd, stderr: "inherit" });
const client = new Client({ name: "test", version: "1" });
client.setNotificationHandler(ToolListChangedNotificationSchema, () => tell({ changed: true }));

const calls = new Map();
const acts = {
  list: () => client.listTools(),
  call: ({ id, name, arguments: given }) => {
    const controller = new AbortController();
    calls.set(id, controller);
    return client.callTool({ name, arguments: given }, undefined, {
      signal: controller.signal, timeout: 60_000, onprogress: (progress) => tell({ id, progress }),
    });
  },
  // The messages of a call as a task, as the SDK reads them.
  task: async ({ id, name, arguments: given }) => {
    const all = [];
    for await (const message of client.experimental.tasks.callToolStream({ name, arguments: given }, CallToolResultSchema, { task: { ttl: 60_000 } })) {
      if (message.type === "taskCreated") tell({ id, progress: { message: message.task.taskId } });
      all.push(message.type === "error" ? { type: "error", message: String(message.error) } : message);
    }
    return { messages: all };
  },
  request: ({ method, params }) => client.request({ method, params }, ResultSchema),
  cancel: ({ of }) => calls.get(of).abort("enough"),
  pid: () => ({ pid: transport.pid }),
  close: () => client.close(),
};

try {
  await client.connect(transport);
} catch (error) {
  tell({ id: 0, error: String(error) });
  process.exit(1);
}
tell({ id: 0, result: { server: client.getServerVersion(), instructions: client.getInstructions() } });
for await (const line of createInterface({ input: process.stdin })) {
  const what = JSON.parse(line);
  Promise.resolve()
    .then(() => acts[what.do](what))
    .then((result) => tell({ id: what.id, result: result ?? null }), (error) => tell({ id: what.id, error: String(error) }));
}
