//go:build unix

package python_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nobody is the number of the user without rights.
const nobody = 65534

// becomeNobody makes the command run as a user without rights, to whom the folder belongs. Whoever is not root has none.
func becomeNobody(t *testing.T, command *exec.Cmd, folder string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// processesOf lists the processes of a user that descend from a process, but for itself.
func processesOf(t *testing.T, user, ancestor int) []string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "ps", "-eo", "pid=,ppid=,uid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	parents, lines := map[int]int{}, map[int]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(said)), "\n") {
		fields := strings.Fields(line)
		pid, _ := strconv.Atoi(fields[0])
		parents[pid], _ = strconv.Atoi(fields[1])
		if fields[2] == strconv.Itoa(user) && !strings.Contains(line, "ps -eo") {
			lines[pid] = line
		}
	}
	var found []string
	for pid, line := range lines {
		for at := parents[pid]; at > 1; at = parents[at] {
			if at == ancestor {
				found = append(found, line)
				break
			}
		}
	}
	return found
}
