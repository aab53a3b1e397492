package stories_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// questionRow is a row of the tables of these tests.
type questionRow struct {
	ID       string `parquet:"id"`
	Question string `parquet:"question"`
	Digits   string `parquet:"digits"`
}

// questions have what a table can lose: line breaks of two kinds, quotes, formulas, zeros in front, blanks at the ends.
func questions(count int) (all []questionRow) {
	texts := []string{"What?", "=1+1", "two\nlines", "of\r\nWindows", `a "quote", and more`, " blanks ", "", "'", "ä😀\t", "-5", `{"a": [1]}`}
	for i := range count {
		all = append(all, questionRow{fmt.Sprintf("r%06d", i), texts[i%len(texts)], fmt.Sprintf("%020d", i)})
	}
	return all
}

// csvLine is a row of CSV as Excel writes it where numbers have commas, without its line end.
func csvLine(cells ...string) string {
	var line bytes.Buffer
	to := csv.NewWriter(&line)
	to.Comma = ';'
	_ = to.Write(cells) // Into memory.
	to.Flush()
	return strings.TrimSuffix(line.String(), "\n")
}

func (q questionRow) json() string {
	return string(value.Object(
		value.Field{Name: "id", Value: value.String(q.ID)}, value.Field{Name: "question", Value: value.String(q.Question)}, value.Field{Name: "digits", Value: value.String(q.Digits)},
		value.Field{Name: "nested", Value: value.List(value.Int(1), value.Value{})},
	).JSON())
}

// TestKillsAmongRows kills a batch of rows three times: each row is in the output once, in the order of the table, and all of its columns
// as they were, byte for byte. GLEITZEIT_TEST_ROWS is how many there are.
func TestKillsAmongRows(t *testing.T) {
	t.Parallel()
	rows := questions(programtest.Number(t, "GLEITZEIT_TEST_ROWS", 1500))
	for _, c := range []struct {
		ending string
		write  func(t *testing.T) string
		check  func(t *testing.T, output string)
	}{
		{"csv", func(*testing.T) string {
			text := "\ufeffid;question;digits\r\n"
			for _, row := range rows {
				text += csvLine(row.ID, row.Question, row.Digits) + "\r\n"
			}
			return text
		}, func(t *testing.T, output string) {
			rest, is := strings.CutPrefix(output, "\ufeffid;question;digits;status;result;error;warning\r\n")
			for i, row := range rows {
				if !is {
					t.Fatalf("row %d: the output goes on with %.200q", i, rest)
				}
				want := csvLine(row.ID, row.Question, row.Digits) + ";completed;" + csvLine(guarded(row.Question)) + ";;\r\n"
				rest, is = strings.CutPrefix(rest, want)
			}
			if !is || rest != "" {
				t.Fatalf("the output ends with %.200q", rest)
			}
		}},
		{"jsonl", func(*testing.T) string {
			text := ""
			for _, row := range rows {
				text += row.json() + "\n"
			}
			return text
		}, func(t *testing.T, output string) {
			lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
			if len(lines) != len(rows) {
				t.Fatalf("%d lines of %d", len(lines), len(rows))
			}
			for i, row := range rows {
				want := strings.TrimSuffix(row.json(), "}") + `,"status":"completed","result":` + string(value.String(row.Question).JSON()) + `,"error":null,"warning":null}`
				if lines[i] != want {
					t.Fatalf("line %d: %s\nwant %s", i+1, lines[i], want)
				}
			}
		}},
		{"parquet", func(t *testing.T) string {
			var file bytes.Buffer
			to := parquet.NewGenericWriter[questionRow](&file)
			_, err := to.Write(rows)
			must(t, err)
			must(t, to.Close())
			return file.String()
		}, func(t *testing.T, output string) {
			opened, err := table.Open(t.Context(), "out.parquet", strings.NewReader(output), int64(len(output)), table.Options{})
			must(t, err)
			if got := strings.Join(opened.Columns(), ","); got != "id,question,digits,status,result,error,warning" {
				t.Errorf("columns %s", got)
			}
			for i, row := range rows {
				got, err := opened.Next()
				must(t, err)
				want := []string{row.ID, row.Question, row.Digits, "completed", row.Question, "", ""}
				for n, field := range got.Value.Fields() {
					if field.Value.Text() != want[n] {
						t.Fatalf("row %d has %s %s, not %q", i+1, field.Name, field.Value.JSON(), want[n])
					}
				}
			}
			if _, err := opened.Next(); err == nil {
				t.Error("there are more rows")
			}
		}},
	} {
		t.Run(c.ending, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.File("table."+c.ending, c.write(t))
			args := []string{"batch", "--rows", "table." + c.ending, "--key", "id", "--method", "mcp/tool.echo", "--set", "message=${item.question}", "--max-concurrent", "2", "--output", "out." + c.ending}
			p := u.Start(args...)
			for kill := range 3 {
				least := len(rows)*(kill*2+1)/8 + rand.IntN(len(rows)/8)
				programtest.Eventually(t, "rows are answered", func() bool {
					if !p.Running() {
						t.Fatalf("the batch ended before kill %d:\n%s", kill+1, p.Stderr.String())
					}
					written, _ := os.ReadFile(u.Path("out." + c.ending + ".partial")) // It may not be there yet.
					return bytes.Count(written, []byte("\n")) > least
				})
				p.Kill()
				p = u.Start(args...)
				p.Says("resumed run")
			}
			p.Exits(0)
			output, err := os.ReadFile(u.Path("out." + c.ending))
			must(t, err)
			c.check(t, string(output))
		})
	}
}

// guarded is a text as a cell has it that a spreadsheet must not run.
func guarded(text string) string {
	if strings.HasPrefix(text, "=") {
		return "'" + text
	}
	return text
}
