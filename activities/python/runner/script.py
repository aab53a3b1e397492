# The forked process: runs the script as `python3 FILE` would and returns the value of `result`. Most of the cost of a forked
# process are the memory pages that it touches: work that only some scripts need is not done for all, and `threading` is not
# imported, because it initializes itself again after each fork.
import atexit
import builtins
import gc
import io
import linecache
import time
import traceback

BASE = dict(os.environ)


class ScriptError(Exception):
    """The failure of a script: its kind and a message."""


class Terminated(SystemExit):
    """SIGTERM, which by itself would end the process without a chance to clean up."""


# The last Terminated, and True beside it if a destructor has dropped it.
RAISED = []


def raise_terminated(number, _):
    TERMINATING.append(number)  # The workers of its pools get the signal, too.
    RAISED[:] = [Terminated(128 + number)]
    raise RAISED[0]


def raise_again(_, frame):
    """Raises Terminated again if it was dropped: by a destructor, or by C code, in which case no frame has seen it but the handlers."""
    if RAISED and (len(RAISED) > 1 or RAISED[0].__traceback__.tb_frame.f_code in (raise_terminated.__code__, raise_again.__code__)):
        raise_terminated(signal.SIGTERM, frame)


def watch_dropped(hook):
    def dropped(unraisable):
        if RAISED and unraisable.exc_value is RAISED[0]:
            RAISED.append(True)
        else:
            hook(unraisable)
    return dropped


def reset_termination():
    for name, handler in HANDLERS.items():
        if signal.getsignal(name) is handler:
            signal.signal(name, signal.SIG_DFL)
    RAISED.clear()


# The supervisor sends SIGCONT after SIGTERM.
HANDLERS = {signal.SIGTERM: raise_terminated}
if hasattr(signal, "SIGCONT"):
    HANDLERS[signal.SIGCONT] = raise_again


MASKS = []


def before_fork():
    # A SIGTERM that comes before the child has reset its handler would be lost there.
    MASKS.append(signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))


def after_fork():
    signal.pthread_sigmask(signal.SIG_SETMASK, MASKS.pop())


def after_fork_in_child():
    # A process that the script forks ends by SIGTERM as any other one.
    reset_termination()
    after_fork()


def allow_termination():
    """Makes SIGTERM an exception in the script, so that `finally`, context managers and atexit functions run."""
    for name, handler in HANDLERS.items():
        signal.signal(name, handler)
    sys.unraisablehook = watch_dropped(sys.unraisablehook)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before_fork, after_in_parent=after_fork, after_in_child=after_fork_in_child)


def with_deep_recursion(function, *arguments, **options):
    # Values may be nested as deep as Gleitzeit allows, whatever limits the script has set.
    depth = sys.getrecursionlimit()
    digits = getattr(sys, "get_int_max_str_digits", lambda: None)()
    sys.setrecursionlimit(max(depth, 20000))
    if digits is not None:
        sys.set_int_max_str_digits(0)
    try:
        return function(*arguments, **options)
    finally:
        sys.setrecursionlimit(depth)
        if digits is not None:
            sys.set_int_max_str_digits(digits)


def read_float(digits):
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ScriptError("parameter", "the number %s exceeds the range of a Python float" % digits)
    return number


DECODER = json.JSONDecoder(parse_float=read_float)


def decode_request(parts):
    """Decodes the JSON of a request; objects with the key that comes first among the texts stand for one of the others."""
    data, parts[0] = parts[0].decode(), None
    if len(parts) == 1:
        return DECODER.decode(data)
    key, texts = parts[1], parts[2:]
    parts.clear()
    return json.JSONDecoder(parse_float=read_float, object_hook=lambda made: texts[made[key]] if key in made else made).decode(data)


def lines_of(text):
    return io.StringIO(text, newline=None).readlines()


def compile_script(request):
    name, text, original = request["name"], request["text"], request["original"]
    lines = lines_of(original)
    # Without a time, so that it is never read from disk. As those of a file, all lines have an end: else carets are one column off.
    linecache.cache[name] = (len(original), None, lines[:-1] + [line.rstrip("\n") + "\n" for line in lines[-1:]], name)
    try:
        if text == original and not request["variables"]:
            return compile(text, name, "exec", dont_inherit=True)
        return compile_program(name, text, lines, request["variables"])
    except SyntaxError as error:
        if error.filename == name and error.lineno and 0 < error.lineno <= len(lines):
            error.text = lines[error.lineno - 1]
        raise ScriptError("syntax", "".join(traceback.format_exception_only(type(error), error)).rstrip("\n"))
    except (ValueError, RecursionError, MemoryError) as error:  # A NUL in the text; expressions nested too deep.
        raise ScriptError("syntax", "%s: %s" % (type(error).__name__, error))


def set_environment(environment):
    """Sets the environment of the task, and resets what was derived from another one."""
    for name in BASE:
        if name not in environment:
            del os.environ[name]
    for name, value in environment.items():
        if BASE.get(name) != value:
            os.environ[name] = value
    if BASE.get("TZ") != environment.get("TZ") and hasattr(time, "tzset"):
        time.tzset()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None


def reseed():
    # `random` does so by itself after a fork.
    for module, function in (("numpy.random", "seed"), ("torch", "seed")):
        if module in sys.modules:
            getattr(sys.modules[module], function)()
    for generator in UNSEEDED.values():
        if hasattr(generator, "bit_generator"):
            generator.bit_generator.state = type(generator.bit_generator)().state
        else:
            generator.seed()


# Generators of random numbers that preloaded modules have made without a seed: each script gets other numbers of them.
UNSEEDED = {}


def watch_seeds(module):
    original = module.Random.seed

    def seed(self, a=None, *rest, **options):
        UNSEEDED.pop(id(self), None)
        if a is None and not rest and not options:
            UNSEEDED[id(self)] = self
        return original(self, a, *rest, **options)
    module.Random.seed = seed
    return lambda: setattr(module.Random, "seed", original)


def find_unseeded():
    """Adds those of NumPy: one with a seed has that, and another one has drawn 128 bits."""
    for found in gc.get_objects() if "numpy.random" in sys.modules else ():
        if isinstance(found, (sys.modules["numpy.random"].Generator, sys.modules["numpy.random"].RandomState)):
            bits = getattr(found, "bit_generator", None) or found._bit_generator
            entropy = getattr(getattr(bits, "seed_seq", None) or getattr(bits, "_seed_seq", None), "entropy", None)
            if isinstance(entropy, int) and entropy >> 64:
                UNSEEDED[id(found)] = found


def shadowed(folder):
    # Listing a small folder is faster than checking each name; listing a large one is much slower.
    if os.stat(folder).st_size > 1 << 16:
        return RUNNERS_MODULES
    return {name[:-3] if name.endswith(".py") else name for name in os.listdir(folder)}.intersection(RUNNERS_MODULES)


def unload_shadowed(folder):
    # A module in the script's folder takes precedence over one with the same name that only the runner has imported.
    for name in shadowed(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path + ".py") or os.path.isfile(os.path.join(path, "__init__.py")):
            for loaded in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(name + ".")]:
                del sys.modules[loaded]


def enter(request):
    import __main__
    try:
        os.chdir(request["cwd"])
    except OSError as error:
        raise ScriptError("folder", "cannot enter the folder of the run: %s" % error)
    space = __main__.__dict__
    space.clear()
    space.update(__name__=request["as"], __doc__=None, __package__=None, __loader__=None, __spec__=None,
                 __builtins__=builtins, context=request["context"])
    sys.argv[:] = ["-c"]
    if request["path"] is not None:
        space.update(__file__=request["path"], __cached__=None)
        sys.argv[:] = [request["path"]]
    try:
        unload_shadowed(request["folder"])
        sys.path.insert(0, request["folder"])
    except OSError:
        pass  # The folder is not visible.
    return space


# The worker takes the secrets out of a message before it cuts it, which half a secret would escape. A message is cut here only
# where it is larger than any that people write, and then says so in a way that the worker knows.
LONGEST_MESSAGE = 1 << 20
CUT = "\x00"


def bounded(message):
    return message if len(message) <= LONGEST_MESSAGE else CUT + message[-LONGEST_MESSAGE:]


def format_exception(exception):
    own = compile_script.__code__.co_filename
    while exception.__traceback__ is not None and exception.__traceback__.tb_frame.f_code.co_filename == own:
        exception.__traceback__ = exception.__traceback__.tb_next  # Without the frames of the runner.
    return "".join(traceback.format_exception(type(exception), exception, exception.__traceback__)).rstrip("\n")


def status(end):
    """Returns the status with which `python3 FILE` would end."""
    return (end.code or 0) & 0xff if isinstance(end.code or 0, int) else 1


def lost_worker():
    return ScriptError("pool", str(LOST[0]))


def execute(work):
    """Returns the result of the work; every exception becomes a ScriptError, and so does a Pool that has lost a worker."""
    NOTICED.clear()
    try:
        return attempt(work)
    except KeyboardInterrupt as late:  # The work had ended when it was interrupted.
        raise lost_worker() from late
    finally:
        NOTICED.append(True)
        if LOST:
            signal.signal(signal.SIGINT, lambda *_: None)


def attempt(work):
    try:
        done = work()
        if LOST:
            raise lost_worker()
        return done
    except ScriptError:
        raise
    except Terminated as end:
        raise ScriptError("terminated", "it was terminated") from end
    except SystemExit as end:
        raise ScriptError("exit", "status %s" % status(end) if isinstance(end.code or 0, int) else str(end.code)) from end
    except BaseException as exception:
        if LOST:
            raise lost_worker() from exception
        try:
            fault = "memory" if isinstance(exception, MemoryError) else "exception"
            raise ScriptError(fault, format_exception(exception)) from exception
        except RecursionError:
            raise ScriptError("exception", "RecursionError: while formatting a %s" % type(exception).__name__)


def work_of(request, space):
    code, called, inspected = request["code"], request["call"], request["inspect"]

    def run():
        try:
            if code is not None:
                exec(code, space)
        except SystemExit as end:
            if status(end) != 0:
                raise
            if called is not None:
                raise ScriptError("function", "the script exits before its function %s can be called" % called["attribute"])
            return None  # As `python3 FILE` has it, this is success.
        if inspected:
            return described(called, space)
        try:
            return call(called, space) if called else None
        except SystemExit as end:
            if status(end) != 0:
                raise
            return None
    return run


def same_pipe(pipe):
    try:
        now = os.fstat(REPLIES)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (pipe.st_dev, pipe.st_ino)


def leave_fork(failure):
    # A process that the script forked reached the end of the script; it ends like any Python process.
    if failure is None:
        return 0
    if failure.args[0] not in ("exit", "terminated"):
        sys.stderr.write(failure.args[1] + "\n")
        return 1
    end = failure.__cause__
    if not isinstance(end.code or 0, int):
        sys.stderr.write("%s\n" % (end.code,))
    return status(end)


def prepare(request):
    limit(request["limits"])
    set_environment(request["environment"])
    require(request["requirements"])
    request["code"] = compile_script(request) if request["text"] is not None else None
    for variable in request["variables"]:
        # Names that no source text can contain: only the script's code uses them.
        builtins.__dict__[variable["reference"]] = variable["value"]


def join_threads():
    # An interpreter waits for these threads before it exits.
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()


def warm_up():
    """Touches the memory that every script needs in advance: pages shared with the parent are copied now."""
    reseed()
    space = {"__builtins__": builtins, "context": DECODER.decode('{"a": [1, 2.5, "b", true, null]}')}
    exec(compile("result = context['a'] + [lambda x: x + 1]", "<warm>", "exec", dont_inherit=True), space)
    with_deep_recursion(encode, {"a": [1, 2.5, "b"]})
    io.StringIO("a\nb", newline=None).readlines()
    os.environ["TMPDIR"] = ""
    limit({})
    open_files()
    gc.collect()


def run_script(parts):
    """Runs the request, sends the reply, and returns the exit status of the process."""
    pipe, own, failure, reply, space, left = os.fstat(REPLIES), os.getpid(), None, None, {}, None
    try:
        received = list(parts) if sum(map(len, parts)) <= 1 << 20 else None
        request = with_deep_recursion(decode_request, parts)
        place_lists(request["context"], request["lists"], request["plain"])
        if request["lists"]:
            received = None  # The lists are not part of it.
        prepare(request)
        share_with_processes(request, received)
        space, most, returns = enter(request), request["limit"], request["call"] is not None
        work = work_of(request, space)
        del request
        started = time.perf_counter()
        allow_termination()
        left = execute(work)
        del work
    except ScriptError as refused:
        failure = refused
    if os.getpid() != own:
        return leave_fork(failure)
    join_threads()
    if failure is None:
        try:
            reply = execute(lambda: answer(left if returns else space.get("result"), time.perf_counter() - started, most))
        except ScriptError as refused:
            failure = refused
    if failure is not None and failure.args[0] == "terminated":
        return TERMINATED
    if failure is not None:
        reply = json.dumps({"fault": failure.args[0], "message": bounded(failure.args[1])}).encode()
    if not same_pipe(pipe):
        sys.stderr.write("the script closed file descriptor %d, which is reserved for its result\n" % REPLIES)
        return 1
    send(REPLIES, reply)
    os.close(REPLIES)
    return 0


# The status of a script that SIGTERM has ended.
TERMINATED = -15


def run_to_end(request):
    """Runs the request and ends the process."""
    try:
        status = run_script(request)
    except Terminated:
        status = TERMINATED
    finish(status)


def open_files():
    try:
        return set(os.listdir("/dev/fd"))
    except OSError:
        return None


def flush_files():
    # An interpreter writes open files when it shuts down, which this one does not do.
    left = [file for file in gc.get_objects() if issubclass(type(file), io.IOBase)]
    for file in [file for file in left if issubclass(type(file), io.TextIOBase)] + left:
        try:
            file.flush()
        except (OSError, ValueError, AttributeError):
            pass  # It is closed or broken.


def finish(status):
    """Ends the process like an interpreter, without freeing the memory that it shares with the parent."""
    try:
        join_threads()
        atexit._run_exitfuncs()
    except Terminated:
        status = TERMINATED
    reset_termination()
    sys.modules["__main__"].__dict__.clear()
    gc.collect()
    files = open_files()
    if files is None or files - {"0", "1", "2", "3", str(REPLIES)}:
        flush_files()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    if status == TERMINATED:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # So that whoever waits for the process sees why it ended.
    leave(status, files)
