#!/usr/bin/env python3
"""Checks the arrows between folders that the compiler cannot hold: which folders of a target may use which others, and
which may import the C libraries.

A folder uses only itself and those before it in its target's list below; files beside the folders may use all. What is
looked at are the names of types, functions and members of extensions, without the types that an expression has: a name
that an earlier folder declares as well is taken for that one.

usage: check-layers.py [--self-test]
"""
import re
import sys
import tempfile
from pathlib import Path

# Each target before those that depend on it.
TARGETS = ["InferText", "InferMetrics", "InferCore", "HybridBlocks", "InferKit", "InferMPI", "InferZMQ", "infer-serve"]

# Folders of each target, each before those that may use it; "" stands for the files beside the folders.
LAYERS = {
    "InferCore": [
        "Errors", "Machine", "Threads", "Memory", "Ranks", "Formats", "Matrices", "State", "Step", "Kernels", "Weights",
        "Sampling", "Cache", "Persistence", "Engine", "",
    ],
    "infer-serve": [
        "Terminal", "Wire", "Access", "Traces", "Connections", "Server", "Endpoints", "Replay", "Chat", "Doctor",
        "Commands", "",
    ],
}

# Folders, or whole targets, that alone may import a module.
IMPORTS = {
    "CKernels": [
        "InferCore/Machine", "InferCore/Formats", "InferCore/Threads", "InferCore/Matrices", "InferCore/Kernels"],
    "CCrypto": ["InferCore/Memory"],
    "CFaults": ["InferCore/Memory"],
    "CBLAS": ["InferCore/Threads", "InferCore/Kernels"],
    "CPCRE2": ["InferText/Tokenizer"],
    "CMPI": ["InferMPI"],
    "CZMQ": ["InferZMQ"],
    "CZlib": ["infer-serve/Wire"],
    "CPage": ["infer-serve/Endpoints"],
    "GRDB": ["infer-serve/Server"],
    "Glibc": [
        "InferCore/Memory", "InferCore/Threads", "InferCore/Kernels", "HybridBlocks/Families", "infer-serve/Connections",
        "infer-serve/Terminal", "infer-serve/Doctor", "infer-serve/Commands", "InferMPI"],
}

# Where the order of InferCore's folders is written down for people.
ARTICLE = "Sources/InferCore/InferCore.docc/Architecture.md"

KINDS_OF_TYPES = ("struct", "class", "enum", "protocol", "actor", "typealias")
TOKEN = re.compile(
    rf"[{{}}()]|\bextension\s+(?P<extended>[\w.]+)|\b(?P<kind>{'|'.join(KINDS_OF_TYPES)}|func|let|var|case)\s+"
    r"`?(?P<name>[A-Za-z_]\w*)")
IMPORT = re.compile(r"^\s*(?:@\w+\s+)*(?:public\s+|package\s+|internal\s+|private\s+)?import\s+(?:struct\s+|func\s+)?(\w+)", re.M)
NAME = re.compile(r"(?P<before>\.|\bfunc\s+)?(?<!\w)`?(?P<name>[A-Za-z_]\w*)`?(?P<call>\()?")


def code_of(text):
    """The text without comments and without what string literals say; lines and interpolations stay."""
    out, stack, at = [], [], 0
    token = re.compile(r'//[^\n]*|/\*|(#*)("""|")|[()]')
    while at < len(text):
        if stack and stack[-1][0] == "string":
            _, quote, escape = stack[-1]
            if text.startswith(quote, at):
                stack.pop()
                out.append('"')
                at += len(quote)
            elif text.startswith(escape + "(", at):
                stack.append(["interpolation", 0])
                out.append("(")
                at += len(escape) + 1
            elif text.startswith(escape, at):
                at += len(escape) + 1
            else:
                out.append("\n" if text[at] == "\n" else "")
                at += 1
            continue
        found = token.match(text, at)
        if not found:
            out.append(text[at])
            at += 1
        elif found[0] == "/*":
            end, depth = at + 2, 1
            while depth and end < len(text):
                depth += text.startswith("/*", end) - text.startswith("*/", end)
                end += 2 if text.startswith(("/*", "*/"), end) else 1
            out.append("\n" * text.count("\n", at, end))
            at = end
        elif found[0].startswith("//"):
            at = found.end()
        elif found[2]:
            stack.append(["string", found[2] + found[1], "\\" + found[1]])
            out.append('"')
            at = found.end()
        else:
            if stack and found[0] == "(":
                stack[-1][1] += 1
            elif stack and stack[-1][1] == 0:
                stack.pop()
            elif stack:
                stack[-1][1] -= 1
            out.append(found[0])
            at = found.end()
    return "".join(out)


class File:
    """What a file declares and mentions."""

    def __init__(self, path, folder, text):
        self.path, self.folder, self.code = path, folder, code_of(text)
        # What other files see: types and functions at the top, and members of extensions with the type they are given to.
        self.types, self.functions, self.given = set(), set(), {}
        # Names at any depth: of types and functions, and of members of types.
        self.names, self.members = set(), set()
        # The blocks around the place: the name of an extended type, "" for another type, None for code.
        blocks, next_block, parentheses = [], None, 0
        for token in TOKEN.finditer(self.code):
            if token[0] == "{":
                blocks.append(next_block)
                next_block = None
            elif token[0] == "}":
                del blocks[-1:]
            elif token[0] in "()":
                parentheses += 1 if token[0] == "(" else -1
            elif token["extended"]:
                next_block = token["extended"].split(".")[0]
            elif token["name"]:
                kind, name = token["kind"], token["name"]
                if kind in KINDS_OF_TYPES:
                    next_block = "" if kind != "typealias" else None
                if kind in KINDS_OF_TYPES or kind == "func":
                    self.names.add(name)
                if parentheses or (blocks and blocks[-1] is None):
                    continue
                if blocks:
                    self.members.add(name)
                modifiers = self.code[self.code.rfind("\n", 0, token.start()) + 1 : token.start()]
                if re.search(r"\b(private|fileprivate)\b(?!\()", modifiers):
                    continue
                if not blocks and kind in KINDS_OF_TYPES:
                    self.types.add(name)
                elif not blocks and kind == "func":
                    self.functions.add(name)
                elif len(blocks) == 1 and blocks[0] and kind in ("func", "var", "let"):
                    self.given[name] = blocks[0]

    def mentions(self):
        """Names with the lines they stand in, whether they are members of an expression, and whether they are called."""
        for number, line in enumerate(self.code.split("\n"), 1):
            for found in NAME.finditer(line):
                before = line[: found.start()]
                if found["before"] == "." and before.strip() and not re.search(r"[\w)\]}?!>\"]$", before):
                    continue  # Of the type that is expected here, which is not known.
                if found["before"] in (None, "."):
                    yield number, found["name"], found["before"] == ".", bool(found["call"])


def read_target(root, target):
    """The files of a target, each with the folder that it stands in."""
    base = root / "Sources" / target
    for path in sorted(base.rglob("*.swift")):
        parts = path.relative_to(base).parts
        yield File(path.relative_to(root), parts[0] if len(parts) > 1 else "", path.read_text())


def check_target(root, target, layers):
    """Lines about the mentions in a target that point to a later folder."""
    rank = {folder: index for index, folder in enumerate(layers)}
    files = list(read_target(root, target))
    problems = [
        f"{file.path}:1: the folder {file.folder} is in no order of {target}" for file in files if file.folder not in rank]
    files = sorted((file for file in files if file.folder in rank), key=lambda file: rank[file.folder])
    for folder in layers:
        if folder and not any(file.folder == folder for file in files):
            problems.append(f"Sources/{target}:1: the folder {folder} of the order does not exist")

    def first(names_of):
        """The first file, in the order of folders, that declares each name."""
        places = {}
        for file in files:
            for name in names_of(file):
                places.setdefault(name, file)
        return places

    types, functions = first(lambda file: file.types), first(lambda file: file.functions)
    names, members = first(lambda file: file.names), first(lambda file: file.members)
    # Of members, those that a folder gives to an earlier one's type, or to another module's.
    given = first(lambda file: {
        name for name, owner in file.given.items()
        if owner not in types or rank[types[owner].folder] < rank[file.folder]})
    before = TARGETS[: TARGETS.index(target)] if target in TARGETS else []
    elsewhere = {name for other in before for file in read_target(root, other) for name in file.members}
    for file in files:
        for line, name, is_member, is_call in file.mentions():
            if is_member:
                declared, known = given.get(name), members
            else:
                declared, known = types.get(name) or (functions.get(name) or given.get(name) if is_call else None), names
            if declared is None or rank[declared.folder] <= rank[file.folder]:
                continue
            # A name that is the folder's own, an earlier one's or, of a member, another target's, whatever it stands for.
            if (name in known and rank[known[name].folder] <= rank[file.folder]) or (is_member and name in elsewhere):
                continue
            where = declared.folder or "the files beside the folders"
            problems.append(
                f"{file.path}:{line}: {name} → {where} ({declared.path.name}), which comes after {file.folder}")
    return problems


def check_imports(root, imports):
    """Lines about imports of modules in folders that may not."""
    problems = []
    for path in sorted((root / "Sources").rglob("*.swift")):
        place = path.relative_to(root / "Sources").parent.as_posix()
        code = code_of(path.read_text())
        for found in IMPORT.finditer(code):
            allowed = imports.get(found[1])
            if allowed is not None and not any((place + "/").startswith(folder + "/") for folder in allowed):
                line = code.count("\n", 0, found.start(1)) + 1
                problems.append(f"{path.relative_to(root)}:{line}: import {found[1]} → only in {', '.join(allowed)}")
    return problems


def check_article(root, layers):
    """A line when the article lists InferCore's folders otherwise."""
    listed = re.findall(r"^\| `InferCore/(\w+)` \|", (root / ARTICLE).read_text(), re.M)
    wanted = [folder for folder in layers if folder]
    return [] if listed == wanted else [f"{ARTICLE}:1: lists the folders {', '.join(listed)}; expected {', '.join(wanted)}"]


def self_test():
    """Fails when a known violation is missed, or something sound is complained of."""
    files = {
        "A/Low.swift": (
            "internal import CKernels\nstruct Low {\n  // High is not used\n"
            '  let text = "High \\(High().x) high()"\n  func own() { Low.Nested(); local() }\n  private func local() {}\n}\n'
            "extension Low { struct Nested {} }\nfunc both(_: Int) {}\nlet value = high()\nlet wide = Low().extended\n"),
        "B/High.swift": (
            "import CKernels\nstruct High { let x = Low() }\nfunc high() -> Int { 1 }\nfunc both() {}\nfunc local() {}\n"
            "private struct Low2 {}\nextension Low {\n  var extended: Int { 2 }\n}\n"),
        "C/Odd.swift": "struct Odd {}\n",
    }
    expected = {
        ("A/Low.swift", 4, "High"), ("A/Low.swift", 10, "high"), ("A/Low.swift", 11, "extended"),
        ("B/High.swift", 1, "import CKernels"), ("C/Odd.swift", 1, "the folder C is in no order of T"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, "Sources/T", name)
            path.parent.mkdir(parents=True)
            path.write_text(text)
        root = Path(folder)
        problems = check_target(root, "T", ["A", "B", ""]) + check_imports(root, {"CKernels": ["T/A"]})
    found = set()
    for problem in problems:
        path, line, text = problem.split(":", 2)
        found.add((path.removeprefix("Sources/T/"), int(line), text.strip().split(" →")[0]))
    if found != expected:
        sys.exit(f"check-layers.py: found {sorted(found - expected)}, missed {sorted(expected - found)}")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = Path(__file__).resolve().parent.parent
    problems = check_imports(root, IMPORTS) + check_article(root, LAYERS["InferCore"])
    for target, layers in LAYERS.items():
        problems += check_target(root, target, layers)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
