# A supervisor forks the process that runs a script, watches it, and ends everything that the script left behind; then it
# forks the process for the next script, which prepares itself and waits. It has one thread and runs no code of the user, so
# that it always responds. On the socket it receives a task: two sizes of eight bytes each with the three files of the
# script's streams, then the path of its temporary folder and the request. It sends lines of JSON. When the socket closes,
# because the process at the other end has ended, everything ends; when only its direction to this process closes, because an
# attempt ends, the script gets SIGTERM and some time first.
import _signal as signal  # `signal` itself makes an enum of every number, which costs each task a tenth of a millisecond.
import ctypes
import json
import os
import select
import socket
import sys
import time

REPLIES = 4


def send(fd, body):
    data = memoryview(b"%d\n%s" % (len(body), body))
    while data:
        data = data[os.write(fd, data):]


def send_event(control, name, value):
    try:
        control.sendall(b'{"%s":%s}\n' % (name, value if isinstance(value, bytes) else b"%d" % value))
    except OSError:
        pass  # The socket is closed; the next read reports it.


def receive(control, size, files):
    """Receives up to size bytes and the files sent with them; no bytes if the socket is closed."""
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


def receive_request(read, sizes):
    """Returns the JSON of a request and the texts beside it, decoded; None where there is no more to read."""
    received = [read(int.from_bytes(sizes[:8], "big"))]
    for _ in range(int.from_bytes(sizes[8:], "big")):
        size = read(8)
        text = size and read(int.from_bytes(size, "big"))
        received.append(text and text.decode())
        del text
    return None if None in received else received


process_control = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: 0


def adopt_orphans():
    # Orphans of the script become children of this process, even those in a session of their own.
    process_control(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def parents():
    """Returns the parent of every visible process of the machine."""
    found = {}
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb", 0) as stat:
                    found[int(name)] = int(stat.read(512).rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    return found


def descendants(excluded=()):
    children = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [pid for pid in children.get(os.getpid(), ()) if pid not in excluded]
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


def other_end_closed(control, timeout):
    """Waits for the end of a child, or of timeout in seconds; tells whether the process at the other end of the socket is gone."""
    wakeup = SUPERVISOR["wakeup"][0]
    if sys.platform == "linux":
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        poll.register(control, 0)  # Reports POLLHUP alone: the direction to this process is closed already.
        happened = dict(poll.poll(timeout * 1000))
    else:
        happened = dict.fromkeys(select.select([wakeup], [], [], timeout)[0])
        try:
            control.sendall(b'{"ending":1}\n')
        except OSError:
            return True
    if wakeup in happened:
        drain(wakeup)
    return control.fileno() in happened


def signal_to(send, target, number):
    try:
        send(target, number)
    except OSError:
        pass


# When the script is reminded of SIGTERM, in seconds after it: an exception in the wrong moment is dropped by Python itself.
REMINDERS = (0.1, 0.5, 2)


def in_group(pid, group):
    try:
        return os.getpgid(pid) == group
    except OSError:
        return False


def terminate(control, child):
    """Asks the script to end, and when it has, or after half of its time, also the other processes of its group: it may end those
    itself, and a multiprocessing.Pool whose workers end first waits for ever. Nobody has time when the process at the other end
    of the socket is gone. Returns whether nothing is left of the group."""
    grace, asked = SUPERVISOR["grace"], None
    if not grace or other_end_closed(control, 0):
        return False
    send_event(control, b"ending", 1)
    signal_to(os.kill, child, signal.SIGTERM)
    began, exists, reminded = time.monotonic(), True, 0
    while time.monotonic() < began + grace and not other_end_closed(control, 0.02):
        try:
            while True:
                pid = os.waitpid(-1, os.WNOHANG)[0]
                if not pid:
                    break
                exists = exists and pid != child
        except ChildProcessError:
            exists = False
        if exists and reminded < len(REMINDERS) and time.monotonic() > began + REMINDERS[reminded]:
            reminded += 1
            signal_to(os.kill, child, signal.SIGCONT)
        if not exists and asked != "all":
            signal_to(os.killpg, child, signal.SIGTERM)
            asked = "all"
        elif not asked and time.monotonic() > began + grace / 2:
            for pid in descendants():
                if pid != child and in_group(pid, child):
                    signal_to(os.kill, pid, signal.SIGTERM)
            asked = "others"
        try:
            os.killpg(child, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # It belongs to another user.
    return False


def sweep():
    # The children of a killed process become children of this one: repeat until none is left.
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                if not [pid for pid in descendants() if kill(pid)]:
                    return
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def ended(child):
    """Reports whether the child has ended, without reaping it: its process id stays in use."""
    if not hasattr(os, "waitid"):
        return True
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def closed(control, timeout, done=None):
    """Waits for the end of a child, or of timeout in seconds; tells whether the socket has closed."""
    wakeup = SUPERVISOR["wakeup"][0]
    if sys.platform == "linux":
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        poll.register(control, 0x2000)  # POLLRDHUP: data for the child does not wake this process up.
        if done is not None:
            poll.register(done, select.POLLIN)
        happened = dict(poll.poll(timeout and timeout * 1000))
        if wakeup in happened:
            drain(wakeup)
        return control.fileno() in happened
    if wakeup in select.select([wakeup], [], [], 0.05)[0]:
        drain(wakeup)
    try:
        return control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def only_child(child):
    """Reports whether this process has no children besides the given one."""
    try:
        with open("/proc/self/task/%d/children" % SUPERVISOR["pid"], "rb", 0) as children:
            return children.read(64).split() == [b"%d" % child]
    except OSError:
        return False


def done_early(child, done):
    """Returns the status that a child reports when only the release of its memory is left, which takes a millisecond."""
    try:
        status = os.read(done, 1)
    except BlockingIOError:
        return None
    if not status or not only_child(child):
        SUPERVISOR["silent"] = True  # There are more processes to end.
        return None
    kill(child)  # It reported that it runs nothing any more.
    SUPERVISOR["early"] = True
    return status[0] << 8


def watch(control, child, done):
    """Returns the status with which the child ended, or None if the socket has closed."""
    while True:
        if done is not None:
            early = done_early(child, done)
            if early is not None:
                return early
            if SUPERVISOR.pop("silent", False):
                done = None
        if ended(child):
            if hasattr(os, "waitid"):
                kill_group(child)
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status
        if closed(control, None, done):
            return None


def drain(wakeup):
    try:
        os.read(wakeup, 512)
    except BlockingIOError:
        pass


def listen_for_ends():
    """Returns a pipe that becomes readable when a child has ended."""
    wakeup, wake = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wakeup, wake


def become_script(supervisor):
    """Prepares a forked process for a script: default signals, its own process group."""
    process_control(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: it ends with its supervisor.
    if os.getppid() != supervisor:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(name, signal.SIG_DFL)
    os.setpgid(0, 0)
    for fd in SUPERVISOR["wakeup"]:
        os.close(fd)


def await_script(control, note, done):
    """Waits for a task, and runs it with its streams and without other files of this process."""
    sizes, files = receive(control, 24, 3)
    if len(sizes) < 24 or len(files) < 3:
        os._exit(0)
    temp = receive_all(control, int.from_bytes(sizes[:8], "big"))
    request = receive_request(lambda size: receive_all(control, size), sizes[8:])
    if temp is None or request is None:
        os._exit(0)
    os.write(note, temp)
    send_event(control, b"taken", os.getpid())
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd, target in [(nothing, 0), (files[0], 1), (files[1], 2), (files[2], REPLIES)]:
        os.dup2(fd, target, target < 3)
    for fd in files + [nothing, note, control.detach()]:
        os.close(fd)
    SUPERVISOR.update(script=os.getpid(), done=done, pipe=identity(done))
    run_to_end(request)


def identity(fd):
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def leave(status, files):
    """Ends the process. A script's process with one thread and no children reports its status before, with all files closed."""
    try:
        if SUPERVISOR.get("script") == os.getpid() and files is not None and len(os.listdir("/proc/self/task")) == 1:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                done = SUPERVISOR["done"]
                if identity(done) != SUPERVISOR["pipe"]:
                    os._exit(status)  # The script closed it, and opened another file.
                for fd in files - {str(done)}:
                    try:
                        os.close(int(fd))
                    except OSError:
                        pass
                os.write(done, bytes([status & 0xff]))
    except OSError:
        pass
    os._exit(status)


def fork_ahead(control):
    """Forks the process of the next script. Returns its process id and two pipes: the process writes its temporary folder to
    the first when it starts, and its status to the second when it is done."""
    notes, note = os.pipe()
    dones, done = os.pipe()
    os.set_blocking(dones, False)
    for pause in [0.1] * 50 + [0]:
        try:
            child = os.fork()
        except OSError as error:
            if not pause or closed(control, pause):
                send_event(control, b"broken", json.dumps("cannot create a process for the script: %s" % error).encode())
                os._exit(1)
            continue
        break
    if child == 0:
        os.close(notes)
        os.close(dones)
        become_script(SUPERVISOR["pid"])
        warm_up()
        await_script(control, note, done)
    os.close(note)
    os.close(done)
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # The child has done it already.
    return child, notes, dones


def serve(control):
    """Runs one task. Returns False if the socket has closed."""
    child, notes, done = fork_ahead(control)
    status = watch(control, child, done)
    early = status is not None and SUPERVISOR.pop("early", False)
    if status is None and not terminate(control, child):
        kill_group(child)
    if not early:
        sweep()
    temp = os.read(notes, 4096)
    os.close(notes)
    os.close(done)
    if status is None:
        if temp:
            import shutil
            shutil.rmtree(temp, ignore_errors=True)
        return False
    if not temp:
        time.sleep(0.1)  # It ended before it started.
    elif os.WIFSIGNALED(status):
        send_event(control, b"signal", os.WTERMSIG(status))
    else:
        send_event(control, b"status", os.WEXITSTATUS(status))
    if early:
        os.waitpid(child, 0)
        sweep()
    return True


SUPERVISOR = {}


def supervise(fd):
    """Runs one task after another until the socket closes."""
    control = socket.socket(fileno=fd)
    SUPERVISOR.update(pid=os.getpid(), wakeup=listen_for_ends())
    adopt_orphans()
    send_event(control, b"supervisor", os.getpid())
    while serve(control):
        pass
    os._exit(0)
