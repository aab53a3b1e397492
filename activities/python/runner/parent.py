# The interpreter that Gleitzeit started runs this. It imports the preloaded modules once, and forks a supervisor for each file
# that it receives on its socket. On systems that cannot fork it runs one script itself.

ORDERS = 3


def reserve(fd):
    # Reserves the number for the pipe of a script's reply: no file opened from here on gets it.
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != fd:
        os.dup2(nothing, fd, False)
        os.close(nothing)


def preload(names):
    """Imports the modules. Returns why one cannot be imported, or None."""
    restore = []
    HOOKS["random"] = lambda module: restore.append(watch_seeds(module))
    sys.meta_path.insert(0, ImportHook)
    try:
        return preload_watched(names)
    finally:
        sys.meta_path.remove(ImportHook)
        HOOKS.clear()
        for each in restore:
            each()
        find_unseeded()


def preload_watched(names):
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return "cannot import the module %s of python.preload: %s: %s" % (name, type(error).__name__, error)
        if "threading" in sys.modules and sys.modules["threading"].active_count() > 1:
            return "the module %s of python.preload starts a thread; a process with threads cannot be forked" % name
    return None


def reap(supervisors):
    """Reaps children that have ended. The children of one that failed have become children of this process."""
    orphans = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        orphans = orphans or status != 0 or pid not in supervisors
        supervisors.discard(pid)
    if orphans:
        for pid in descendants(excluded=supervisors):
            kill(pid)


def end_all(supervisors, wakeup):
    # Supervisors exit by themselves, unless they were stopped.
    deadline = time.monotonic() + 3
    while supervisors and time.monotonic() < deadline:
        select.select([wakeup], [], [], 0.1)
        drain(wakeup)
        reap(supervisors)
    while True:
        for pid in descendants():
            kill(pid)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(0)


def fork_supervisors():
    """Forks supervisors until the socket closes."""
    orders = socket.socket(fileno=ORDERS)
    wakeup, wake = listen_for_ends()
    adopt_orphans()
    supervisors = set()
    gc.collect()
    gc.freeze()  # A collection in a child does not touch, and so copy, the existing objects.
    while True:
        readable = select.select([orders, wakeup], [], [])[0]
        if wakeup in readable:
            drain(wakeup)
            reap(supervisors)
        if orders not in readable:
            continue
        ordered, files = receive(orders, 1, 1)
        if not ordered:
            end_all(supervisors, wakeup)
        fork_supervisor(orders, files, (wakeup, wake), supervisors)


def fork_supervisor(orders, files, unused, supervisors):
    try:
        child = os.fork()
    except OSError:
        child = None  # The file is closed, which reports the failure.
    if child == 0:
        orders.close()
        for fd in unused:
            os.close(fd)
        supervise(files[0])
    if child is not None:
        supervisors.add(child)
    for fd in files:
        os.close(fd)


def run_alone(path):
    """Runs one script in this process. The request is on standard input, the reply goes to a file."""
    global REPLIES
    read = sys.stdin.buffer.read
    request = receive_request(read, read(16))
    REPLIES = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    run_to_end(request)


def main(settings):
    del sys.argv[1:]
    if settings["alone"] is not None:
        run_alone(settings["alone"])
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    SUPERVISOR["grace"] = settings["grace"]
    os.set_inheritable(ORDERS, False)
    reserve(REPLIES)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    problem = preload(settings["preload"])
    if problem is not None:
        send_event(socket.socket(fileno=ORDERS), b"broken", json.dumps(problem).encode())
        os._exit(1)
    fork_supervisors()


RUNNERS_MODULES = sorted({name.partition(".")[0] for name in sys.modules if name not in STARTED_WITH})
main(json.loads(sys.argv[1]))
