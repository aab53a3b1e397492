package python_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/listfile"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const largeCount = 1800

// ofLargeList is a request whose context has largeCount elements of 10 kB in a file, as `answers` and in the result of `each`.
func ofLargeList(t *testing.T, code string) protocol.Request {
	t.Helper()
	request := ofCode(t, code)
	folder, err := os.MkdirTemp("", "lists-") // Not that of the test, which is always in the same place.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	writer, err := listfile.Create(filepath.Join(folder, "0.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("ä\n\"\u2028", 1250)
	for i := range largeCount {
		element := value.Object(value.Field{Name: "n", Value: value.Int(int64(i))}, value.Field{Name: "text", Value: value.String(text)})
		if err := writer.Add(element); err != nil {
			t.Fatal(err)
		}
	}
	list, err := writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	if list.Bytes <= protocol.MaxPlainList {
		t.Fatalf("the list has %d bytes", list.Bytes)
	}
	request.Parameters = val(t, `{"context": {"answers": null, "inside": [1, {"deep": null}], "own": 5}}`)
	request.Dependencies = []value.Field{{Name: "each", Value: val(t, fmt.Sprintf(`{"total": %d, "results": null}`, largeCount))}, {Name: "own", Value: val(t, `{"results": null}`)}}
	for _, place := range [][]string{{"parameters", "context", "answers"}, {"parameters", "context", "inside", "1", "deep"}, {"dependencies", "each", "results"}, {"dependencies", "own", "results"}} {
		list.Place = place
		request.Lists = append(request.Lists, list)
	}
	return request
}

const useList = `
import json, random, pickle, copy, collections.abc
def refused(what):
    try:
        what()
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
it, whole = context["answers"], list(context["answers"])
numbers = lambda part: [element["n"] for element in part]
result = {
    "kind": [type(it).__name__, isinstance(it, collections.abc.Sequence), isinstance(it, list), bool(it), len(it)],
    "everywhere": [context["inside"][1]["deep"] == it, context["each"]["results"] == it, context["each"]["total"], context["own"]],
    "elements": [it[0]["n"], it[-1]["n"], it[True]["n"], it[17]["text"] == "ä\n\"\u2028" * 1250],
    "iterated": [numbers(it) == list(range(1800)), numbers(reversed(it))[:2], sum(1 for a in it for _ in (0,))],
    "twice at once": sum(a["n"] == b["n"] for a, b in zip(it, it)),
    "small slices": [type(it[2:5]).__name__, numbers(it[2:5]), numbers(it[-2:]), numbers(it[7:3]), numbers(it[1:9:3]), numbers(it[3:0:-1]), numbers(it[9999:])],
    "large slices": [type(it[1:]).__name__, len(it[1:]), numbers(it[1:])[:2], it[1:][-1]["n"], type(it[::-1]).__name__, numbers(it[::-1])[:2], numbers(it[10:][5:][:2]), len(it[::2])],
    "equal": [it == whole, whole == it, it != whole, it == whole[1:], it == tuple(whole), it == it[:], it[:] == it, it == None],
    "json": [json.dumps(it) == json.dumps(whole), json.dumps({"a": it}, indent=1) == json.dumps({"a": whole}, indent=1)],
    "sample": sorted(numbers(random.Random(3).sample(it, 3))) == sorted(numbers(random.Random(3).sample(whole, 3))),
    "choice": random.Random(3).choice(it) == random.Random(3).choice(whole),
    "sorted": numbers(sorted(it, key=lambda element: -element["n"]))[:2],
    "in": [whole[3] in it, {} in it, it.index(whole[7]), it.count(whole[7])],
    "added": [len(it + [1]), len([1] + it), len(it + it), len([*it, 1])],
    "copies": [pickle.loads(pickle.dumps(it)) == it, len(pickle.dumps(it)) < 20000, copy.deepcopy(it)[5]["n"], type(it.copy()).__name__],
    "shown": len(repr(it)) < 500 and repr(it).startswith("<1800 elements, read from a file: [{'n': 0, 'text': 'ä"),
    "refused": [refused(lambda: it.append(1)), refused(lambda: it.sort()), refused(lambda: it.__setitem__(0, 1)), refused(lambda: it.__delitem__(0)),
        refused(lambda: it[1800]), refused(lambda: it["a"]), refused(lambda: it.nothing), refused(lambda: it + 1), refused(lambda: hash(it))],
}
`

const usedList = `{"kind":["PagedList",true,false,true,1800],"everywhere":[true,true,1800,5],"elements":[0,1799,1,true],"iterated":[true,[1799,1798],1800],` +
	`"twice at once":1800,"small slices":["list",[2,3,4],[1798,1799],[],[1,4,7],[3,2,1],[]],` +
	`"large slices":["PagedList",1799,[1,2],1799,"PagedList",[1799,1798],[15,16],900],"equal":[true,true,false,false,false,true,true,false],` +
	`"json":[true,true],"sample":true,"choice":true,"sorted":[1799,1798],"in":[true,false,7,1],"added":[1801,1801,3600,1801],"copies":[true,true,5,"list"],"shown":true,` +
	`"refused":["AttributeError: a list that is read from a file has no append, which changes it; make a list of it first: list(...)",` +
	`"AttributeError: a list that is read from a file has no sort, which changes it; make a list of it first: list(...)",` +
	`"TypeError: elements of a list that is read from a file cannot be assigned; make a list of it first: list(...)",` +
	`"TypeError: elements of a list that is read from a file cannot be deleted; make a list of it first: list(...)",` +
	`"IndexError: list index out of range","TypeError: list indices must be integers or slices, not str",` +
	`"AttributeError: 'PagedList' object has no attribute 'nothing'","TypeError: unsupported operand type(s) for +: 'PagedList' and 'int'","TypeError: unhashable type: 'PagedList'"]}`

// TestALargeListIsLikeAList: what scripts do with lists works with one that is read from a file, or fails with what to do.
func TestALargeListIsLikeAList(t *testing.T) {
	for name, handler := range map[string]*python.Handler{"warm": shared, "alone": newHandler(t, python.Options{NoFork: true})} {
		result, err := handler.Handle(t.Context(), ofLargeList(t, useList), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := field(t, result, "result")
		for _, want := range val(t, usedList).Fields() {
			if is, _ := got.Get(want.Name); string(is.JSON()) != string(want.Value.JSON()) {
				t.Errorf("%s: %s\ngot  %s\nwant %s", name, want.Name, is.JSON(), want.Value.JSON())
			}
		}
	}
}

// TestALargeListAsResult: a result may be the list, or have it somewhere.
func TestALargeListAsResult(t *testing.T) {
	result := field(t, mustRun(t, ofLargeList(t, `result = {"all": context["answers"]}`)), "result")
	all, _ := result.Get("all")
	if last, _ := all.Elements()[largeCount-1].Get("n"); len(all.Elements()) != largeCount || last.Digits() != "1799" {
		t.Errorf("it has %d elements, the last with %s", len(all.Elements()), last.JSON())
	}
}

// TestALargeListInOtherProcesses: those that are forked and those that are started anew read it themselves.
func TestALargeListInOtherProcesses(t *testing.T) {
	for _, method := range []string{"fork", "spawn", "forkserver"} {
		result := mustRun(t, ofLargeList(t, `
import multiprocessing
def at(n):
    return context["answers"][n]["n"] + len(context["each"]["results"])
def of(part):
    return part[0]["n"]
with multiprocessing.get_context("`+method+`").Pool(2) as pool:
    result = [pool.map(at, [1, 1799]), pool.map(of, [context["answers"], context["answers"][5:]])]`))
		if got := string(field(t, result, "result").JSON()); got != `[[1801,3599],[0,5]]` {
			t.Errorf("%s: got %s", method, got)
		}
	}
}

// TestMemoryOfALargeList: a script that looks at each element has few of them in memory.
func TestMemoryOfALargeList(t *testing.T) {
	result := mustRun(t, ofLargeList(t, `
import tracemalloc
tracemalloc.start()
total = sum(element["n"] for element in context["answers"])
result = [total, tracemalloc.get_traced_memory()[1] < 8 << 20]`))
	if got := string(field(t, result, "result").JSON()); got != `[1619100,true]` {
		t.Errorf("got %s", got)
	}
}

// TestFramesOfALargeList: NumPy and pandas take it as they take a list.
func TestFramesOfALargeList(t *testing.T) {
	handler := scientific(t)
	result, err := handler.Handle(t.Context(), ofLargeList(t, `
import numpy as np, pandas as pd
it = context["answers"]
frame = pd.DataFrame(it)
result = [list(frame.shape), list(frame.columns), int(frame["n"].sum()), len(pd.Series(it)), pd.DataFrame({"a": it}).shape[0], np.array(it).shape[0], frame.equals(pd.DataFrame(list(it)))]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(field(t, result, "result").JSON()); got != `[[1800,2],["n","text"],1619100,1800,1800,1800,true]` {
		t.Errorf("got %s", got)
	}
}
