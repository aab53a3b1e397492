// Validates YAML files with packages of npm: a JSON list of {schema, files} comes in, and a mapping of each file to what
// was found goes out: "valid", "invalid" with the mistakes, or "unreadable" where the YAML is none.
const fs = require("fs");
const Ajv = require("ajv/dist/2020");
const YAML = require("yaml");

function read(file) {
  const document = YAML.parseDocument(fs.readFileSync(file, "utf8"), { version: "1.2", merge: true });
  if (document.errors.length > 0) throw document.errors[0];
  return document.toJS();
}

const found = {};
for (const { schema, files } of JSON.parse(fs.readFileSync(0, "utf8"))) {
  // A keyword that the draft does not have is an error by default. Types are lists here on purpose.
  const validate = new Ajv({ allErrors: true, strictTypes: false }).compile(schema);
  for (const file of files) {
    let value;
    try {
      value = read(file);
    } catch (error) {
      found[file] = { verdict: "unreadable", mistakes: [String(error.message)] };
      continue;
    }
    const valid = validate(value);
    const mistakes = valid ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message}`);
    found[file] = { verdict: valid ? "valid" : "invalid", mistakes };
  }
}
process.stdout.write(JSON.stringify(found));
