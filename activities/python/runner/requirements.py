# What a task requires: names of modules or of packages, each with versions if wanted ("pandas>=2,<3"). Nothing is
# installed; a task whose requirements are not there fails before a line of it has run.
import itertools

REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)\s*(?:\[[\w\s,.-]*\])?\s*\(?\s*([^;()]*?)\s*\)?\s*\Z")
CONDITION = re.compile(r"\s*(===|==|!=|~=|>=|<=|>|<)\s*([^\s,]+)\s*\Z")


def require(requirements):
    lacking = [why for why in map(unmet, requirements) if why]
    if lacking:
        raise Refusal("missing", "; ".join(lacking))


def unmet(requirement):
    parsed = REQUIREMENT.match(requirement)
    conditions = parsed and [CONDITION.match(part) for part in parsed.group(2).split(",") if part.strip()]
    if not parsed or None in conditions:
        raise Refusal("requirement", "%r is no requirement; write a module or a package, as \"numpy\" or \"numpy>=1.20\"" % requirement)
    name, conditions = parsed.group(1), [condition.groups() for condition in conditions]
    found = version_of(name)
    if found is None and (conditions or not importable(name)):
        return "the module %s, which the task requires, is not there for %s" % (name, sys.executable)
    for operator, wanted in conditions:
        if not holds(found, operator, wanted):
            return "the task requires %s, and %s has %s %s" % (requirement.strip(), sys.executable, name, found)
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
    if packages:  # The module's package has another name: yaml is of PyYAML.
        return metadata.version(packages[0])
    return getattr(__import__(name), "__version__", None)


def importable(name):
    from importlib import util
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def release(version):
    # The numbers, and after them whether it comes before the release proper (1.0rc1, 1.0.dev3).
    numbers, rest = re.match(r"v?((?:\d+!)?\d+(?:\.\d+)*)(.*)", version.strip().lower()).groups()
    before = re.match(r"[-_.]?(a|b|c|rc|alpha|beta|pre|preview|dev)[-_.]?(\d*)", rest)
    stage = (-1, before.group(1), int(before.group(2) or 0)) if before else (0, "", 0)
    return [int(number) for number in numbers.rpartition("!")[2].split(".")], stage


def holds(have, operator, want):
    if operator == "===":
        return have == want
    starts = want.endswith(".*")
    try:
        (ours, our_stage), (theirs, their_stage) = release(have), release(want[:-2] if starts else want)
    except AttributeError:
        raise Refusal("requirement", "the versions %r and %r cannot be compared" % (have, want))
    if starts:
        same = ours[:len(theirs)] == theirs
        return same if operator == "==" else not same
    pairs = list(itertools.zip_longest(ours, theirs, fillvalue=0))
    left, right = ([pair[0] for pair in pairs], our_stage), ([pair[1] for pair in pairs], their_stage)
    if operator == "~=":
        return left >= right and ours[:len(theirs) - 1] == theirs[:-1]
    return {"==": left == right, "!=": left != right, ">=": left >= right, "<=": left <= right,
            ">": left > right, "<": left < right}[operator]
