package stories_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// awkward is a text that everything which touches text has a reason to change.
const awkward = "quotes \" ' ''' \"\"\" `, a\nnew line, a\ttab, \\n and \\, ${not.a.reference} $${ {{x}} %s, 🦉 é e\u0301 \u2028, <b>&amp;</b>"

// awkwardValues is a flow in which values go from a script to others and to tools, and back, on every way there is.
const awkwardValues = `
name: Awkward values
tasks:
  - id: make
    method: python/execute
    parameters:
      file: make.py

  - id: by_context
    method: python/execute
    parameters:
      file: pass.py
      context: {text: "${make.text}", big: "${make.big}", small: "${make.small}", code: "${make.code}", nested: "${make.nested}"}

  - id: by_dependency
    method: python/execute
    dependencies: [make]
    parameters:
      code: result = context["make"]["result"]

  - id: by_code
    method: python/execute
    parameters:
      code: |
        result = {
            "text": ${make.text}, "big": ${make.big}, "small": ${make.small}, "code": ${make.code}, "nested": ${make.nested},
            "double": "${make.text}", "single": '${make.text}', "triple": """${make.text}""", "f": f"{1}${make.text}",
            "inside": "<${make.big} ${make.small} ${make.code} ${make.nested}>",
        }

  - id: echo
    method: mcp/tool.echo
    parameters: {message: "${make.text}"}

  - id: back
    method: python/execute
    parameters:
      code: |
        result = {"text": ${echo.echoed}, "response": "${echo.response}", "length": ${echo.length}}

  - id: words
    method: mcp/tool.concat
    parameters: {strings: ["${make.code}", "${make.text}", "${make.big}/${make.small}"], separator: "|"}

  - id: joined
    method: python/execute
    parameters:
      code: result = ${words.joined}

  - id: add
    method: mcp/tool.add
    parameters: {a: "${make.big}", b: 1}

  - id: scale
    method: mcp/tool.multiply
    parameters: {a: "${make.small}", b: 1}

  - id: numbers
    method: python/execute
    parameters:
      code: result = [${add.result}, ${add.result} == 2**60 + 1, ${scale.result}, "${add.calculation}"]

outputs:
  context: ${by_context.result}
  dependency: ${by_dependency.result}
  code: ${by_code.result}
  back: ${back.result}
  joined: ${joined.result}
  numbers: ${numbers.result}
  whole: ${make.result}
`

func TestValuesArriveAsTheyLeft(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	quoted := jsonOf(t, awkward)
	u.File("make.py", `import json
result = {"text": json.loads(r'''`+strings.ReplaceAll(quoted, "'", `\u0027`)+`'''), "big": 2**60, "small": 1e-7, "code": "02139",
          "nested": {"none": None, "yes": True, "list": [1.0, "0", {}]}}
`)
	u.File("pass.py", `result = {name: context[name] for name in ("text", "big", "small", "code", "nested")}`)
	stdout, _ := u.Gleitzeit(0, "run", u.File("flow.yaml", awkwardValues), "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	const nested = `{"none":null,"yes":true,"list":[1.0,"0",{}]}`
	five := `"text":` + quoted + `,"big":1152921504606846976,"small":1e-7,"code":"02139","nested":` + nested
	inside := jsonOf(t, "<1152921504606846976 1e-7 02139 "+nested+">")
	wantFields(t, "outputs", run.Outputs, map[string]string{
		"whole":      `{` + five + `}`,
		"context":    `{` + five + `}`,
		"dependency": `{` + five + `}`,
		"code": `{` + five + `,"double":` + quoted + `,"single":` + quoted + `,"triple":` + quoted +
			`,"f":` + jsonOf(t, "1"+awkward) + `,"inside":` + inside + `}`,
		"back":    `{"text":` + quoted + `,"response":` + quoted + `,"length":` + lengthOf(t, awkward) + `}`,
		"joined":  jsonOf(t, "02139|"+awkward+"|1152921504606846976/1e-7"),
		"numbers": `[1152921504606846977,true,1e-7,"1152921504606846976 + 1 = 1152921504606846977"]`,
	})
}

// TestValuesStayDataInCode: what a value says is never run, wherever in the code it stands.
func TestValuesStayDataInCode(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	attacks := []string{
		`__import__("os").system("touch hacked")`,
		`"; open("hacked", "w"); "`,
		`'); open("hacked", "w"); ('`,
		`""" + open("hacked", "w").name + """`,
		`{open("hacked", "w")}`,
		"\nopen('hacked', 'w')\n#",
		`\`,
		`${env.HOME}`,
	}
	write(t, u.Path("attacks.json"), jsonOf(t, attacks))
	u.File("flow.yaml", `
name: Attack
tasks:
  - id: model
    method: python/execute
    parameters: {code: "import json; result = json.load(open('attacks.json'))"}
  - id: victim
    method: python/execute
    parameters:
      code: |
        # ${model.result[0]} and ${model.result[5]} in a comment
        outside = [${model.result[0]}, ${model.result[1]}, ${model.result[2]}, ${model.result[3]},
                   ${model.result[4]}, ${model.result[5]}, ${model.result[6]}, ${model.result[7]}]
        inside = ["${model.result[0]}", "${model.result[1]}", '${model.result[2]}', """${model.result[3]}""",
                  f"${model.result[4]}", "${model.result[5]}", "${model.result[6]}", "${model.result[7]}"]
        assert outside == inside == ${model.result}
        result = inside
outputs: {inside: "${victim.result}"}
`)
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	wantFields(t, "outputs", run.Outputs, map[string]string{"inside": jsonOf(t, attacks)})
	if exists(u.Path("hacked")) {
		t.Error("a value has become code and has made a file")
	}
}

// TestLargeText sends 5 MiB from script to script, to a tool and back.
func TestLargeText(t *testing.T) {
	t.Parallel()
	const unit = "0123456789 \"<\\\n🦉 "
	text := strings.Repeat(unit, 5<<20/len(unit)+1)
	sum := sha256.Sum256([]byte(text))
	u := newUser(t)
	u.File("flow.yaml", `
name: Large
tasks:
  - id: make
    method: python/execute
    parameters:
      code: result = "0123456789 \"<\\\n🦉 " * (5 * 2**20 // 20 + 1)
  - id: by_context
    method: python/execute
    parameters:
      code: import hashlib; result = hashlib.sha256(context["text"].encode()).hexdigest()
      context: {text: "${make.result}"}
  - id: by_dependency
    method: python/execute
    dependencies: [make]
    parameters:
      code: import hashlib; result = hashlib.sha256(context["make"]["result"].encode()).hexdigest()
  - id: by_code
    method: python/execute
    parameters:
      code: import hashlib; result = hashlib.sha256(${make.result}.encode()).hexdigest()
  - id: in_literal
    method: python/execute
    parameters:
      code: import hashlib; result = hashlib.sha256("${make.result}".encode()).hexdigest()
  - id: echo
    method: mcp/tool.echo
    parameters: {message: "${make.result}"}
  - id: back
    method: python/execute
    parameters:
      code: import hashlib; result = [len(${echo.echoed}.encode()), hashlib.sha256(${echo.echoed}.encode()).hexdigest()]
outputs:
  hashes: ["${by_context.result}", "${by_dependency.result}", "${by_code.result}", "${in_literal.result}"]
  back: ${back.result}
`)
	if len(unit) != 20 || len(text) < 5<<20 {
		t.Fatalf("the text has %d bytes, its unit %d", len(text), len(unit))
	}
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run := &runDocument{}
	programtest.JSON(t, stdout, run)
	hash := hex.EncodeToString(sum[:])
	wantFields(t, "outputs", run.Outputs, map[string]string{
		"hashes": jsonOf(t, []string{hash, hash, hash, hash}),
		"back":   jsonOf(t, []any{len(text), hash}),
	})
	printed, _ := u.Gleitzeit(0, "results", "@latest", "make")
	if printed != text+"\n" && strings.TrimSuffix(printed, "\n") != strings.TrimSuffix(text, "\n") {
		t.Errorf("results prints %d bytes, and the text has %d", len(printed), len(text))
	}
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	must(t, encoder.Encode(v))
	return strings.TrimSpace(text.String())
}

// lengthOf counts characters, as the tool echo does.
func lengthOf(t testing.TB, text string) string { return jsonOf(t, len([]rune(text))) }
