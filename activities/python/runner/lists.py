# Lists of items' results that are too large for memory. Each is a file with an element a line, as JSON, and an index of eight bytes
# an element: its offset. What stands in `context` reads the elements as they are used. A process that the script starts with a new
# interpreter has only the source, which comes with each list that is sent to it.
LIST_SOURCE = r'''
import collections.abc, json, os, sys


def number(digits):
    found = float(digits)
    if found in (float("inf"), float("-inf")):
        raise ValueError("the number %s exceeds the range of a Python float" % digits)
    return found


DECODER = json.JSONDecoder(parse_float=number)
BLOCK, MOST = 1 << 20, 1024  # Bytes and elements that are read at once.


def decode(line):
    text = line.decode()
    try:
        return DECODER.decode(text)
    except (RecursionError, ValueError):  # It may be nested deep, or have a number with very many digits.
        depth, digits = sys.getrecursionlimit(), getattr(sys, "get_int_max_str_digits", lambda: None)()
        sys.setrecursionlimit(max(depth, 20000))
        if digits is not None:
            sys.set_int_max_str_digits(0)
        try:
            return DECODER.decode(text)
        finally:
            sys.setrecursionlimit(depth)
            if digits is not None:
                sys.set_int_max_str_digits(digits)


class PagedList(collections.abc.Sequence):
    """A list that is read from a file, an element when it is used. list(...) makes a list of it."""
    __slots__ = ("_path", "_places", "_plain", "_files")
    __hash__ = None

    def __init__(self, path, places, plain):
        self._path, self._places, self._plain, self._files = path, places, plain, {}

    def __reduce__(self):
        make = "(exec(SOURCE, SPACE), SPACE['installed'](SOURCE).PagedList(PATH, range(*PLACES), PLAIN))[1]"
        places = (self._places.start, self._places.stop, self._places.step)
        return eval, (make, {"SOURCE": SOURCE, "SPACE": {}, "PATH": self._path, "PLACES": places, "PLAIN": self._plain})

    def _read(self, name, offset, size):
        if name not in self._files:
            self._files[name] = open(name, "rb", 0)
        data = bytearray()
        while len(data) < size:
            if hasattr(os, "pread"):
                piece = os.pread(self._files[name].fileno(), size - len(data), offset + len(data))
            else:
                self._files[name].seek(offset + len(data))
                piece = self._files[name].read(size - len(data))
            if not piece:
                raise OSError("%s ends too early" % name)
            data += piece
        return data

    def _offsets(self, first, count):
        """Returns the offsets of elements of the file that follow each other, and that of the end of the last one."""
        data = self._read(self._path + ".index", 8 * first, 8 * count + 8)
        return [int.from_bytes(data[at:at + 8], "big") for at in range(0, len(data), 8)]

    def _lines(self, first, count):
        """Returns elements of the file that follow each other, as many of them as are read at once, but at least one."""
        offsets = self._offsets(first, min(count, MOST))
        most = max(1, sum(end - offsets[0] <= BLOCK for end in offsets[1:]))
        data = memoryview(self._read(self._path, offsets[0], offsets[most] - offsets[0]))
        return [decode(bytes(data[start - offsets[0]:end - offsets[0]])) for start, end in zip(offsets[:most], offsets[1:most + 1])]

    def __len__(self):
        return len(self._places)

    def __iter__(self):
        if self._places.step != 1:
            for place in self._places:
                yield self._lines(place, 1)[0]
            return
        place = self._places.start
        while place < self._places.stop:
            elements = self._lines(place, self._places.stop - place)
            place += len(elements)
            for element in elements:
                yield element

    def __reversed__(self):
        return iter(PagedList(self._path, self._places[::-1], self._plain))

    def __getitem__(self, which):
        if not isinstance(which, slice):
            try:
                place = self._places[which]
            except IndexError:
                raise IndexError("list index out of range")
            except TypeError:
                raise TypeError("list indices must be integers or slices, not " + type(which).__name__)
            return self._lines(place, 1)[0]
        part = PagedList(self._path, self._places[which], self._plain)
        part._files = self._files
        return list(part) if part._size() <= self._plain else part

    def _size(self):
        if not self._places:
            return 0
        first, last = sorted((self._places[0], self._places[-1]))
        return self._offsets(last, 1)[1] - self._offsets(first, 1)[0]

    def __eq__(self, other):
        if not isinstance(other, (list, PagedList)):
            return NotImplemented
        return len(self) == len(other) and all(own is its or own == its for own, its in zip(self, other))

    def __add__(self, other):
        return list(self) + list(other) if isinstance(other, (list, PagedList)) else NotImplemented

    def __radd__(self, other):
        return other + list(self) if isinstance(other, list) else NotImplemented

    def __repr__(self):
        shown = [text if len(text) <= 80 else text[:80] + "…" for text in map(repr, list(self._few()))]
        return "<%d elements, read from a file: [%s]; list(...) makes a list of them>" % (len(self), ", ".join(shown + ["…"] * (len(self) > 3)))

    def _few(self):
        return (self[i] for i in range(min(3, len(self))))

    def copy(self):
        return list(self)

    def __setitem__(self, which, element):
        raise TypeError("elements of a list that is read from a file cannot be assigned; make a list of it first: list(...)")

    def __delitem__(self, which):
        raise TypeError("elements of a list that is read from a file cannot be deleted; make a list of it first: list(...)")

    def __getattr__(self, name):
        if name in CHANGING:
            raise AttributeError("a list that is read from a file has no %s, which changes it; make a list of it first: list(...)" % name)
        raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))


CHANGING = ("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort")


def default(original):
    def default(self, o):
        return list(o) if isinstance(o, PagedList) else original(self, o)
    return default


def installed(source):
    """Returns this module, with which json.dumps writes such a list as any other."""
    import types
    name = "gleitzeit_lists"
    if name not in sys.modules:
        module = types.ModuleType(name)
        exec(compile(source, "<gleitzeit>", "exec"), module.__dict__)
        module.SOURCE = source
        module.PagedList.__module__ = name
        json.JSONEncoder.default = module.default(json.JSONEncoder.default)
        sys.modules[name] = module
    return sys.modules[name]
'''


def place_lists(context, lists, plain):
    """Puts the lists into the context, where null is in their places."""
    if not lists:
        return
    space = {}
    exec(LIST_SOURCE, space)
    module = space["installed"](LIST_SOURCE)
    for each in lists:
        inside, last = context, each["place"][-1]
        for step in each["place"][:-1]:
            inside = inside[int(step) if isinstance(inside, list) else step]
        inside[int(last) if isinstance(inside, list) else last] = module.PagedList(each["path"], range(each["count"]), plain)
