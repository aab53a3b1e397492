package stories_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// nobody is another user of the machine.
const nobody = 65534

// as runs a command as another user of the machine, and returns both streams. Who is not root needs sudo without a password.
func (u *user) as(uid uint32, words ...string) (out string, succeeded bool) {
	u.T.Helper()
	if os.Geteuid() != 0 {
		words = append([]string{"sudo", "-n", "-u", "#" + strconv.Itoa(int(uid))}, words...)
	}
	command := exec.CommandContext(u.T.Context(), words[0], words[1:]...)
	command.Dir = "/"
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	text, err := command.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		u.T.Fatal(err)
	}
	return string(text), err == nil
}

// TestAnotherUserOfTheMachine: another user reaches the port, and gets nothing: neither the token nor what was uploaded can be read, even if
// the folders above are open to everybody.
func TestAnotherUserOfTheMachine(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 && exec.CommandContext(t.Context(), "sudo", "-n", "true").Run() != nil {
		require.Skip(t, "only root, or sudo without a password, can be another user")
	}
	u := withOllama(t, ollamatest.Start(t))
	s := u.serveAPI()
	id := s.create(s.upload(chatLine("a", hello)), `,"completion_window":"24h"`).ID
	batch := s.ends(id)
	for folder := filepath.Dir(u.Home); folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		must(t, os.Chmod(folder, 0o755))
	}
	token := filepath.Join(u.Home, "api.token")
	if text, can := u.as(0, "cat", token); !can || strings.TrimSpace(text) != s.token {
		t.Fatalf("root reads %q", text)
	}
	if text, can := u.as(nobody, "test", "-d", u.Home); !can { // Otherwise the rest shows nothing about the home.
		t.Fatalf("another user does not reach the home: %s", text)
	}
	for _, words := range [][]string{{"ls", u.Home}, {"cat", token}, {"cat", filepath.Join(u.Home, "server.json")}, {"ls", filepath.Join(u.Home, "batch-api")}} {
		if text, can := u.as(nobody, words...); can || !strings.Contains(text, "Permission denied") {
			t.Errorf("another user does %q: %s", words, text)
		}
	}
	must(t, os.Chmod(u.Home, 0o755)) // As somebody may have made it.
	if text, can := u.as(nobody, "sh", "-c", `find "$0" -type f -readable 2>/dev/null; ls "$0" >/dev/null`, u.Home); text != "" || !can {
		t.Errorf("another user can read\n%s", text)
	}
	for _, path := range []string{"/files", "/batches", "/batches/" + id, "/files/" + batch.Output + "/content", "/models"} {
		for _, header := range []string{"X: none", "Authorization: Bearer ", "Authorization: Bearer " + s.token[1:]} {
			if text, _ := u.as(nobody, "curl", "-s", "--noproxy", "*", "-w", "%{http_code}", "-H", header, s.url+path); !strings.HasSuffix(text, "401") || strings.Contains(text, id) {
				t.Errorf("%s, %q: %s", path, header, text)
			}
		}
	}
	if text, can := u.as(nobody, "curl", "-s", "--noproxy", "*", "-w", "%{http_code}", "-H", "Authorization: Bearer "+s.token, s.url+"/models"); !can || !strings.HasSuffix(text, "200") {
		t.Errorf("with the token: %s", text) // It is the token that decides.
	}
}
