# The interpreter that Gleitzeit started runs this. It forks the process that runs the script, watches over it, and ends
# whatever the script left behind. It has one thread and runs nothing of the user's, so that it always answers.
import json
import os
import select
import signal
import sys

REPLIES = 4


def frame():
    return control.read(int(control.readline()))


def send(fd, body):
    data = memoryview(b"%d\n%s" % (len(body), body))
    while data:
        data = data[os.write(fd, data):]


def send_all(fd, **fields):
    send(fd, json.dumps(fields).encode())


def adopt_orphans():
    # What the script started and abandoned, even in a session of its own, becomes a child of this process.
    if sys.platform != "linux":
        return
    try:
        import ctypes
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except (ImportError, OSError, AttributeError):
        pass  # A build without ctypes: then only the script's process group is ended.


def children():
    own = str(os.getpid())
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as stat:
                    parent = stat.read().rpartition(b")")[2].split()[1].decode()
            except (OSError, IndexError):
                continue
            if parent == own:
                yield int(name)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def sweep(group):
    # A killed process hands its own children on to this one: again until none is left.
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                if not [child for child in children() if kill(child)]:
                    return
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def watch(child, wakeup):
    # The control pipe closes when the attempt is to end, and when the process at its other end is gone, however it went.
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if control in select.select([control, wakeup], [], [])[0]:
            return None
        os.read(wakeup, 512)


def supervise():
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    os.set_inheritable(REPLIES, False)
    adopt_orphans()
    request = frame()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        os.setpgid(0, 0)
        for fd in (wakeup, wake):
            os.close(fd)
        control.close()
        run_script(request)
        return
    try:
        os.setpgid(child, child)
    except OSError:
        pass  # The child did it already.
    del request
    send_all(REPLIES, pid=child)
    status = watch(child, wakeup)
    sweep(child)
    if status is None:
        import shutil
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    elif os.WIFSIGNALED(status):
        send_all(REPLIES, signal=os.WTERMSIG(status))
    else:
        send_all(REPLIES, status=os.WEXITSTATUS(status))
    os._exit(0)


supervise()
