# A supervisor forks the process that runs a script, watches over it, and ends whatever the script left behind; then it
# takes the next task. It has one thread and runs nothing of the user's, so that it always answers. Its socket brings a
# task as two sizes in eight bytes each, with the three files that are the script's streams, then the path of its
# temporary folder and the request; and takes lines of JSON. When the socket closes, because an attempt is to end or the
# process at its other end is gone, all of it ends.
import _signal as signal  # `signal` itself makes an enum of every number, which costs each task a tenth of a millisecond.
import ctypes
import json
import os
import select
import socket
import sys

REPLIES = 4


def send(fd, body):
    data = memoryview(b"%d\n%s" % (len(body), body))
    while data:
        data = data[os.write(fd, data):]


def tell(control, name, value):
    try:
        control.sendall(b'{"%s":%s}\n' % (name, value if isinstance(value, bytes) else b"%d" % value))
    except OSError:
        pass  # Nobody is there any more; the next read says so.


def receive(control, size, files):
    """Reads so many bytes and as many files as come with them; nothing where the socket has closed."""
    data, ancillary, _, _ = control.recvmsg(size, socket.CMSG_SPACE(4 * files))
    received = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received += [int.from_bytes(content[at:at + 4], sys.byteorder) for at in range(0, len(content) - 3, 4)]
    for fd in received:
        os.set_inheritable(fd, False)
    return data, received


def receive_all(control, size):
    data = bytearray(size)
    view = memoryview(data)
    while view:
        read = control.recv_into(view, min(len(view), 1 << 20))
        if not read:
            return None
        view = view[read:]
    return data


process_control = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0


def adopt_orphans():
    # What the script started and abandoned, even in a session of its own, becomes a child of this process.
    process_control(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def parents():
    """The parent of every process of the machine that can be seen."""
    found = {}
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb", 0) as stat:
                    found[int(name)] = int(stat.read(512).rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    return found


def descendants(spared=()):
    children = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [pid for pid in children.get(os.getpid(), ()) if pid not in spared]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, ()))
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def kill_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass


def sweep():
    # A killed process hands its own children on to this one: again until none is left.
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                if not [pid for pid in descendants() if kill(pid)]:
                    return
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def ended(child):
    """Tells whether the child has ended; its number stays its own until it is waited for."""
    if not hasattr(os, "waitid"):
        return True
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def watch(control, child, wakeup):
    """The status with which the child has ended, or nothing where the socket has closed."""
    while True:
        if ended(child):
            if hasattr(os, "waitid"):
                kill_group(child)
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status
        if control in select.select([control, wakeup], [], [])[0]:
            return None
        drain(wakeup)


def drain(wakeup):
    try:
        os.read(wakeup, 512)
    except BlockingIOError:
        pass


def listen_for_ends():
    """A pipe that can be read when a child has ended."""
    wakeup, wake = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wakeup, wake


def be_script(supervisor, files, unused):
    """Makes of a forked process one that a script may have: with the usual streams and signals, in a group of its own."""
    process_control(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: not longer than its supervisor.
    if os.getppid() != supervisor:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(name, signal.SIG_DFL)
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd, target in [(nothing, 0), (files[0], 1), (files[1], 2), (files[2], REPLIES)]:
        os.dup2(fd, target, target < 3)
    for fd in [3, nothing] + files + unused:
        try:
            os.close(fd)
        except OSError:
            pass


def serve(control):
    """Runs one task. False means that there will be no other."""
    sizes, files = receive(control, 16, 3)
    if len(sizes) < 16 or len(files) < 3:
        return False
    temp = receive_all(control, int.from_bytes(sizes[:8], "big"))
    request = receive_all(control, int.from_bytes(sizes[8:], "big"))
    if temp is None or request is None:
        return False
    tell(control, b"taken", b"true")
    try:
        child = os.fork()
    except OSError as error:
        for fd in files:
            os.close(fd)
        tell(control, b"broken", json.dumps("no process can be made for the script: %s" % error).encode())
        return True
    if child == 0:
        be_script(SUPERVISOR["pid"], files, [control.detach(), *SUPERVISOR["wakeup"]])
        finish(run_script(request))
    for fd in files:
        os.close(fd)
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # The child did it already.
    del request
    tell(control, b"pid", child)
    status = watch(control, child, SUPERVISOR["wakeup"][0])
    if status is None:
        kill_group(child)
    sweep()
    if status is None:
        import shutil
        shutil.rmtree(bytes(temp), ignore_errors=True)
        return False
    if os.WIFSIGNALED(status):
        tell(control, b"signal", os.WTERMSIG(status))
    else:
        tell(control, b"status", os.WEXITSTATUS(status))
    return True


SUPERVISOR = {}


def supervise(fd):
    """Serves one task after the other, until the socket closes."""
    control = socket.socket(fileno=fd)
    SUPERVISOR.update(pid=os.getpid(), wakeup=listen_for_ends())
    adopt_orphans()
    tell(control, b"supervisor", os.getpid())
    while serve(control):
        pass
    os._exit(0)
