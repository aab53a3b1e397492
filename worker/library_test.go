package worker

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestFunctionsAreKeptInTheStore(t *testing.T) {
	store := memory.New()
	function := func(name, code string) value.Value {
		return value.Object(value.Field{Name: "name", Value: value.String(name)}, value.Field{Name: "code", Value: value.String(code)})
	}
	one := newLibrary(store)
	for _, f := range []value.Value{function("b", "1"), function("a", "2"), function("b", "3")} {
		name, _ := f.Get("name")
		if err := one.Keep(t.Context(), name.Text(), f); err != nil {
			t.Fatal(err)
		}
	}
	another := newLibrary(store) // Of another worker.
	found, there, err := another.Find(t.Context(), "b")
	if want := function("b", "3"); err != nil || !there || string(found.JSON()) != string(want.JSON()) {
		t.Errorf("b is %s, %v, %v", found.JSON(), there, err)
	}
	if _, there, err := another.Find(t.Context(), "c"); there || err != nil {
		t.Errorf("c: %v, %v", there, err)
	}
	if _, there, err := another.Find(t.Context(), ""); there || err != nil {
		t.Errorf("a function without a name: %v, %v", there, err)
	}
	all, err := another.All(t.Context())
	if err != nil || len(all) != 2 || string(value.List(all...).JSON()) != `[{"name":"a","code":"2"},{"name":"b","code":"3"}]` {
		t.Errorf("all: %s, %v", value.List(all...).JSON(), err)
	}
}
