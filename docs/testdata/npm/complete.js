// Asks yaml-language-server what it offers: a JSON list of {text, line, character} comes in, places of documents in the
// folder that is the argument; a list of what is offered at each goes out, [{label, about}].
const { spawn } = require("child_process");
const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");
const rpc = require("vscode-jsonrpc/node");

const snippet = 15;
const classItem = 7; // The server offers a whole mapping of required keys as one.

async function main(folder, places) {
  const program = path.join(__dirname, "node_modules/yaml-language-server/bin/yaml-language-server");
  const server = spawn(process.execPath, [program, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = rpc.createMessageConnection(
    new rpc.StreamMessageReader(server.stdout),
    new rpc.StreamMessageWriter(server.stdin),
  );
  // No catalogue of schemas is loaded from elsewhere.
  const settings = { yaml: { schemaStore: { enable: false } }, http: {} };
  connection.onRequest("workspace/configuration", ({ items }) => items.map(({ section }) => settings[section] ?? {}));
  connection.onRequest("client/registerCapability", () => null);
  connection.listen();
  const rootUri = pathToFileURL(folder).href;
  const capabilities = {
    textDocument: { completion: { completionItem: { documentationFormat: ["plaintext"] } } },
    workspace: { configuration: true },
  };
  await connection.sendRequest("initialize", { processId: process.pid, rootUri, capabilities });
  await connection.sendNotification("initialized", {});
  const offered = [];
  for (const [number, { text, line, character }] of places.entries()) {
    const uri = `${rootUri}/flow${number}.yaml`;
    const textDocument = { uri, languageId: "yaml", version: 1, text };
    await connection.sendNotification("textDocument/didOpen", { textDocument });
    const position = { line, character };
    const found = await connection.sendRequest("textDocument/completion", { textDocument: { uri }, position });
    const items = (found.items ?? found).filter(({ kind }) => kind !== snippet && kind !== classItem);
    offered.push(items.map(({ label, documentation }) => ({ label, about: documentation?.value ?? documentation ?? "" })));
  }
  await connection.sendRequest("shutdown");
  await connection.sendNotification("exit");
  connection.dispose();
  process.stdout.write(JSON.stringify(offered));
}

main(process.argv[2], JSON.parse(fs.readFileSync(0, "utf8"))).catch((error) => {
  console.error(error);
  process.exit(1);
});
