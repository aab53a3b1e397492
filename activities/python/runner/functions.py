# Functions that are called by name: of a module, or of source that was registered. The name comes from a table or from
# the store; it is never looked for in what the value of a parameter says.
import importlib


def function_of(called, space):
    if called["module"] is None:
        found = space.get(called["attribute"])
        where = "the code"
    else:
        try:
            found = importlib.import_module(called["module"])
        except ImportError as error:
            raise Refusal("function", "the module %s cannot be imported: %s" % (called["module"], error))
        where = "the module " + called["module"]
        for part in called["attribute"].split("."):
            found = getattr(found, part, None)
    if not callable(found):
        raise Refusal("function", "%s has no function %s" % (where, called["attribute"]))
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
    """What people are told of a function: its signature and what its docstring begins with."""
    import inspect
    found = function_of(called, space)
    try:
        signature = str(inspect.signature(found))
    except (TypeError, ValueError):  # Some functions of C do not say.
        signature = "(…)"
    return {"signature": signature, "description": (inspect.getdoc(found) or "").partition("\n\n")[0].replace("\n", " ")}
