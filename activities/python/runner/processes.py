# Processes that multiprocessing starts with a new interpreter (the start methods spawn and forkserver) import the script's file
# again. A script may have no file, and its top level may need its context: such a process gets the script itself, and runs its
# top level up to where that would start processes again, so that scripts need no `if __name__ == "__main__"`.
import importlib.machinery

# In place of a process's exit status: it is a worker of a multiprocessing.Pool that ended without the work that it had taken, or
# before it could take any. A Pool starts another one then, and waits for ever.
LOST_WORKER = 213
SCRIPT = {}
LOST = []  # The exit status of the worker.
NOTICED = []  # Whether the script has ended, because of that or by itself.
TERMINATING = []

SHARED = r'''
def install(spawn):
    import builtins, io, json, linecache, marshal, multiprocessing, os, sys, types

    original, process = spawn.get_preparation_data, spawn.process
    bootstrap, excepthook, start_method = process.BaseProcess._bootstrap, sys.excepthook, multiprocessing.set_start_method

    class Started(BaseException):
        """The script starts a process, which only the process that runs the script itself is to do."""

    class Sent:
        def __reduce__(self):
            script = dict(SCRIPT, code=None if SCRIPT["code"] is None else marshal.dumps(SCRIPT["code"]))
            return exec, (SHARED + "\ninstall(__import__('multiprocessing.spawn').spawn)", {"SHARED": SHARED, "SCRIPT": script, "LOST_WORKER": LOST_WORKER})

    def get_preparation_data(name):
        if getattr(process.current_process(), "_inheriting", False):
            raise Started
        data = original(name)
        for key in ("init_main_from_name", "init_main_from_path"):
            data.pop(key, None)
        if name != "ignore":  # That of a server that forks the processes.
            data.update(init_main_from_path=SCRIPT["name"], gleitzeit=Sent())
        return data

    def run_script_again(_):
        sent, depth = SCRIPT, sys.getrecursionlimit()
        if sent["received"]:  # As it was before the script changed it.
            data, key, *texts = sent["received"] + [None] * (len(sent["received"]) == 1)
            sys.setrecursionlimit(max(depth, 20000))
            try:
                sent = json.loads(data, object_hook=texts and (lambda made: texts[made[key]] if key in made else made) or None)
            finally:
                sys.setrecursionlimit(depth)
        for variable in sent["variables"]:
            builtins.__dict__[variable["reference"]] = variable["value"]
        main = types.ModuleType("__mp_main__")
        main.__dict__.update(context=sent["context"], __builtins__=builtins)
        if SCRIPT["path"] is not None:
            main.__file__ = SCRIPT["path"]
        lines = io.StringIO(SCRIPT["original"], newline=None).readlines()
        lines[-1:] = [line.rstrip("\n") + "\n" for line in lines[-1:]]
        linecache.cache[SCRIPT["name"]] = (len(SCRIPT["original"]), None, lines, SCRIPT["name"])
        spawn.old_main_modules.append(sys.modules["__main__"])
        sys.modules["__mp_main__"] = main
        multiprocessing.set_start_method = lambda *_, **__: None  # It is set already.
        try:
            if SCRIPT["code"] is not None:
                exec(SCRIPT["code"], main.__dict__)
        except (Started, SystemExit):
            pass
        finally:
            multiprocessing.set_start_method = start_method
        sys.modules["__main__"] = main

    def is_worker():
        return "PoolWorker" in process.current_process().name

    def report(*failure):
        excepthook(*failure)
        if is_worker():
            sys.stderr.flush()
            os._exit(LOST_WORKER)

    def run(self, *args, **options):
        status = bootstrap(self, *args, **options)
        return LOST_WORKER if status and is_worker() else status

    spawn.get_preparation_data = get_preparation_data
    if isinstance(SCRIPT["code"], bytes):
        SCRIPT["code"] = marshal.loads(SCRIPT["code"])
    if SCRIPT.get("sent"):
        sys.excepthook, process.BaseProcess._bootstrap, spawn._fixup_main_from_path = report, run, run_script_again
    SCRIPT["sent"] = True
'''


def share_script(spawn):
    space = {"SHARED": SHARED, "SCRIPT": SCRIPT, "LOST_WORKER": LOST_WORKER}
    exec(compile(SHARED, compile_script.__code__.co_filename, "exec"), space)
    space["install"](spawn)


def interrupt():
    """Interrupts the script, which waits, until it has ended: an exception in the wrong moment is dropped by Python itself."""
    main = sys.modules["threading"].main_thread().ident
    for pause in (0.3, 1, 3, 9):
        if NOTICED:
            return
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(pause)


def watch_pools(pool):
    """Interrupts a script whose Pool has lost a worker: only the limit of tasks for a worker, or the end of the pool, ends one in order."""
    maintain, join_exited, join, terminate = pool.Pool._maintain_pool, pool.Pool._join_exited_workers, pool.Pool.join, pool.Pool._terminate_pool.__func__

    def maintain_pool(*arguments):
        handler = sys.modules["threading"].current_thread()
        handler.most_tasks = arguments[8]
        maintain(*arguments)
        if LOST:
            handler._state = pool.TERMINATE

    def join_exited_workers(workers):
        handler, before = sys.modules["threading"].current_thread(), list(workers)
        joined = join_exited(workers)
        ended = [worker.exitcode for worker in before if worker not in workers]
        lost = [status for status in ended if status or handler.most_tasks is None]
        # A pool that ends says so before its workers end.
        if lost and not LOST and not TERMINATING and handler._state != pool.TERMINATE:
            LOST.append(lost[0])
            sys.modules["threading"].Thread(target=interrupt, daemon=True).start()
        return joined and not LOST  # Others are started in their place.

    def join_pool(self):
        if not LOST:
            join(self)

    # The usual end of a pool waits for its threads, and for a lock that an idle worker has with it when it is killed.
    def terminate_pool(cls, *arguments):
        if not LOST:
            return terminate(cls, *arguments)
        for worker in list(arguments[3]):
            if hasattr(worker, "kill"):  # It is no thread.
                worker.kill()
    pool.Pool._maintain_pool, pool.Pool._join_exited_workers = staticmethod(maintain_pool), staticmethod(join_exited_workers)
    pool.Pool.join, pool.Pool._terminate_pool = join_pool, classmethod(terminate_pool)


AFTER_IMPORT = {"multiprocessing.spawn": share_script, "multiprocessing.pool": watch_pools}


# What is called with a module that was imported.
HOOKS = {}


class ImportHook:
    @staticmethod
    def find_spec(name, path=None, _=None):
        after = HOOKS.get(name)
        spec = after and importlib.machinery.PathFinder.find_spec(name, path)
        if not spec or not spec.loader:
            return None
        execute_module = spec.loader.exec_module

        def exec_module(module):
            execute_module(module)
            after(module)
        spec.loader.exec_module = exec_module
        return spec


def share_with_processes(request, received):
    """Makes processes that the script starts with new interpreters know the script."""
    SCRIPT.update({key: request[key] for key in ("code", "name", "original", "path", "context", "variables")})
    SCRIPT["received"] = received and [received[0].decode()] + received[1:]
    for name, after in AFTER_IMPORT.items():
        if name in sys.modules:
            after(sys.modules[name])
    HOOKS.update(AFTER_IMPORT)
    sys.meta_path.insert(0, ImportHook)
