package home

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// claimant is set in a process that this test binary starts of itself, to claim the run "r" in the home it names.
const claimant = "GLEITZEIT_TEST_CLAIMANT"

func TestMain(m *testing.M) {
	if path := os.Getenv(claimant); path != "" {
		os.Exit(claimUntilKilled(path))
	}
	os.Exit(m.Run())
}

func claimUntilKilled(path string) int {
	held, err := (&Home{Path: path}).Claim(claimOf("r", 1))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("claimed")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Println(err)
	}
	runtime.KeepAlive(held) // A collected lock is no lock.
	return 0
}

func claimOf(run string, second int) Claim {
	return Claim{Run: run, File: "/flows/a.yaml", Folder: "/flows", PlanHash: "abc", Queue: "q-" + run,
		StartedAt: time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC)}
}

func testHome(t *testing.T) *Home {
	t.Helper()
	h, err := Open(t.TempDir())
	must(t, err)
	return h
}

func expectClaims(t *testing.T, h *Home, want ...Claim) {
	t.Helper()
	claims, err := h.Claims()
	must(t, err)
	if len(claims) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(claims, want) {
		t.Errorf("claims %+v,\n want %+v", claims, want)
	}
}

func TestClaimsAreSorted(t *testing.T) {
	h := testHome(t)
	expectClaims(t, h)
	for _, c := range []Claim{claimOf("late", 3), claimOf("b/../x", 1), claimOf("a", 1)} {
		held, err := h.Claim(c)
		must(t, err)
		must(t, held.Release(false))
	}
	expectClaims(t, h, claimOf("a", 1), claimOf("b/../x", 1), claimOf("late", 3))
	info, err := os.Stat(filepath.Join(h.Path, "runs", "a.json"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("a claim has mode %v, want 0600", info.Mode())
	}
}

func TestClaimIsExclusive(t *testing.T) {
	h := testHome(t)
	held, err := h.Claim(claimOf("r", 1))
	must(t, err)
	if _, err := h.Claim(claimOf("r", 2)); !errors.Is(err, ErrClaimed) {
		t.Errorf("a second claim: %v, want %v", err, ErrClaimed)
	}
	if err := h.RemoveClaim("r"); !errors.Is(err, ErrClaimed) {
		t.Errorf("removing a held claim: %v, want %v", err, ErrClaimed)
	}
	expectClaims(t, h, claimOf("r", 1))

	must(t, held.Release(true))
	expectClaims(t, h)
	left, err := os.ReadDir(filepath.Join(h.Path, "runs"))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("a removed claim leaves %v", left)
	}
	if _, err := h.TakeClaim(t.Context(), "r"); !errors.Is(err, ErrNoClaim) {
		t.Errorf("taking a removed claim: %v, want %v", err, ErrNoClaim)
	}
	must(t, h.RemoveClaim("r"))
}

func TestRemoveStaleClaim(t *testing.T) {
	h := testHome(t)
	held, err := h.Claim(claimOf("r", 1))
	must(t, err)
	must(t, held.Release(false))
	must(t, h.RemoveClaim("r"))
	expectClaims(t, h)
}

func TestTakeClaimWhenTheHolderIsKilled(t *testing.T) {
	h := testHome(t)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), claimant+"="+h.Path)
	stdin, err := holder.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	must(t, err)
	must(t, holder.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	if line != "claimed\n" {
		t.Fatal(line)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*takePoll)
	defer cancel()
	if _, err := h.TakeClaim(short, "r"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("taking the claim of a living process: %v", err)
	}
	must(t, holder.Process.Kill())
	if holder.Wait() == nil {
		t.Fatal("a killed process exited with 0")
	}
	taken, err := h.TakeClaim(t.Context(), "r")
	must(t, err)
	if taken.Claim != claimOf("r", 1) {
		t.Errorf("taken %+v, want %+v", taken.Claim, claimOf("r", 1))
	}
	must(t, taken.Release(true))
}

// Many that claim, release and remove at once never hold the same run twice.
func TestClaimUnderContention(t *testing.T) {
	h := testHome(t)
	var holders sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for done := 0; done < 50; {
				held, err := h.Claim(claimOf("r", 1))
				if errors.Is(err, ErrClaimed) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !holders.TryLock() {
					t.Error("two hold the claim")
					return
				}
				runtime.Gosched()
				holders.Unlock()
				if err := held.Release(done%2 == 0); err != nil {
					t.Error(err)
				}
				done++
			}
		})
	}
	all.Wait()
}

func TestUnreadableClaim(t *testing.T) {
	h := testHome(t)
	held, err := h.Claim(claimOf("r", 1))
	must(t, err)
	must(t, held.Release(false))
	path := filepath.Join(h.Path, "runs", "r.json")
	must(t, os.WriteFile(path, []byte("{"), 0o600))
	want := fmt.Sprintf("invalid claim %q: unexpected end of JSON input "+
		"(remove the file; the run itself is not affected)", path)
	_, listed := h.Claims()
	_, taken := h.TakeClaim(t.Context(), "r")
	for _, err := range []error{listed, taken} {
		if known := protocol.AsError(err, protocol.InternalError); known.Error() != want {
			t.Errorf("%q,\nwant %q", known.Error(), want)
		}
	}
	again, err := h.Claim(claimOf("r", 2))
	must(t, err)
	must(t, again.Release(true))
}

func TestClaimWithoutRoom(t *testing.T) {
	h := testHome(t)
	must(t, os.WriteFile(filepath.Join(h.Path, "runs"), nil, 0o600))
	_, err := h.Claim(claimOf("r", 1))
	want := fmt.Sprintf("cannot claim run \"r\" in %q: not a directory (free some disk space, "+
		"or set GLEITZEIT_HOME or --home to a folder that you can write)", filepath.Join(h.Path, "runs"))
	if err == nil || err.Error() != want {
		t.Errorf("%v,\nwant %s", err, want)
	}
}
