# Requirements of a task: modules or packages, optionally with versions ("pandas>=2,<3"). Nothing is installed; a task whose
# requirements are not met fails before its first line runs.
import itertools

REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)\s*(?:\[[\w\s,.-]*\])?\s*\(?\s*([^;()]*?)\s*\)?\s*\Z")
CONDITION = re.compile(r"\s*(===|==|!=|~=|>=|<=|>|<)\s*([^\s,]+)\s*\Z")


def require(requirements):
    missing = [why for why in map(unmet, requirements) if why]
    if missing:
        raise ScriptError("missing", "; ".join(missing))


def unmet(requirement):
    parsed = REQUIREMENT.match(requirement)
    conditions = parsed and [CONDITION.match(part) for part in parsed.group(2).split(",") if part.strip()]
    if not parsed or None in conditions:
        raise ScriptError("requirement", "invalid requirement %r; write a module or a package, such as \"numpy\" or \"numpy>=1.20\"" % requirement)
    name, conditions = parsed.group(1), [condition.groups() for condition in conditions]
    found = version_of(name)
    if found is None and (conditions or not importable(name)):
        return "the module %s, which the task requires, is not installed for %s" % (name, sys.executable)
    for operator, wanted in conditions:
        if not satisfies(found, operator, wanted):
            return "the task requires %s, but %s has %s %s" % (requirement.strip(), sys.executable, name, found)
    return None


def version_of(name):
    from importlib import metadata
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    if not importable(name):
        return None
    packages = getattr(metadata, "packages_distributions", dict)().get(name.partition(".")[0])
    if packages:  # The package has another name than the module: PyYAML has yaml.
        return metadata.version(packages[0])
    return getattr(__import__(name), "__version__", None)


def importable(name):
    from importlib import util
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def release(version):
    # The numbers, followed by whether it is a pre-release (1.0rc1, 1.0.dev3).
    numbers, rest = re.match(r"v?((?:\d+!)?\d+(?:\.\d+)*)(.*)", version.strip().lower()).groups()
    before = re.match(r"[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev)[-_.]?(\d*)", rest)
    stage = (-1, before.group(1), int(before.group(2) or 0)) if before else (0, "", 0)
    return [int(number) for number in numbers.rpartition("!")[2].split(".")], stage


def satisfies(have, operator, want):
    if operator == "===":
        return have == want
    starts = want.endswith(".*")
    try:
        (ours, our_stage), (theirs, their_stage) = release(have), release(want[:-2] if starts else want)
    except AttributeError:
        raise ScriptError("requirement", "cannot compare the versions %r and %r" % (have, want))
    if starts:
        same = ours[:len(theirs)] == theirs
        return same if operator == "==" else not same
    pairs = list(itertools.zip_longest(ours, theirs, fillvalue=0))
    left, right = ([pair[0] for pair in pairs], our_stage), ([pair[1] for pair in pairs], their_stage)
    if operator == "~=":
        return left >= right and ours[:len(theirs) - 1] == theirs[:-1]
    return {"==": left == right, "!=": left != right, ">=": left >= right, "<=": left <= right,
            ">": left > right, "<": left < right}[operator]
