package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

const (
	hintAway     = "start it, or check the address"
	hintPassword = "set GLEITZEIT_REDIS_PASSWORD, or put both into the URL"
	hintFull     = "free memory or raise its maxmemory: finished work is not lost"
	hintRights   = "docs/stores.md lists the permissions that it needs"
)

// TestAServerThatIsAway looks at a store whose server goes away and comes back: nothing is lost, and the store is used
// as before.
func TestAServerThatIsAway(t *testing.T) {
	server := redistest.Start(t)
	store := opened(t, server.URL("", 3))
	if err := store.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	want := fmt.Sprintf("the Redis server redis://%s/3 cannot be reached: connection refused", server.Address)
	refused(t, store.Put(t.Context(), batchOf("r", 1)), protocol.Transient, want, hintAway)
	_, err := store.Records(t.Context(), resultstore.Query{})
	refused(t, err, protocol.Transient, want, hintAway)
	_, err = store.Value(t.Context(), protocol.RefOf(batchOf("r", 0).Values[0]))
	refused(t, err, protocol.Transient, want, hintAway)
	_, err = Open(t.Context(), server.URL("me:s3cret@", 3))
	refused(t, err, protocol.Transient, want, hintAway)

	server.Again()
	if err := store.Put(t.Context(), batchOf("r", 1)); err != nil {
		t.Fatal(err)
	}
	holds(t, store, "r", []int{0, 1})
}

// TestARestartBetweenTwoCalls: connections that are dead, and scripts that the server has forgotten, are nothing that a
// caller hears of.
func TestARestartBetweenTwoCalls(t *testing.T) {
	server := redistest.Start(t)
	store := opened(t, server.URL("", 0))
	for item := range 5 {
		if err := store.Put(t.Context(), batchOf("r", item)); err != nil {
			t.Fatal(err)
		}
		server.Kill()
		server.Again()
	}
	holds(t, store, "r", []int{0, 1, 2, 3, 4})
	server.Do("SCRIPT", "FLUSH")
	if err := store.Put(t.Context(), batchOf("r", 5)); err != nil {
		t.Fatal(err)
	}
}

func TestPasswords(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "s3cret/@:#?%")
	server.Do("ACL", "SETUSER", "gleitzeit", "on", ">word", "~gleitzeit:*", "+@read", "+@write", "+@scripting", "+@connection")
	server.Do("ACL", "SETUSER", "guest", "on", ">word", "~gleitzeit:*", "+@read", "+@connection")
	at := "the Redis server redis://" + server.Address + "/0 "
	for user, want := range map[string]struct{ problem, hint string }{
		"":               {"requires a password", "set GLEITZEIT_REDIS_PASSWORD"},
		":wr0ng@":        {"rejects the user name or the password", hintPassword},
		"nobody:s3cret@": {"rejects the user name or the password", hintPassword},
	} {
		_, err := Open(t.Context(), server.URL(user, 0))
		refused(t, err, protocol.Permanent, at+want.problem, want.hint)
	}
	for _, user := range []string{":s3cret%2F%40%3A%23%3F%25@", "default:s3cret%2F%40%3A%23%3F%25@", "gleitzeit:word@"} {
		store := opened(t, server.URL(user, 0))
		if err := store.Put(t.Context(), batchOf("r", 1)); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		holds(t, store, "r", []int{1})
		cached := batchOf("r", 2)
		cached.Records[0].Kind, cached.Records[0].Key = resultstore.Cached, resultstore.CallKey("hash")
		if err := store.Put(t.Context(), cached); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if sizes, err := store.Sizes(t.Context()); err != nil || sizes.Values.Count != 2 || sizes.Total < 100 {
			t.Errorf("%s: %+v, %v", user, sizes, err)
		}
		later := time.Now().Add(time.Hour)
		pruned, err := store.Prune(t.Context(), resultstore.PruneRequest{
			Executions: []resultstore.Execution{{Run: "r", Execution: "e"}}, Before: later.AddDate(10, 0, 0), Unused: later,
		})
		if err != nil || pruned.Tasks.Count != 1 || pruned.Cached.Count != 1 || pruned.Values.Count != 2 {
			t.Errorf("%s: %+v, %v", user, pruned, err)
		}
	}
	guest := opened(t, server.URL("guest:word@", 0))
	refused(t, guest.Put(t.Context(), batchOf("r", 2)), protocol.Permanent, at+"denies this user the commands of a result store", hintRights)
}

func TestAFullServer(t *testing.T) {
	server := redistest.Start(t)
	store := opened(t, server.URL("", 0))
	if err := store.Put(t.Context(), batchOf("r", 0)); err != nil {
		t.Fatal(err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "1")
	noise := make([]byte, 1<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	batch := batchOf("r", 1)
	batch.Values = append(batch.Values, noise)
	full := fmt.Sprintf("the Redis server redis://%s/0 is full", server.Address)
	refused(t, store.Put(t.Context(), batch), protocol.Transient, full, hintFull)
	found, err := store.Records(t.Context(), resultstore.Query{Run: "r"})
	if err != nil || len(found) != 1 {
		t.Errorf("%d records, %v; want the one that was put before", len(found), err)
	}
	for _, value := range batch.Values {
		if _, err := store.Value(t.Context(), protocol.RefOf(value)); !errors.Is(err, resultstore.ErrNotFound) {
			t.Errorf("a value of a batch that was refused: %v", err)
		}
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	if err := store.Put(t.Context(), batch); err != nil {
		t.Error("once there is room:", err)
	}
}

func TestAReplica(t *testing.T) {
	server := redistest.Start(t)
	store := opened(t, server.URL("", 0))
	server.Do("REPLICAOF", "127.0.0.1", "1")
	server.Do("CONFIG", "SET", "replica-serve-stale-data", "yes")
	refused(t, store.Put(t.Context(), batchOf("r", 0)), protocol.Transient,
		fmt.Sprintf("the Redis server redis://%s/0 accepts no writes at the moment", server.Address), "name the primary, not a replica")
	if _, err := store.Records(t.Context(), resultstore.Query{}); err != nil {
		t.Error("reading needs no primary:", err)
	}
}

func TestADatabaseThatIsNotThere(t *testing.T) {
	server := redistest.Start(t)
	_, err := Open(t.Context(), server.URL("", 99))
	refused(t, err, protocol.Permanent, fmt.Sprintf("the Redis server redis://%s/99 has no such database", server.Address),
		"use a smaller number after the last / of the URL")
}

func TestWhatIsNotOurs(t *testing.T) {
	server := redistest.Start(t)
	at := "the Redis server redis://" + server.Address + "/0"
	store := opened(t, server.URL("", 0))
	server.Do("SET", "gleitzeit:records:r:e", "theirs")
	refused(t, store.Put(t.Context(), batchOf("r", 0)), protocol.Permanent, at+" has keys of another program with the prefix gleitzeit:", "use another database of it")

	value := []byte(strings.Repeat("compress me ", 100))
	if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{value}}); err != nil {
		t.Fatal(err)
	}
	for content, why := range map[string]string{
		"lzma:x":    `unknown encoding "lzma" of value f6b19a9751d3`,
		"zstd:\x00": "cannot decompress value f6b19a9751d3: unexpected EOF",
	} {
		server.Do("SET", "gleitzeit:value:"+protocol.RefOf(value).Hash, content)
		_, err := store.Value(t.Context(), protocol.RefOf(value))
		refused(t, err, protocol.Permanent, "the data in the Redis server redis://"+server.Address+"/0 is damaged: "+why, "")
	}

	server.Do("SET", "gleitzeit:schema", "7")
	_, err := Open(t.Context(), server.URL("", 0))
	refused(t, err, protocol.Permanent, "the results in the Redis server redis://"+server.Address+"/0 have schema version 7, and this program supports version 2",
		"use the newer gleitzeit that wrote them, or use another database of it")
}

// TestAServerThatHangs takes connections and never answers: whoever gives up waiting is let go at once.
func TestAServerThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan error, 1)
	go func() {
		_, err := Open(ctx, "redis://"+listener.Addr().String())
		told <- err
	}()
	connection, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	cancel()
	select {
	case err := <-told:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
	case <-time.After(dialTimeout):
		t.Error("still waiting")
	}
}
