# Converts values that JSON does not have: a tuple or a set to a list, a date or a path to a string, a dataclass to an object,
# a frame to a list of rows. It imports no module: the script that made such a value has done so.
import collections
import datetime
import enum
import os

ENUM = enum.Enum
LISTS = (list, tuple, range, collections.deque, type({}.keys()), type({}.values()), type({}.items()))


def of(module, *names):
    """Returns the classes of a module, or nothing if the script has not imported it."""
    loaded = sys.modules.get(module)
    return tuple(found for found in (getattr(loaded, name, None) for name in names) if isinstance(found, type))


def natural(value, path, depth):
    if depth > DEEPEST:
        reject_depth()
    if isinstance(value, ENUM):
        return natural(value.value, path, depth + 1)
    if isinstance(value, str):
        text = str.__str__(value)
        check_scalar(text, path)
        return text
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        check_scalar(value, path)
        return value
    if isinstance(value, LISTS):
        return [natural(element, (path, i), depth + 1) for i, element in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return in_order(value, path, depth)
    if isinstance(value, (dict, collections.ChainMap)) or isinstance(value, of("types", "MappingProxyType")):
        return fields(value, path, depth)
    if isinstance(value, of("numpy", "ndarray", "generic")):
        return of_numpy(value, path, depth)
    if type(value).__module__.partition(".")[0] == "pandas":
        return of_pandas(value, path, depth)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return natural(os.fspath(value), path, depth + 1)
    if isinstance(value, of("uuid", "UUID")) or isinstance(value, of("decimal", "Decimal")) and value.is_finite():
        return str(value)
    described = getattr(type(value), "__dataclass_fields__", None)
    if described is not None:
        return {name: natural(getattr(value, name), (path, name), depth + 1)
                for name, field in described.items() if field._field_type.name == "_FIELD"}
    reject(path, "is %s, which JSON does not support" % type_name(type(value)))


def fields(mapping, path, depth):
    made = {}
    for key, element in mapping.items():
        if isinstance(key, ENUM):
            key = key.value
        if not isinstance(key, str):
            check_key(key, path)
        key = natural(key, path, depth)
        made[key] = natural(element, (path, key), depth + 1)
    return made


def in_order(elements, path, depth):
    # The order of a set differs between processes. Elements that cannot be compared are sorted by their JSON.
    try:
        return [natural(element, (path, i), depth + 1) for i, element in enumerate(sorted(elements))]
    except TypeError:
        return sorted((natural(element, (path, i), depth + 1) for i, element in enumerate(elements)),
                      key=lambda made: json.dumps(made, sort_keys=True))


def of_numpy(value, path, depth):
    if value.dtype.kind in "mM":  # Times: numbers would have no unit.
        text = value.astype(str).tolist()
        return natural(text if isinstance(text, list) else None if text == "NaT" else text, path, depth + 1)
    plain = value.tolist()
    if type(plain) is type(value):  # tolist() does not convert a long double, for example.
        reject(path, "is %s, which JSON does not support" % type_name(type(value)))
    return natural(plain, path, depth + 1)


def of_pandas(value, path, depth):
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return None
    if name == "DataFrame":
        columns = [str(column) for column in value.columns]
        if len(set(columns)) < len(columns):
            reject(path, "is a frame with two columns of the same name; the keys of a JSON object must be unique")
        rows = zip(*(value.iloc[:, i].tolist() for i in range(len(columns)))) if columns else ([] for _ in range(len(value)))
        return natural([dict(zip(columns, row)) for row in rows], path, depth + 1)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if name in ("Period", "Interval"):
        return str(value)
    if hasattr(value, "tolist"):
        return natural(value.tolist(), path, depth + 1)
    reject(path, "is %s, which JSON does not support" % type_name(type(value)))
