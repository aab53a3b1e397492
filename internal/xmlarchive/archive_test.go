package xmlarchive

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// zipped returns an archive of files, given as names and contents by turns.
func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var to bytes.Buffer
	z := zip.NewWriter(&to)
	for i := 0; i < len(files); i += 2 {
		file, err := z.Create(files[i])
		if err == nil {
			_, err = io.WriteString(file, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// read returns the names of the elements of a file.
func read(t testing.TB, data []byte, name string, unpacked int64) (names string, err error) {
	t.Helper()
	a, err := Open(bytes.NewReader(data), int64(len(data)), "a document", NewBudget(t.Context(), unpacked))
	if err != nil {
		return "", err
	}
	err = a.Walk(name, true, func(_ *Reader, token xml.Token) error {
		if t, is := token.(xml.StartElement); is {
			names += t.Name.Local + " "
		}
		return nil
	})
	return names, err
}

func TestArchive(t *testing.T) {
	for _, c := range []struct {
		about    string
		data     []byte
		unpacked int64
		kind     Kind
		want     string
	}{
		{"not one", []byte("a,b"), Unlimited, Broken, "zip: not a valid zip file"},
		{"a file that is missing", zipped(t, "b.xml", "<x/>"), Unlimited, Missing, "a.xml is missing"},
		{"a file that is cut off", zipped(t, "a.xml", "<x>"), Unlimited, NotXML, "a.xml: XML syntax error on line 1: unexpected EOF"},
		{"entities", zipped(t, "a.xml", `<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`), Unlimited, NotXML, "a.xml: XML syntax error on line 1: invalid character entity &a;"},
		{"more than the budget", zipped(t, "a.xml", "<x/>", "b.xml", strings.Repeat("<x/>", 100)), 403, TooLarge, "it unpacks to 404 bytes, and the limit is 403"},
		{"depth", zipped(t, "a.xml", strings.Repeat("<x>", 1_001)), Unlimited, TooDeep, "a.xml has more than 1000 elements within each other"},
		{"a long piece", zipped(t, "a.xml", "<x>"+strings.Repeat(" ", MaxPiece+8192)+"</x>"), Unlimited, TooLong, "a.xml is larger than 16 MiB"},
	} {
		_, err := read(t, c.data, "a.xml", c.unpacked)
		e, is := errors.AsType[*Error](err)
		if !is || e.Kind != c.kind || e.Called != "a document" || e.Error() != c.want || errors.Is(err, fs.ErrNotExist) != (c.kind == Missing) {
			t.Errorf("%s: got %v", c.about, err)
		}
	}
	for about, text := range map[string]string{"UTF-16": "\xff\xfe<\x00x\x00/\x00>\x00", "windows-1252": "<?xml version='1.0' encoding='windows-1252'?><x of='\xe9'/>", "a mark": "\ufeff<x/>"} {
		if names, err := read(t, zipped(t, "/A.xml", text), "a.xml", Unlimited); err != nil || names != "x " {
			t.Errorf("%s: got %q, %v", about, names, err)
		}
	}
}

// TestDirectory: names of files may not take much memory before one is read.
func TestDirectory(t *testing.T) {
	var files []string
	for range 300 {
		files = append(files, strings.Repeat("x", 60_000), "")
	}
	if _, err := read(t, zipped(t, files...), "a.xml", Unlimited); err == nil || err.Error() != "its list of files is larger than 16 MiB" {
		t.Errorf("got %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(zipped(f, "a.xml", "<x a='b'>c</x>", "_rels/a.xml.rels", `<r><Relationship Id="1" Target="../b" Type="c/d"/></r>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Open(bytes.NewReader(data), int64(len(data)), "a document", NewBudget(t.Context(), 1<<20))
		if err != nil {
			return
		}
		_, _ = a.Relations("a.xml")
		_ = a.Walk("a.xml", true, func(x *Reader, token xml.Token) error {
			if _, is := token.(xml.StartElement); is {
				_, err = x.Text()
			}
			return err
		})
	})
}

// A file that exceeds what is left of the budget is an error with the limit of all files, not with the rest.
func TestLimitOfAllFiles(t *testing.T) {
	data := zipped(t, "a.xml", strings.Repeat("x", 60))
	budget := NewBudget(t.Context(), 100)
	a, err := Open(bytes.NewReader(data), int64(len(data)), "a document", budget)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Bytes("a.xml", budget.Unpacked); err != nil {
		t.Fatal(err)
	}
	_, err = a.Bytes("a.xml", budget.Unpacked)
	if e, is := errors.AsType[*Error](err); !is || e.Kind != TooLarge || e.Size != 120 || e.Limit != 100 {
		t.Errorf("%+v", err)
	}
}
