// Reads output and error files of a Batch API as a client in TypeScript does: `node read.js FILE…`. The lines become literals of a
// program whose types are those of the package openai, and the compiler checks it: nothing may be missing, or stand beside, id,
// custom_id, response and error. A body is the server's, which may leave out fields or have more of them; those that the package knows
// must be of its types. Prints the problems, and for each custom_id the text of its answer, or the code of its error.
const fs = require("fs");
const path = require("path");
const ts = require("typescript");

const bodies = {
  "chat.completion": "Some<OpenAI.ChatCompletion>",
  "text_completion": "Some<OpenAI.Completion>",
  list: "Some<OpenAI.CreateEmbeddingResponse>",
  response: "Some<OpenAI.Responses.Response>",
};

const lines = process.argv.slice(2).flatMap((file) => fs.readFileSync(file, "utf8").split("\n").filter(Boolean));
const program = path.join(__dirname, `read-${process.pid}.ts`);
let source = `import type OpenAI from "openai";
type Some<T> = T extends string ? T : T extends (infer E)[] ? Some<E>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } & { [more: string]: unknown } : T;
interface Refused { error: { message: string; type?: string | null; param?: string | null; code?: string | null } }
interface Line<Body> {
  id: string;
  custom_id: string | null;
  response: { status_code: number; request_id: string; body: Body } | null;
  error: OpenAI.BatchError | null;
}
`;
const found = {};
for (const [i, text] of lines.entries()) {
  const line = JSON.parse(text);
  const body = line.response && (bodies[line.response.body.object] || "Refused");
  source += `export const line${i}: Line<${body || "never"}> = ${text};\n`;
  const answer = line.response && line.response.body;
  const said = !answer
    ? line.error.code
    : answer.error && answer.object !== "response"
      ? String(line.response.status_code)
      : answer.object === "chat.completion"
        ? answer.choices[0].message.content
        : answer.object === "text_completion"
          ? answer.choices[0].text
          : answer.object === "response"
            ? answer.output[0].content[0].text
            : String(answer.data.length);
  (found[line.custom_id] ??= []).push(said);
}
fs.writeFileSync(program, source);
const options = { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, types: [] };
const problems = ts.getPreEmitDiagnostics(ts.createProgram([program], options)).map((d) => {
  const at = d.file && d.start !== undefined ? `${path.basename(d.file.fileName)}:${d.file.getLineAndCharacterOfPosition(d.start).line + 1}: ` : "";
  return at + ts.flattenDiagnosticMessageText(d.messageText, "\n");
});
fs.rmSync(program);
process.stdout.write(JSON.stringify({ lines: lines.length, problems, found }));
