// Reads a JSON list of Mermaid texts from standard input and prints, as such a list, what Mermaid's own parser makes of
// each: {config, nodes: [{id, label, shape, classes}], edges: [{from, to}]}, or {error}.
import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';

// Mermaid cleans labels with the help of a document.
globalThis.window = new JSDOM('<!doctype html><body></body>').window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');
mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' });

// What a person sees of a label: Mermaid has put signs of its own in the place of "#34;", and HTML does the rest.
function seen(label) {
  const element = document.createElement('p');
  element.innerHTML = label.replace(/<br\s*\/?>/g, '\n').replace(/ﬂ°°/g, '&#').replace(/ﬂ°/g, '&').replace(/¶ß/g, ';');
  if (element.children.length > 0) throw new Error(`the label ${label} holds elements`);
  return element.textContent;
}

async function read(text) {
  try {
    const { config } = await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    return {
      config,
      nodes: [...db.getVertices().values()].map((v) => ({ id: v.id, label: seen(v.text), shape: v.type, classes: v.classes })),
      edges: db.getEdges().map((e) => ({ from: e.start, to: e.end })),
    };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}

const results = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) results.push(await read(text));
console.log(JSON.stringify(results));
