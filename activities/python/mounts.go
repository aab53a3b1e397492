package python

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// nobody is the number of the user and the group as which a sandbox of root runs.
const nobody = "65534"

// sharedMemory is the size of /dev/shm in a sandbox.
const sharedMemory = 64 << 20

// mount is a mount of a sandbox. A --tmpfs is an empty folder in memory.
type mount struct {
	option, path string
	size         int64 // Of a --tmpfs that is writable; 0 = read-only.
}

// tree is what a sandbox changes of the disk, a folder before those inside it.
type tree []mount

// newTree hides the private folders and shows those in shown. A private folder stays private even if it is shown. The own
// folder is writable, and has at most size bytes in memory; NoLimit is the folder on the disk.
func newTree(private, shown []string, own string, size int64) tree {
	t := tree{{"--tmpfs", own, size}}
	if size == NoLimit {
		t[0] = mount{"--bind", own, 0}
	}
	for _, path := range private {
		t = append(t, mount{"--tmpfs", path, 0})
	}
	for _, path := range shown {
		if beneath(path, private) && !slices.Contains(private, path) {
			t = append(t, mount{"--ro-bind", path, 0})
		}
	}
	slices.SortStableFunc(t, func(a, b mount) int { return strings.Count(a.path, "/") - strings.Count(b.path, "/") })
	return slices.Compact(t)
}

// beneath reports whether a path is one of the folders, or in one.
func beneath(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(path+"/", folder+"/") })
}

// inside returns the options of bubblewrap for the disk of a sandbox, in which masked files are empty. What a program writes outside its temporary folder
// would be lost, and could fill the memory: every other folder in memory is read-only, but for a small /dev/shm.
func (t tree) inside(masked []string) []string {
	words := []string{
		"--ro-bind", "/", "/",
		"--dev", "/dev", "--size", strconv.Itoa(sharedMemory), "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
		"--proc", "/proc", "--tmpfs", "/proc/sys", "--remount-ro", "/proc/sys",
	}
	// It shows how busy the machine is, and some kernels let everyone write to it.
	if _, err := os.Stat("/proc/pressure"); err == nil {
		words = append(words, "--tmpfs", "/proc/pressure", "--remount-ro", "/proc/pressure")
	}
	var closed []string
	for _, m := range t {
		switch {
		case m.option != "--tmpfs":
			words = append(words, m.option, m.path, m.path)
		case m.size > 0:
			words = append(words, "--perms", "0700", "--size", strconv.FormatInt(m.size, 10), m.option, m.path)
		default:
			words = append(words, m.option, m.path)
			closed = append(closed, "--remount-ro", m.path)
		}
	}
	for _, path := range masked {
		words = append(words, "--ro-bind", os.DevNull, path)
	}
	return append(words, closed...)
}

// sockets returns the Unix sockets on the disk that a script could connect to: neither a network of its own nor a read-only
// disk keeps it from that. A sandbox that starts as another user has only to hide those that everyone can reach.
func (t tree) sockets(asRoot bool) []string {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil // The system has no Unix sockets.
	}
	var found []string
	for line := range strings.Lines(string(table)) {
		_, path, is := strings.Cut(strings.TrimSuffix(line, "\n"), " /")
		if !is {
			continue
		}
		path = resolveLinks("/" + path)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().Type() == os.ModeSocket && t.shows(path, asRoot) && !slices.Contains(found, path) {
			found = append(found, path)
		}
	}
	return found
}

// hiddenFiles returns the files with secrets that a sandbox hides, in folders that it shows.
func (t tree) hiddenFiles(hide []string, asRoot bool) (files []string) {
	for _, path := range hide {
		path = resolveLinks(path)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && t.shows(path, asRoot) {
			files = append(files, path)
		}
	}
	return files
}

// shows reports whether a path is visible in the sandbox, and, for a sandbox of root, whether everyone may go there.
func (t tree) shows(path string, asRoot bool) bool {
	if beneath(path, []string{"/dev", "/proc"}) {
		return false
	}
	last := mount{"--ro-bind", "/", 0}
	for _, m := range t {
		if beneath(path, []string{m.path}) {
			last = m
		}
	}
	if last.option == "--tmpfs" {
		return false
	}
	for at := filepath.Dir(path); asRoot && beneath(at, []string{strings.TrimSuffix(last.path, "/")}); at = filepath.Dir(at) {
		if info, err := os.Stat(at); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if at == "/" {
			break
		}
	}
	return true
}

// passage returns the options of bubblewrap for the disk from which another user starts a sandbox: that of the machine, with
// folders that everyone may enter above those that the sandbox shows.
func (t tree) passage() []string {
	words := []string{"--dev-bind", "/", "/"}
	var hidden []string
	for _, m := range t {
		if m.option == "--tmpfs" && m.size == 0 {
			words = append(words, m.option, m.path)
			hidden = append(hidden, m.path)
			continue
		}
		if m.option == "--tmpfs" {
			continue
		}
		var above []string
		for at := filepath.Dir(m.path); beneath(at, hidden) && !slices.Contains(hidden, at); at = filepath.Dir(at) {
			above = append([]string{"--dir", at}, above...)
		}
		words = append(append(words, above...), m.option, m.path, m.path)
	}
	return words
}

// giveToNobody makes a temporary folder on the disk that of the user as which a sandbox of root runs.
func giveToNobody(temp string, size int64) error {
	if size != NoLimit {
		return nil
	}
	number, err := strconv.Atoi(nobody)
	if err != nil {
		return err
	}
	return os.Chown(temp, number, number)
}
