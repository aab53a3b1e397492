# The forked process: runs the script as `python3 FILE` would and hands over what it leaves in `result`.
import builtins
import io
import linecache
import threading
import time


class Refusal(Exception):
    """Why the script does not run: the kind of fault and a message."""


def recursing(function, *arguments, **options):
    # The values may lie as deep in one another as Gleitzeit allows, whatever limits the script has set.
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
        raise Refusal("parameter", "the number %s is beyond what a float of Python holds" % digits[:40])
    return number


def lines_of(text):
    return io.StringIO(text, newline=None).readlines()


def compile_script(request):
    name, text, original = request["name"], request["text"], request["original"]
    lines = lines_of(original)
    linecache.cache[name] = (len(original), None, lines, name)  # Without a time: never read again from the disk.
    try:
        if text == original and not request["variables"]:
            return compile(text, name, "exec", dont_inherit=True)
        return compile_program(name, text, lines, request["variables"])
    except SyntaxError as error:
        if error.filename == name and error.lineno and 0 < error.lineno <= len(lines):
            error.text = lines[error.lineno - 1]
        import traceback
        raise Refusal("syntax", "".join(traceback.format_exception_only(type(error), error)).rstrip("\n"))
    except (ValueError, RecursionError, MemoryError) as error:  # A NUL in the text; expressions too deep in one another.
        raise Refusal("syntax", "%s: %s" % (type(error).__name__, error))


def enter(request):
    import __main__
    try:
        os.chdir(request["cwd"])
    except OSError as error:
        raise Refusal("folder", "the folder that the run was started in cannot be entered: %s" % error)
    space = __main__.__dict__
    space.clear()
    space.update(__name__="__main__", __doc__=None, __package__=None, __loader__=None, __spec__=None,
                 __builtins__=builtins, context=request["context"])
    sys.argv[:] = ["-c"]
    if request["path"] is not None:
        space.update(__file__=request["path"], __cached__=None)
        sys.argv[:] = [request["path"]]
    if os.path.isdir(request["folder"]):
        sys.path.insert(0, request["folder"])
    return space


def join_threads():
    while True:
        waited = [t for t in threading.enumerate() if t is not threading.current_thread() and not t.daemon]
        if not waited:
            return
        waited[0].join()


def end_of(message):
    lines = message[-8192:].split("\n")[-30:]
    cut = "\n".join(lines)
    return cut if len(cut) == len(message) else "…\n" + cut


def told(exception):
    import traceback
    exception.__traceback__ = exception.__traceback__.tb_next  # Without the frame of execute.
    return "".join(traceback.format_exception(type(exception), exception, exception.__traceback__)).rstrip("\n")


def execute(code, space):
    try:
        exec(code, space)
    except SystemExit as end:
        raise Refusal("exit", "status %s" % (end.code or 0) if isinstance(end.code or 0, int) else repr(end.code)) from end
    except BaseException as exception:
        try:
            raise Refusal("exception", told(exception)) from exception
        except RecursionError:
            raise Refusal("exception", "RecursionError: while telling of a %s" % type(exception).__name__)


def same_pipe(pipe):
    try:
        now = os.fstat(REPLIES)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (pipe.st_dev, pipe.st_ino)


def leave_fork(refusal):
    # A process that the script forked came to the end of the script; it is to end as if by itself.
    if refusal is not None and refusal.args[0] != "exit":
        sys.stderr.write(refusal.args[1] + "\n")
    sys.exit(refusal.__cause__.code if refusal is not None and refusal.args[0] == "exit" else refusal is not None)


def run_script(data):
    pipe, own, refusal, reply = os.fstat(REPLIES), os.getpid(), None, None
    try:
        request = recursing(json.loads, data, parse_float=read_float)
        del data
        code = compile_script(request)
        for variable in request["variables"]:
            # Names that no source text can have: seen by the script's code, and by nothing else in its namespaces.
            builtins.__dict__[variable["reference"]] = variable["value"]
        space, limit = enter(request), request["limit"]
        del request
        started = time.perf_counter()
        execute(code, space)
    except Refusal as refused:
        refusal = refused
    if os.getpid() != own:
        leave_fork(refusal)
    join_threads()
    if refusal is None:
        try:
            reply = answer(space.get("result"), time.perf_counter() - started, limit)
        except Refusal as refused:
            refusal = refused
    if refusal is not None:
        reply = json.dumps({"fault": refusal.args[0], "message": end_of(refusal.args[1])}).encode()
    if not same_pipe(pipe):
        sys.exit("the script closed file descriptor %d, on which its result is handed over" % REPLIES)
    send(REPLIES, reply)
    os.close(REPLIES)
