# Encodes a script's result as JSON, with exact types and digits. Values that JSON does not have are converted (natural.py) or
# rejected with their place.
import json
import re

DEEPEST = 990
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


class Foreign(Exception):
    """The value contains something that JSON does not have."""


def place(path):
    steps = []
    while path is not None:
        path, key = path
        steps.append("[%s]" % (json.dumps(key, ensure_ascii=False) if isinstance(key, str) else key))
    return "result" + "".join(reversed(steps))


def type_name(kind):
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "." + kind.__qualname__
    if name in ("bytes", "range"):
        return name
    return ("an " if name[0] in "aeiouAEIOU" else "a ") + name


def reject(path, what):
    raise ScriptError("result", "%s %s" % (place(path), what))


def reject_depth():
    reject(None, "contains itself, or is nested more than %d levels deep" % DEEPEST)


def check_scalar(value, path):
    if isinstance(value, float):
        if type(value) is not float:
            raise Foreign
        if value - value != 0:
            reject(path, "is %s, which JSON does not support" % float.__repr__(value))
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            reject(path, "contains half a character (a lone surrogate), which JSON does not support")
        if type(value) is not str:
            raise Foreign
    elif value is not None and not isinstance(value, int) or isinstance(value, ENUM):
        raise Foreign


def check_key(key, path):
    if isinstance(key, ENUM):
        raise Foreign
    if not isinstance(key, str):
        if key is None or isinstance(key, (int, float) + of("numpy", "generic")):
            raise Foreign
        reject(path, "has the key %r (%s); the keys of a JSON object must be strings" % (key, type_name(type(key))))
    check_scalar(key, path)


def check(value):
    waiting = [(value, None, 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, dict):
            for key in value:
                check_key(key, path)
            inside = value.items()
        elif isinstance(value, (list, tuple)):
            inside = enumerate(value)
        else:
            check_scalar(value, path)
            continue
        if depth == DEEPEST:
            reject_depth()
        deeper = []
        for key, element in inside:
            if isinstance(element, (dict, list, tuple)):
                deeper.append((element, (path, key), depth + 1))
            elif element is not None and element is not True and element is not False and type(element) is not int:
                check_scalar(element, (path, key))
        waiting.extend(reversed(deeper))


def encode(value):
    try:
        check(value)
    except Foreign:
        value = natural(value, None, 0)
    return ENCODER.encode(value)


def answer(value, seconds, limit):
    data = with_deep_recursion(encode, value)
    if "e-0" in data:  # Python writes 1e-7 as 1e-07. The pattern matches strings first, which stay unchanged.
        data = re.sub(r'("[^"\\]*(?:\\.[^"\\]*)*")|e-0', lambda found: found.group(1) or "e-", data)
    data = data.encode()
    if len(data) > limit:
        raise ScriptError("result", "result has %d bytes as JSON; the limit is %d bytes" % (len(data), limit))
    return b'{"execution_time":%.6f,"result":%s}' % (seconds, data)
