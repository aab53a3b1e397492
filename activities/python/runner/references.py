# References in program text. Each one arrives as a unique name. In the syntax tree it becomes a variable with the value or,
# inside a string literal, the value's text. A value is never parsed as code.
import ast
import re

SEALED = tuple((getattr(ast, name), where) for name, where in (
    ("pattern", "in a pattern of match"), ("TemplateStr", "in a template string")) if hasattr(ast, name))

NAMED = {
    "Attribute": "in the name of an attribute", "keyword": "in the name of a keyword argument",
    "FunctionDef": "in the name of a function", "AsyncFunctionDef": "in the name of a function",
    "ClassDef": "in the name of a class", "arg": "in the name of a parameter", "alias": "in an import",
    "ImportFrom": "in an import", "Global": "in a global statement", "Nonlocal": "in a nonlocal statement",
    "ExceptHandler": "as the target of except",
}


class Program:
    """The text with names in place of references, and the lines that the user wrote."""

    def __init__(self, text, lines, variables):
        self.lines, self.written = lines_of(text), lines
        self.by_name = {variable["name"]: variable for variable in variables}
        names = sorted(self.by_name, key=len, reverse=True)
        self.names = re.compile("|".join(map(re.escape, names)) if names else "(?!)")
        self.joints = {}

    def align(self, line):
        # Pairs of matching columns of both lines: before and after each reference, and after each `$$`.
        if line in self.joints:
            return self.joints[line]
        text, written, joints, at, to = self.lines[line - 1], self.written[line - 1], [(0, 0)], 0, 0
        while at < len(text) and to < len(written):
            found = self.names.match(text, at)
            if found:
                joints.append((at, to))
                at, to = found.end(), to + len(self.by_name[found.group()]["reference"])
                joints.append((at, to))
            elif text[at] == written[to]:
                at, to = at + 1, to + 1
                if text[at - 1] == "$" and written[to:to + 1] == "$" and text[at:at + 1] != "$":
                    to += 1
                    joints.append((at, to))
            else:
                break
        self.joints[line] = joints
        return joints

    def column(self, line, at):
        """Converts a column of the text, in characters from 0, to the column in the line that the user wrote."""
        if not 0 < line <= min(len(self.lines), len(self.written)):
            return at
        joints = self.align(line)
        start, to = next(joint for joint in reversed(joints) if joint[0] <= at)
        after = next((joint[1] for joint in joints if joint[0] > at), len(self.written[line - 1]))
        return min(to + at - start, max(after, to))

    def column_of_bytes(self, line, offset):
        if not 0 < line <= min(len(self.lines), len(self.written)) or offset < 0:
            return offset
        at = len(self.lines[line - 1].encode()[:offset].decode(errors="ignore"))
        return len(self.written[line - 1][:self.column(line, at)].encode())

    def place(self, node, name):
        # A name comes after the beginning of its node; some nodes have no position.
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        for at in range(line, len(self.lines) + 1):
            text = self.lines[at - 1]
            start = len(text.encode()[:offset].decode(errors="ignore")) if at == line else 0
            found = re.compile(re.escape(name)).search(text, start)
            if found:
                return at, self.column(at, found.start()) + 1
        return line, 1

    def restore_columns(self, tree):
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                node.col_offset = self.column_of_bytes(node.lineno, node.col_offset)
                if getattr(node, "end_lineno", None) is not None and node.end_col_offset is not None:
                    node.end_col_offset = self.column_of_bytes(node.end_lineno, node.end_col_offset)

    def restore_error(self, error):
        if error.offset and error.lineno and error.text is not None:
            error.offset = self.column(error.lineno, error.offset - 1) + 1
            end = getattr(error, "end_offset", None)
            if end and getattr(error, "end_lineno", None):
                error.end_offset = self.column(error.end_lineno, end - 1) + 1
        error.msg = self.names.sub(lambda name: self.by_name[name.group()]["reference"], error.msg or "")


def uses(node, program):
    """Yields each variable in the node itself, with a description of its place if references are not supported there."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            for name in program.names.findall(node.value.decode("latin-1")):
                yield name, "in a bytes literal"
        return
    for field, value in ast.iter_fields(node):
        for text in value if isinstance(value, list) else [value]:
            for name in program.names.findall(text) if isinstance(text, str) else ():
                if text != name and not isinstance(node, (ast.alias, ast.ImportFrom)):
                    yield name, "in a longer name"
                elif not isinstance(node, ast.Name):
                    yield name, NAMED.get(type(node).__name__, "in place of a name")
                elif isinstance(node.ctx, ast.Load):
                    yield name, None
                else:
                    yield name, "as the target of del" if isinstance(node.ctx, ast.Del) else "as the target of an assignment"


def sealed(node, program, where):
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            for name in program.names.findall(inner.value):
                yield inner, name, where
        for name, _ in uses(inner, program):
            yield inner, name, where


def unsupported(tree, program):
    for node in ast.walk(tree):
        for kind, where in SEALED:
            if isinstance(node, kind):
                for refused in sealed(node, program, where):
                    yield refused
        for name, where in uses(node, program):
            if where is not None:
                yield node, name, where


def substitute(tree, program):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in program.by_name:
            node.id = program.by_name[node.id]["reference"]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = program.names.sub(lambda name: program.by_name[name.group()]["text"], node.value)


def compile_program(name, text, lines, variables):
    program = Program(text, lines, variables)
    try:
        tree = ast.parse(text, name)
    except SyntaxError as error:
        program.restore_error(error)
        raise
    # The outermost reason has the say: unsupported of sealed nodes come before those of what lies in them.
    found = [(program.place(node, name), order, name, where)
             for order, (node, name, where) in enumerate(unsupported(tree, program))]
    if found:
        (line, column), _, name, where = min(found)
        raise ScriptError("reference", "code, line %d, column %d: the reference %s is not supported %s" % (
            line, column, program.by_name[name]["reference"], where))
    substitute(tree, program)
    program.restore_columns(tree)
    return compile(tree, name, "exec", dont_inherit=True)
