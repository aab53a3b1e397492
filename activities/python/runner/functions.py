# Functions that are called by name: of a module, or of registered source. The module and the name come from a table or from
# the store, never from the value of a parameter.
import importlib


def function_of(called, space):
    if called["module"] is None:
        found = space.get(called["attribute"])
        where = "the code"
    else:
        try:
            found = importlib.import_module(called["module"])
        except ImportError as error:
            raise ScriptError("function", "cannot import the module %s: %s" % (called["module"], error))
        where = "the module " + called["module"]
        for part in called["attribute"].split("."):
            found = getattr(found, part, None)
    if not callable(found):
        raise ScriptError("function", "%s has no function %s" % (where, called["attribute"]))
    return found


def call(called, space):
    found = function_of(called, space)
    result = found(*called["args"], **called["kwargs"])
    if hasattr(result, "__await__"):
        import asyncio

        async def awaited():
            return await result
        return asyncio.run(awaited())
    return result


def described(called, space):
    """What people are format_exception of a function: its signature and what its docstring begins with."""
    import inspect
    found = function_of(called, space)
    try:
        signature = str(inspect.signature(found))
    except (TypeError, ValueError):  # Some functions written in C have none.
        signature = "(…)"
    return {"signature": signature, "description": (inspect.getdoc(found) or "").partition("\n\n")[0].replace("\n", " ")}
