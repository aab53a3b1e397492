# Converts values that JSON does not have: a tuple or a set to a list, a date or a path to a string, a dataclass to an object,
# a frame to a list of rows, a key that is a number to a string. It imports no module: the script that made such a value has done so.
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
        if isinstance(value, of("numpy", "generic")):
            return of_numpy(value, path, depth)
        value = float(value)
        check_scalar(value, path)
        return value
    if isinstance(value, LISTS + of("gleitzeit_lists", "PagedList")):
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
        key = key_text(key, path, depth)
        if key in made:
            reject(path, "has two keys that are %s as text; the keys of a JSON object must be unique" % json.dumps(key))
        made[key] = natural(element, (path, key), depth + 1)
    return made


def key_text(key, path, depth):
    """Returns a key as text, as json.dumps has it."""
    if isinstance(key, of("numpy", "generic")) and not isinstance(key, str):
        key = key.item()
    if key is None or isinstance(key, (int, float)):
        return json.dumps(natural(key, path, depth))
    if not isinstance(key, str):
        check_key(key, path)
    return natural(key, path, depth)


def in_order(elements, path, depth):
    # The order of a set differs between processes. Elements that cannot be compared are sorted by their JSON.
    try:
        return [natural(element, (path, i), depth + 1) for i, element in enumerate(sorted(elements))]
    except TypeError:
        return sorted((natural(element, (path, i), depth + 1) for i, element in enumerate(elements)),
                      key=lambda made: json.dumps(made, sort_keys=True))


def of_numpy(value, path, depth):
    missing = NAN
    if value.dtype.kind == "m":
        try:
            value = value / sys.modules["numpy"].timedelta64(1, "s")
        except TypeError:  # A month has no length.
            value, missing = value.astype(str), "NaT"
    elif value.dtype.kind == "M":  # A number would have no unit.
        value, missing = value.astype(str), "NaT"
    plain = without(missing, value.tolist())
    if type(plain) is type(value):  # tolist() does not convert a long double, for example.
        reject(path, "is %s, which JSON does not support" % type_name(type(value)))
    return natural(plain, path, depth + 1)


NAN = float("nan")


def without(missing, plain):
    """Returns the elements of an array with None for those that are missing: NaN, or a text."""
    if isinstance(plain, (list, tuple)):
        return [without(missing, element) for element in plain]
    if missing is NAN:
        return None if isinstance(plain, float) and plain != plain else plain
    return None if plain == missing else plain


def column_of(values):
    """Returns the elements of a column or an index, with None for what is missing."""
    return [None if missing else element for element, missing in zip(values.tolist(), values.isna().tolist())]


def labels_of(index):
    """Returns the levels of an index, with their names."""
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    default = "index%.0s" if index.nlevels == 1 else "level_%d"
    return [(str(level.name) if level.name is not None else default % i, column_of(level)) for i, level in enumerate(levels)]


def numbers_rows(index):
    return index.nlevels == 1 and index.name is None and index.dtype.kind in "iu"


def rows_of(columns, count, path, depth):
    names = [name for name, _ in columns]
    if len(set(names)) < len(names):
        reject(path, "is a frame with two columns of the same name; the keys of a JSON object must be unique")
    rows = zip(*(elements for _, elements in columns)) if columns else ([] for _ in range(count))
    return natural([dict(zip(names, row)) for row in rows], path, depth + 1)


def of_series(value, path, depth):
    index = value.index
    if type(index).__name__ == "RangeIndex" and index.name is None:
        return natural(column_of(value), path, depth + 1)
    if index.nlevels == 1 and index.is_unique:
        labels = (key_text(label, path, depth) if label is None or isinstance(label, (str, int, float)) else
                  str(natural(label, path, depth)) for label in column_of(index))
        return fields(dict(zip(labels, column_of(value))), path, depth + 1)
    name = str(value.name) if value.name is not None else "value"
    return rows_of(labels_of(index) + [(name, column_of(value))], len(value), path, depth)


def of_pandas(value, path, depth):
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return None
    if name == "DataFrame":
        columns = [(str(column), column_of(value.iloc[:, i])) for i, column in enumerate(value.columns)]
        labels = [] if numbers_rows(value.index) else labels_of(value.index)
        return rows_of(labels + columns, len(value), path, depth)
    if name == "Series":
        return of_series(value, path, depth)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if name in ("Period", "Interval"):
        return str(value)
    if hasattr(value, "tolist"):
        return natural(column_of(value) if hasattr(value, "isna") else value.tolist(), path, depth + 1)
    reject(path, "is %s, which JSON does not support" % type_name(type(value)))
