package python_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"golang.org/x/sys/unix"
)

// trials tries from inside what docs/security.md promises that a script in a sandbox cannot do. The result has the outcome of
// each: the name of an exception, or what the script got.
const trials = `
import ctypes, errno, fcntl, glob, mmap, multiprocessing.shared_memory, os, pty, socket, stat, subprocess, tempfile, threading
libc = ctypes.CDLL(None, use_errno=True)
def tried(what):
    try:
        return what()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    except BaseException as error:
        return type(error).__name__
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return "done"
def write(path, data="x"):
    with open(path, "w") as f:
        f.write(data)
    return "written"
def fill(path, most=256 << 20):
    """Returns how many MiB a file can have in a folder."""
    name, block, size = os.path.join(path, "filling"), bytes(1 << 20), 0
    try:
        with open(name, "wb", 0) as f:
            while size < most:
                size += f.write(block)
    except OSError as error:
        return errno.errorcode[error.errno] + " after %d MiB" % (size >> 20)
    finally:
        if os.path.exists(name):
            os.remove(name)
    return "no limit"
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(3)
        s.connect(address)
    return "connected"
def status(name):
    with open("/proc/self/status") as f:
        return next(line.split()[1] for line in f if line.startswith(name + ":"))
def count(most):
    """Returns whether the number of threads has a limit below most."""
    stop, all = threading.Event(), []
    threading.stack_size(64 << 10)  # The limit of memory must not be met first.
    try:
        for _ in range(most):
            all.append(threading.Thread(target=stop.wait))
            all[-1].start()
        return "no limit"
    except RuntimeError:
        return "limited"
    finally:
        stop.set()
def writable(top):
    """Returns the files below a folder that can be opened for writing."""
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
        for name in files:
            path = os.path.join(folder, name)
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                found.append(path)
            except OSError:
                pass
    return found
temp = tempfile.gettempdir()
shared = context["unix sockets"]
result = {
    # The user and its rights.
    "user": os.getuid() != 0 and os.geteuid() != 0 and os.getgid() != 0 and 0 not in os.getgroups(),
    "capabilities": [status("Cap" + kind).strip("0") for kind in ("Inh", "Prm", "Eff", "Amb")],
    "no new rights": status("NoNewPrivs"),
    "setuid": tried(lambda: os.setuid(0)),
    "setgroups": tried(lambda: os.setgroups([0])),
    "user namespace": tried(lambda: call("unshare", 0x10000000)) in ("EPERM", "ENOSPC", "EINVAL"),
    "mount namespace": tried(lambda: call("unshare", 0x20000)),
    "mount": tried(lambda: call("mount", b"none", temp.encode(), b"tmpfs", 0, None)),
    "remount": tried(lambda: call("mount", b"none", b"/", b"none", 0x1020, None)),
    "unmount": tried(lambda: call("umount2", b"/proc/sys", 2)),
    "chroot": tried(lambda: os.chroot(temp)),
    "host name": tried(lambda: socket.sethostname("mine")),
    "name": socket.gethostname(),
    "device": tried(lambda: os.mknod(os.path.join(temp, "disk"), 0o600 | stat.S_IFBLK, os.makedev(8, 0))),
    # The kernel.
    "/proc/sys": tried(lambda: os.listdir("/proc/sys")),
    "/proc": tried(lambda: [path for path in writable("/proc") if not path.startswith(("/proc/self/", "/proc/thread-self/", "/proc/%d/" % os.getpid()))
                            and path.split("/")[2].isalpha()]),
    "/sys": tried(lambda: writable("/sys")),
    "shadow": tried(lambda: open("/etc/shadow").read()),
    # Processes.
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    "worker": tried(lambda: os.kill(context["pid"], 0)),
    "ptrace": tried(lambda: call("ptrace", 16, context["pid"], 0, 0)),
    "terminal": tried(lambda: open("/dev/tty")),
    "typed": tried(lambda: fcntl.ioctl(0, 0x5412, b"x")),
    # The network.
    "interfaces": [name for _, name in socket.if_nameindex()],
    "tcp": tried(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", context["port"]))),
    "host": tried(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80))),
    "udp": tried(lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53))),
    "ipv6": tried(lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 80))) in ("ENETUNREACH", "EAFNOSUPPORT", "EADDRNOTAVAIL"),
    "raw": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    "unix sockets": {path: tried(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, path)) for path in context["unix sockets"]},
    "abstract": tried(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + context["abstract"])),
    "well-known": [path for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/notify", "/dev/log")
                   if tried(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, path)) == "connected"],
    # The disk.
    "hidden": {path: tried(lambda: os.listdir(path)) for path in context["hidden"]},
    "secrets": {path: tried(lambda: open(path).read()) for path in context["secrets"]},
    "write": {path: tried(lambda: write(os.path.join(path, "gleitzeit-was-here")))
              for path in ["/", "/etc", "/usr", "/var", "/dev", "/run", "/tmp", "/var/tmp", "/mnt", "/root", "/proc", "/sys", os.getcwd()]},
    "folder": tried(lambda: open("data").read()),
    "temp": tried(lambda: os.listdir(temp)),
    "HOME": os.environ["HOME"] == temp == os.environ["TMPDIR"],
    "temp is private": stat.filemode(os.stat(temp).st_mode),
    "temp is limited": fill(temp),
    # Devices.
    "devices": sorted(os.path.join(folder, name) for folder, _, names in os.walk("/dev") for name in names if not os.path.islink(os.path.join(folder, name))),
    "shm": tried(lambda: os.listdir("/dev/shm")),
    "shm is limited": fill("/dev/shm"),
    "shared memory": tried(lambda: multiprocessing.shared_memory.SharedMemory(create=True, size=4096).unlink()),
    # The environment.
    "environment": sorted(name for name, value in os.environ.items() if "canary" in name.lower() + value),
    "files": [os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd") if int(name) > 4 and os.path.exists("/proc/self/fd/" + name) and
              os.readlink("/proc/self/fd/" + name) != "/dev/null" and os.readlink("/proc/self/fd/" + name).startswith("/") and not os.readlink("/proc/self/fd/" + name).startswith("/proc/")],
    # The limits.
    "a file": tried(lambda: write(os.path.join(temp, "large"), "x" * (12 << 20))),
    "memory": tried(lambda: len(bytearray(1 << 30))),
    "threads": count(context["threads"]),
    "open files": tried(lambda: [os.dup(0) for _ in range(2000)]),
}`

// TestPromises tries each promise of docs/security.md from inside a real sandbox.
func TestPromises(t *testing.T) {
	needsBubblewrap(t)
	t.Setenv("GLEITZEIT_SECRET_CANARY", "canary")
	t.Setenv("AWS_ACCESS_KEY", "canary")
	home, err := os.MkdirTemp(homeFolder(t), "gleitzeit-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	request := ofCode(t, trials)
	write(t, request.Folder, "data", "of the run")
	allowAll(t, filepath.Join(request.Folder, "data"))
	engine := t.TempDir()
	write(t, home, "key", "of the user")
	write(t, engine, "key", "of the engine")
	outside := t.TempDir()
	write(t, outside, "key", "of another program")

	loopback := listen(t, "tcp", "127.0.0.1:0")
	abstract := "gleitzeit-test-" + filepath.Base(filepath.Dir(outside))
	listen(t, "unix", "@"+abstract)
	sockets := []string{filepath.Join(outside, "s"), filepath.Join(home, "s"), filepath.Join(request.Folder, "s")}
	for _, path := range sockets {
		listen(t, "unix", path)
		allowAll(t, path)
	}
	number := value.Int
	request.Parameters = value.Object(value.Field{Name: "context", Value: value.Object(
		value.Field{Name: "pid", Value: number(int64(os.Getpid()))},
		value.Field{Name: "port", Value: number(int64(loopback.Addr().(*net.TCPAddr).Port))},
		value.Field{Name: "threads", Value: number(int64(len(processesOf(t, os.Getuid(), 1)) + 1200))},
		value.Field{Name: "abstract", Value: value.String(abstract)},
		value.Field{Name: "unix sockets", Value: texts(sockets)},
		value.Field{Name: "hidden", Value: texts([]string{"/run", "/mnt", "/media", "/var/tmp"})},
		value.Field{Name: "secrets", Value: texts([]string{filepath.Join(home, "key"), filepath.Join(engine, "key"), filepath.Join(outside, "key")})},
	)})
	handler := newHandler(t, python.Options{
		Sandbox: python.SandboxBwrap, HiddenFolders: []string{engine},
		Limits: python.Limits{Memory: 768 << 20, Processes: 100, OpenFiles: 200, Temp: 20 << 20, FileSize: 100 << 20},
	})
	ctx := t.Context()
	result, err := handler.Handle(ctx, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := field(t, result, "result")
	for name, want := range map[string]string{
		"user": `true`, "capabilities": `["","","",""]`, "no new rights": `"1"`, "setuid": `"EINVAL"`, "setgroups": `"EPERM"`,
		"user namespace": `true`, "mount namespace": `"EPERM"`, "mount": `"EPERM"`, "remount": `"EPERM"`, "unmount": `"EPERM"`,
		"chroot": `"EPERM"`, "host name": `"EPERM"`, "name": `"sandbox"`, "device": `"EPERM"`,
		"/proc/sys": `[]`, "/proc": `[]`, "/sys": `[]`, "shadow": `"EACCES"`,
		"worker": `"ESRCH"`, "ptrace": `"ESRCH"`, "terminal": `"ENXIO"`, "typed": `"ENOTTY"`,
		"interfaces": `["lo"]`, "tcp": `"ECONNREFUSED"`, "host": `"ENETUNREACH"`, "udp": `"ENETUNREACH"`, "ipv6": `true`, "raw": `"EPERM"`,
		"abstract": `"ECONNREFUSED"`, "well-known": `[]`, "folder": `"of the run"`, "temp": `[]`, "HOME": `true`,
		"temp is private": `"drwx------"`, "temp is limited": `"ENOSPC after 20 MiB"`,
		"shm": `[]`, "shm is limited": `"ENOSPC after 64 MiB"`, "shared memory": `null`,
		"environment": `[]`, "files": `[]`, "memory": `"MemoryError"`, "threads": `"limited"`, "open files": `"EMFILE"`, "a file": `"written"`,
		"devices": `["/dev/full","/dev/null","/dev/pts/ptmx","/dev/random","/dev/tty","/dev/urandom","/dev/zero"]`,
		"hidden":  `{"/run":[],"/mnt":[],"/media":[],"/var/tmp":[]}`,
		"secrets": fmt.Sprintf(`{"%s":"ENOENT","%s":"ENOENT","%s":"ENOENT"}`, filepath.Join(home, "key"), filepath.Join(engine, "key"), filepath.Join(outside, "key")),
	} {
		if is, _ := got.Get(name); string(is.JSON()) != want {
			t.Errorf("%s: %s, not %s", name, is.JSON(), want)
		}
	}
	if processes, _ := got.Get("processes"); processes.Digits() > "9" || len(processes.Digits()) > 1 {
		t.Errorf("it sees %s processes", processes.JSON())
	}
	tries, _ := got.Get("write")
	for _, try := range tries.Fields() {
		if outcome := try.Value.Text(); outcome != "EROFS" && outcome != "EACCES" && outcome != "ENOENT" {
			t.Errorf("it writes into %s: %s", try.Name, outcome)
		}
	}
	tries, _ = got.Get("unix sockets")
	for _, try := range tries.Fields() {
		if outcome := try.Value.Text(); outcome != "ENOENT" && outcome != "ECONNREFUSED" {
			t.Errorf("it connects to %s: %s", try.Name, outcome)
		}
	}
}

// TestSessionOfTheSandbox looks from outside: a process whose session began outside its own PID namespace reads 0 for it.
func TestSessionOfTheSandbox(t *testing.T) {
	needsBubblewrap(t)
	request := ofCode(t, "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)")
	handler := newHandler(t, python.Options{Sandbox: python.SandboxBwrap})
	ended := make(chan error, 1)
	go func() {
		_, err := handler.Handle(t.Context(), request, nil)
		ended <- err
	}()
	own := sessionsOf(t, "-p", strconv.Itoa(os.Getpid()))
	sandboxes := 0
	eventually(t, "a sandbox runs", func() bool {
		for command, session := range sessionsOf(t, "--ppid", strconv.Itoa(os.Getpid())) {
			if !strings.Contains(command, "bwrap ") {
				continue
			}
			sandboxes++
			for _, worker := range own {
				if session == worker {
					t.Errorf("in the session %s of the worker: %s", session, command)
				}
			}
		}
		return sandboxes > 0
	})
	write(t, request.Folder, "go", "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTempOnTheDisk tries TMPDIR without a limit: it is the folder on the disk, which is removed afterwards.
func TestTempOnTheDisk(t *testing.T) {
	needsBubblewrap(t)
	t.Setenv("TMPDIR", t.TempDir())
	request := ofCode(t, "import os, tempfile\nopen(os.path.join(tempfile.gettempdir(), 'f'), 'w').write('x')\nresult = os.statvfs(tempfile.gettempdir()).f_blocks > 0 and tempfile.gettempdir()")
	handler := newHandler(t, python.Options{Sandbox: python.SandboxBwrap, Limits: python.Limits{Temp: python.NoLimit}})
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	folder := field(t, result, "result").Text()
	if !strings.HasPrefix(folder, os.TempDir()) {
		t.Errorf("TMPDIR was %q", folder)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestFoldersThatNobodyReads: a sandbox of root runs as nobody. Where that cannot read the folder of a run, the task fails with
// the reason before its first line runs.
func TestFoldersThatNobodyReads(t *testing.T) {
	needsBubblewrap(t)
	request := ofCode(t, "open('ran', 'w').close()")
	closed := os.FileMode(0o700)
	if os.Getuid() != 0 {
		closed = 0o300
	}
	if err := os.Chmod(request.Folder, closed); err != nil {
		t.Fatal(err)
	}
	_, err := newHandler(t, python.Options{Sandbox: python.SandboxBwrap}).Handle(t.Context(), request, nil)
	failed := protocol.AsError(errorOr(err), 0)
	if failed.Code != protocol.TaskValidationFailed || !strings.Contains(failed.Message, "cannot read "+request.Folder) {
		t.Errorf("got %v", err)
	}
}

// TestSandboxesOfRoot tries what a sandbox of root requires to run as another user.
func TestSandboxesOfRoot(t *testing.T) {
	needsBubblewrap(t)
	if os.Getuid() != 0 {
		t.Setenv("PATH", os.Getenv("PATH")) // Another user needs no setpriv.
	}
	request := ofCode(t, "import os\nresult = os.stat('/').st_uid, os.getuid()")
	python3 := interpreterPath(t)
	request.Parameters = value.Object(value.Field{Name: "python", Value: value.String(python3)})
	folder := t.TempDir()
	bwrap := lookPath(t, "bwrap")
	if err := os.Symlink(bwrap, filepath.Join(folder, "bwrap")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	ctx := t.Context()
	handler := newHandler(t, python.Options{Sandbox: python.SandboxBwrap, Interpreters: []string{python3}})
	_, err := handler.Handle(ctx, request, nil)
	failed := protocol.AsError(errorOr(err), 0)
	switch want := "the sandbox bwrap is not available: as root it requires setpriv, which was not found on PATH"; {
	case os.Getuid() == 0 && failed.Message != want:
		t.Errorf("got %v, not %s", err, want)
	case os.Getuid() != 0 && err != nil:
		t.Errorf("without root: %v", err)
	}
}

// loginKey names the variable that has the number of a key of the session keyring.
const loginKey = "GLEITZEIT_TEST_LOGIN_KEY"

// TestKeysOfALogin: no namespace separates the keys that the kernel keeps for a login; a script in a sandbox has none of them.
func TestKeysOfALogin(t *testing.T) {
	needsBubblewrap(t)
	if id := os.Getenv(loginKey); id != "" {
		code := fmt.Sprintf("import ctypes\nlibc = ctypes.CDLL(None)\nresult = libc.syscall(%d, 11, %s, 0, 0)", unix.SYS_KEYCTL, id)
		for sandbox, want := range map[string]string{"none": "6", "bwrap": "-1"} {
			request := ofCode(t, code)
			request.Parameters = value.Object(value.Field{Name: "sandbox", Value: value.String(sandbox)})
			result, err := newHandler(t, python.Options{}).Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := field(t, result, "result").Digits(); got != want {
				t.Errorf("with the sandbox %s reading the key returns %s, not %s", sandbox, got, want)
			}
		}
		return
	}
	// The process that is started from a thread with a session keyring has it, too.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // The thread ends with the goroutine.
		_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
		id := 0
		if err == nil {
			id, err = unix.AddKey("user", "gleitzeit-test", []byte("canary"), unix.KEY_SPEC_SESSION_KEYRING)
		}
		if err != nil {
			t.Logf("this system has no keys to protect: %v", err)
			return
		}
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		command.Env = append(os.Environ(), loginKey+"="+strconv.Itoa(id))
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	}()
	<-done
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// sessionsOf returns the sessions of the processes that ps selects by their command lines.
func sessionsOf(t *testing.T, selection ...string) map[string]string {
	t.Helper()
	said, _ := exec.CommandContext(t.Context(), "ps", append(selection, "-o", "sess=,args=")...).Output() // It fails where it selects nothing.
	sessions := map[string]string{}
	for line := range strings.Lines(string(said)) {
		session, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		sessions[strings.TrimSpace(command)] = session
	}
	return sessions
}

func texts(all []string) value.Value {
	var list []value.Value
	for _, text := range all {
		list = append(list, value.String(text))
	}
	return value.List(list...)
}

func allowAll(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // Whether a sandbox can connect must not depend on the user.
		t.Fatal(err)
	}
}

func lookPath(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
