package stories_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// storedValues are all values and records of a home's result store, as they were before they were packed.
func storedValues(t testing.TB, u *user) [][]byte {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(u.Home, "results.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	unpacker, err := zstd.NewReader(nil)
	must(t, err)
	defer unpacker.Close()
	rows, err := db.Query("SELECT encoding, data FROM contents UNION ALL SELECT 'plain', body FROM records")
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var values [][]byte
	for rows.Next() {
		var encoding string
		var data []byte
		must(t, rows.Scan(&encoding, &data))
		switch encoding {
		case "plain", "named": // The latter is encrypted.
		case "zstd":
			data, err = unpacker.DecodeAll(data, nil)
			must(t, err)
		default:
			t.Fatalf("a value has the encoding %q", encoding)
		}
		values = append(values, data)
	}
	must(t, rows.Err())
	return values
}

// TestASubmitWithAnotherStore: the run fails at once, and says what is wrong.
func TestASubmitWithAnotherStore(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.serves("--no-ui")
	u.File("other.yaml", "store: sqlite:"+u.Path("other.db")+"\n")
	u.File("flow.yaml", "name: Hello\ntasks:\n  - {id: a, method: mcp/tool.echo, parameters: {message: hi}}\n")
	p := u.StartIn(u.Work, []string{"GLEITZEIT_CONFIG=" + u.Path("other.yaml")}, "submit", "flow.yaml", "--wait")
	p.Exits(5)
	wantLines(t, "standard error", p.Stderr.String(), "the plan of the run is not in the result store of the process that executes it\n", "all processes of a run must use one store")
}
