//go:build unix

package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// manySheets returns a workbook of sheets, each in a file of its own or all in one.
func manySheets(t testing.TB, sheets int, own bool) []byte {
	t.Helper()
	var list, targets, to bytes.Buffer
	file := func(sheet int) string {
		if !own {
			sheet = 0
		}
		return fmt.Sprintf("worksheets/%d.xml", sheet)
	}
	for i := range sheets {
		fmt.Fprintf(&list, `<sheet name="Sheet %d" sheetId="%[1]d" r:id="rId%[1]d"/>`, i)
		fmt.Fprintf(&targets, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="%s"/>`, i, file(i))
	}
	z := zip.NewWriter(&to)
	add := func(name, content string) {
		part, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(part, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("_rels/.rels", `<Relationships><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`)
	add("xl/workbook.xml", `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>`+list.String()+`</sheets></workbook>`)
	add("xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`+targets.String()+`</Relationships>`)
	for i := range sheets {
		if own || i == 0 {
			add("xl/"+file(i), "<worksheet><sheetData><row><c><v>1</v></c></row><row><c><v>2</v></c></row></sheetData></worksheet>")
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// TestManySheets: what a workbook lists costs little before a row is read, whatever sheet it is in.
func TestManySheets(t *testing.T) {
	const maxTime, maxMemory = 10 * time.Second, 300 << 20 // Each takes less than two; what grows with a square takes minutes.
	for _, c := range []struct {
		sheets int
		sheet  string
		want   string // What the problem says; empty if there are rows.
	}{
		{100_000, "", "it has more than 10000 sheets"},
		{100_000, "Sheet 5", "it has more than 10000 sheets"},
		{10_000, "", ""},
		{10_000, "Sheet 9999", ""},
		{10_000, "none", `it has no sheet "none"; its sheets: "Sheet 0", "Sheet 1", "Sheet 2", "Sheet 3", "Sheet 4", "Sheet 5", "Sheet 6", "Sheet 7", "Sheet 8", "Sheet 9", "Sheet 10", "Sheet 11", "Sheet 12", "Sheet 13", "Sheet 14", "Sheet 15", "Sheet 16", "Sheet 17", "Sheet 18", "Sheet 19" and 9980 more`},
	} {
		for _, own := range []bool{true, false} {
			data := manySheets(t, c.sheets, own)
			runtime.GC()
			before, memory := processorTime(t), heap()
			rows, err := Open(t.Context(), "a.xlsx", bytes.NewReader(data), int64(len(data)), Options{Sheet: c.sheet})
			took, grown := processorTime(t)-before, heap()-memory
			if took > maxTime || grown > maxMemory {
				t.Errorf("%d sheets, own files %v, %q: took %v and %d MB", c.sheets, own, c.sheet, took, grown>>20)
			}
			t.Logf("%d sheets, own files %v, %q: %v, %d MB", c.sheets, own, c.sheet, took, grown>>20)
			if c.want != "" {
				if of, is := errors.AsType[*Error](err); !is || of.Message != c.want {
					t.Errorf("got %.200v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if row, err := rows.Next(); err != nil || string(row.Value.JSON()) != `{"1":2}` {
				t.Errorf("got %s, %v", row.Value.JSON(), err)
			}
		}
	}
}

// processorTime returns what the process has used of its processors. The clock says little where others use them too.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
