# The interpreter that Gleitzeit started runs this. It imports what the configuration names, once, and forks a supervisor
# for each file that comes through its socket. Where nothing can be forked it runs one script itself.

ORDERS = 3


def reserve(fd):
    # No file that is opened from here on gets the number: scripts find their replies' pipe under it.
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != fd:
        os.dup2(nothing, fd, False)
        os.close(nothing)


def preload(names):
    """Imports the modules; why one cannot be had, or nothing."""
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return "the module %s, which python.preload names, cannot be imported: %s: %s" % (name, type(error).__name__, error)
        if "threading" in sys.modules and sys.modules["threading"].active_count() > 1:
            return "the module %s, which python.preload names, starts a thread; no process can be forked from one with threads" % name
    return None


def reap(supervisors):
    """Takes leave of children that have ended. One that did not end well has left its own children to this process."""
    strangers = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        strangers = strangers or status != 0 or pid not in supervisors
        supervisors.discard(pid)
    if strangers:
        for pid in descendants(spared=supervisors):
            kill(pid)


def end_all(supervisors, wakeup):
    # They have heard of the end themselves. One that was stopped has not.
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


def bear():
    """Forks supervisors until the socket closes."""
    orders = socket.socket(fileno=ORDERS)
    wakeup, wake = listen_for_ends()
    adopt_orphans()
    supervisors = set()
    gc.collect()
    gc.freeze()  # What is here already no collection of a child's will touch, and so not copy.
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
        bear_one(orders, files, (wakeup, wake), supervisors)


def bear_one(orders, files, unused, supervisors):
    try:
        child = os.fork()
    except OSError:
        child = None  # The file is closed, which tells enough.
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
    """Runs one script in this very process. The request is on standard input, the reply goes into a file."""
    global REPLIES
    request = sys.stdin.buffer.read()
    REPLIES = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    finish(run_script(request))


def main(settings):
    del sys.argv[1:]
    if settings["alone"] is not None:
        run_alone(settings["alone"])
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    os.set_inheritable(ORDERS, False)
    reserve(REPLIES)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    problem = preload(settings["preload"])
    if problem is not None:
        tell(socket.socket(fileno=ORDERS), b"broken", json.dumps(problem).encode())
        os._exit(1)
    bear()


RUNNERS_MODULES = sorted({name.partition(".")[0] for name in sys.modules if name not in STARTED_WITH})
main(json.loads(sys.argv[1]))
