package table

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

func parquetOf[T any](t testing.TB, schema *parquet.Schema, rows ...T) string {
	t.Helper()
	var file bytes.Buffer
	options := []parquet.WriterOption{parquet.MaxRowsPerRowGroup(2)}
	if schema != nil {
		options = append(options, schema)
	}
	to := parquet.NewGenericWriter[T](&file, options...)
	if _, err := to.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

type numbers struct {
	Text      string           `parquet:"text"`
	Maybe     *int64           `parquet:"maybe,optional"`
	Unsigned  uint64           `parquet:"unsigned"`
	Small     uint32           `parquet:"small"`
	Price     int64            `parquet:"price,decimal(2:18)"`
	Tiny      int32            `parquet:"tiny,decimal(4:9)"`
	Day       int32            `parquet:"day,date"`
	Seen      int64            `parquet:"seen,timestamp(microsecond)"`
	Local     int64            `parquet:"local,timestamp(millisecond:local)"`
	Exact     int64            `parquet:"exact,timestamp(nanosecond)"`
	At        int32            `parquet:"at,time(millisecond)"`
	ID        [16]byte         `parquet:"id,uuid"`
	Ratio     float64          `parquet:"ratio"`
	Part      float32          `parquet:"part"`
	OK        bool             `parquet:"ok"`
	JSON      string           `parquet:"json,json"`
	Old       deprecated.Int96 `parquet:"old"`
	Bytes     []byte           `parquet:"bytes"`
	Choice    string           `parquet:"choice,enum"`
	Character int8             `parquet:"character"`
}

func TestParquet(t *testing.T) {
	seven := int64(-7)
	seen := time.Date(2026, 11, 29, 18, 30, 0, 123456000, time.UTC)
	full := numbers{
		Text: "ä", Maybe: &seven, Unsigned: math.MaxUint64, Small: math.MaxUint32, Price: -1250, Tiny: 5, Day: 20786, Seen: seen.UnixMicro(), Local: seen.UnixMilli(),
		Exact: seen.UnixNano() + 1, At: 6*3_600_000 + 5, ID: [16]byte{0x12, 15: 0xff}, Ratio: 0.1, Part: 0.1, OK: true, JSON: `{"n": 12345678901234567890}`,
		Old: deprecated.Int96{1_000_000_000, 0, 2_440_589}, Bytes: []byte{0xff, 0}, Choice: "one", Character: -3,
	}
	before := numbers{Seen: -1, Day: -1, Ratio: math.NaN(), Part: 1e-9, JSON: "x", Bytes: []byte("text"), Old: deprecated.Int96{0, 0, 2_440_588}, Price: math.MinInt64, Tiny: -5}
	got := read(t, "t.parquet", parquetOf(t, nil, full, before, full), Options{})
	row := ` {"text":"ä","maybe":-7,"unsigned":18446744073709551615,"small":4294967295,"price":-12.50,"tiny":0.0005,"day":"2026-11-29","seen":"2026-11-29T18:30:00.123456Z",` +
		`"local":"2026-11-29T18:30:00.123","exact":"2026-11-29T18:30:00.123456001Z","at":"06:00:00.005","id":"12000000-0000-0000-0000-0000000000ff","ratio":0.1,"part":0.1,"ok":true,` +
		`"json":{"n":12345678901234567890},"old":"1970-01-02T00:00:01","bytes":"/wA=","choice":"one","character":-3}` + "\n"
	want := `["text" "maybe" "unsigned" "small" "price" "tiny" "day" "seen" "local" "exact" "at" "id" "ratio" "part" "ok" "json" "old" "bytes" "choice" "character"]` + "\nrow 1" + row +
		`row 2 {"text":"","maybe":null,"unsigned":0,"small":0,"price":-92233720368547758.08,"tiny":-0.0005,"day":"1969-12-31","seen":"1969-12-31T23:59:59.999999Z","local":"1970-01-01T00:00:00",` +
		`"exact":"1970-01-01T00:00:00Z","at":"00:00:00","id":"00000000-0000-0000-0000-000000000000","ratio":null,"part":1e-09,"ok":false,"json":null,"old":"1970-01-01T00:00:00","bytes":"text",` +
		`"choice":"","character":0} ! row 2: column "json": not JSON: invalid character 'x' looking for beginning of value` + "\nrow 3" + row
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecimalsOfBytes(t *testing.T) {
	type row struct {
		Fixed [9]byte
		Bytes []byte
	}
	schema := parquet.NewSchema("t", parquet.Group{
		"Fixed": parquet.Decimal(3, 20, parquet.FixedLenByteArrayType(9)), "Bytes": parquet.Decimal(0, 20, parquet.ByteArrayType),
	})
	got := read(t, "t.parquet", parquetOf(t, schema, row{[9]byte{0: 0xff, 1: 0xff, 2: 0xff, 3: 0xff, 4: 0xff, 5: 0xff, 6: 0xff, 7: 0xff, 8: 0xfe}, []byte{0x7f}}, row{[9]byte{1: 0xff}, []byte{}}), Options{})
	want := `["Bytes" "Fixed"]
row 1 {"Bytes":127,"Fixed":-0.002}
row 2 {"Bytes":0,"Fixed":18374686479671623.680}
`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

type nested struct {
	Tags   []string          `parquet:"tags,list"`
	Plain  []int64           `parquet:"plain"`
	Props  map[string]string `parquet:"props"`
	Turns  []turn            `parquet:"turns,list"`
	Inner  *turn             `parquet:"inner,optional"`
	Matrix [][]int32         `parquet:"matrix,list"`
}

type turn struct {
	Role  string   `parquet:"role"`
	Parts []string `parquet:"parts,list"`
}

func TestNestedParquet(t *testing.T) {
	got := read(t, "t.parquet", parquetOf(t, nil,
		nested{
			Tags: []string{"a", "b"}, Plain: []int64{1, 2, 3}, Props: map[string]string{"k": "v"}, Turns: []turn{{"user", []string{"x", "y"}}, {"bot", nil}, {"user", []string{"z"}}},
			Inner: &turn{"in", []string{"p"}}, Matrix: [][]int32{{1, 2}, {}, {3}},
		},
		nested{},
		nested{Tags: []string{"c"}, Turns: []turn{{}}},
	), Options{})
	want := `["tags" "plain" "props" "turns" "inner" "matrix"]
row 1 {"tags":["a","b"],"plain":[1,2,3],"props":{"k":"v"},"turns":[{"role":"user","parts":["x","y"]},{"role":"bot","parts":[]},{"role":"user","parts":["z"]}],"inner":{"role":"in","parts":["p"]},"matrix":[[1,2],[],[3]]}
row 2 {"tags":[],"plain":[],"props":{},"turns":[],"inner":null,"matrix":[]}
row 3 {"tags":["c"],"plain":[],"props":{},"turns":[{"role":"","parts":[]}],"inner":null,"matrix":[]}
`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParquet(f *testing.F) {
	whole := parquetOf(f, nil, nested{Tags: []string{"a"}, Turns: []turn{{"user", []string{"x"}}}}, nested{})
	f.Add(len(whole)-20, byte(7), 0)
	f.Add(4, byte(0xff), 30)
	f.Fuzz(func(t *testing.T, at int, with byte, cut int) {
		data := []byte(whole)
		if at >= 0 && at < len(data) {
			data[at] ^= with
		}
		read(t, "t.parquet", string(data[:len(data)-max(0, min(cut, len(data)))]), Options{})
	})
}
