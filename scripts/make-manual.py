#!/usr/bin/env python3
"""Writes manual pages from what the command's own parser knows: infer-serve.1, and infer-serve-NAME.1 for every
subcommand, whose own subcommands stand in its page.

usage: make-manual.py BINARY FOLDER [--date YYYY-MM-DD]

The date is that of SOURCE_DATE_EPOCH in the environment, or today's, unless it is given.
"""
import argparse
import datetime
import json
import os
import re
import subprocess
from pathlib import Path

# Sections that no option tells.
EXIT = """.Sh EXIT STATUS
0 when all went well, 64 for a wrong command line, and otherwise another number, with one line on standard error that says
why.
"""
ENVIRONMENT = {
    "serve": """.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev INFER_SERVE_ Ns Ar OPTION
The value of an option whose name is written in capitals and with underscores, as in
.Ev INFER_SERVE_MAX_CONTEXT .
The command line counts before it, and it before the file of
.Fl -config .
.It Ev INFER_SERVE_API_KEY
One more key that may do anything.
.El
""",
    "chat": """.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev INFER_SERVE_API_KEY , Ev OPENAI_API_KEY
The key to send to a server.
.It Ev NO_COLOR
Anything but the empty text has nothing shown dim or in colours.
.It Ev XDG_STATE_HOME
The folder that holds
.Pa infer-serve/chat-history ,
which is
.Pa ~/.local/state
unless it is set.
.El
""",
}
FILES = {
    "": """.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/infer-serve/server.yaml
The configuration that the systemd unit serves with.
.El
""",
}
# Of optional options, so many at most are told in a synopsis.
SYNOPSIS_LIMIT = 12


def text(words):
    """A text for a line of its own."""
    words = words.replace("\\", "\\e")
    words = re.sub(r"(?<![\w-])(--?)(?=[A-Za-z])", lambda dashes: "\\-" * len(dashes[1]), words)
    words = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", words)
    lines = []
    for line in filter(None, (" ".join(line.split()) for line in words.split("\n"))):
        # One sentence a line, so that the formatter knows its end.
        lines += re.sub(r"([.?!](?:['\")\]]|\\fR)*) +(?=\W*[A-Z])", r"\1\n", line).split("\n")
    return "\n".join("\\&" + line if line[0] in ".'" else line for line in lines) + "\n"


def paragraphs(words):
    return ".Pp\n".join(text(paragraph) for paragraph in re.split(r"\n\s*\n", words) if paragraph.strip())


def macro(word):
    """A word as an argument of a macro: none that the macro would take for another's name or for punctuation."""
    word = word.replace("\\", "\\e").replace('"', '\\(dq')
    if len(word) <= 3 or word[0] in ".'":
        word = "\\&" + word
    return f'"{word}"' if " " in word else word


def arguments(command):
    """The arguments that are for people; a flag and its opposite are one."""
    shown = []
    for argument in command.get("arguments", []):
        if not argument.get("shouldDisplay", True) or names(argument)[:1] in (["help"], ["version"]):
            continue
        name = (names(argument) or [""])[0]
        before = next((other for other in shown if "no-" + (names(other) or ["-"])[0] == name), None)
        if before:
            before["names"].append(argument["names"][0])
        else:
            shown.append(dict(argument, names=list(argument.get("names", []))))
    return shown


def names(argument):
    return [name["name"] for name in argument.get("names", []) if name["kind"] == "long"]


def value(argument):
    return f" Ar {macro(argument['valueName'])}" if argument["kind"] != "flag" else ""


def head(argument):
    if argument["kind"] == "positional":
        return f"Ar {macro(argument['valueName'])}"
    return " , ".join(f"Fl -{name}{value(argument)}" for name in names(argument))


def synopsis(words, command):
    lines = [f".Nm {words[0]}", *(f".Cm {macro(word)}" for word in words[1:])]
    if command.get("subcommands"):
        return lines + [".Ar command", ".Op Ar argument ..."]
    optional = [a for a in arguments(command) if a.get("isOptional") and a["kind"] != "positional"]
    for argument in arguments(command):
        if argument["kind"] == "positional" or argument in optional:
            continue
        lines.append(f".{head(argument)}")
    if len(optional) > SYNOPSIS_LIMIT:
        lines.append(".Op Ar option ...")
    else:
        lines += [f".Op {head(a).replace(' , ', ' | ')}{' ...' if a['isRepeating'] else ''}" for a in optional]
    for argument in arguments(command):
        if argument["kind"] == "positional":
            rest = " ..." if argument["isRepeating"] else ""
            lines.append(f".{'Op ' if argument.get('isOptional') else ''}{head(argument)}{rest}")
    return lines


def options(command):
    """Lists of options, a list for each section that the parser has."""
    sections = {}
    for argument in arguments(command):
        sections.setdefault(argument.get("sectionTitle"), []).append(argument)
    lines = []
    for title, members in sections.items():
        if title:
            lines.append(f".Ss {title}")
        lines.append(".Bl -tag -width Ds")
        for argument in members:
            about = " ".join(filter(None, [argument.get("abstract"), argument.get("discussion")])) or "See above."
            if argument.get("defaultValue") not in (None, "") and "default:" not in about:
                about += f" The default is {argument['defaultValue']}."
            values = argument.get("allValues") or []
            if values and not all(value in about for value in values):
                about += f" One of {', '.join(values)}."
            lines += [f".It {head(argument)}", text(about).rstrip("\n")]
        lines.append(".El")
    return lines


def page(root, command, date, version, others):
    is_root = command is root
    name = root["commandName"] if is_root else f"{root['commandName']}-{command['commandName']}"
    words = [root["commandName"]] + ([] if is_root else [command["commandName"]])
    lines = [
        f".Dd {date.strftime('%B')} {date.day}, {date.year}", f".Dt {name.upper()} 1", f".Os {root['commandName']} {version}",
        ".Sh NAME", f".Nm {name}", f".Nd {text(command['abstract']).rstrip().removesuffix('.')}", ".Sh SYNOPSIS",
        *synopsis(words, command), ".Sh DESCRIPTION",
        (paragraphs("" if is_root else command.get("discussion", "")) or text(command["abstract"])).rstrip("\n")]
    subcommands = [c for c in command.get("subcommands", []) if c["commandName"] != "help"]
    if is_root:
        lines += [".Pp", "The commands, each of which has a page of its own:", ".Bl -tag -width Ds"]
        for sub in subcommands:
            lines += [f".It Cm {macro(sub['commandName'])}", text(sub["abstract"]).rstrip("\n")]
        lines.append(".El")
    elif subcommands:
        lines.append(".Sh COMMANDS")
        for sub in subcommands:
            lines += [f".Ss {command['commandName']} {sub['commandName']}", text(sub["abstract"]).rstrip("\n")]
            if sub.get("discussion"):
                lines += [".Pp", paragraphs(sub["discussion"]).rstrip("\n")]
            lines += [".Bd -ragged -offset indent", *in_text(synopsis([*words, sub["commandName"]], sub)), ".Ed",
                      *options(sub)]
    elif arguments(command):
        lines += [".Sh OPTIONS", *options(command)]
    short = "" if is_root else command["commandName"]
    # The discussion of the root command is about its environment.
    environment = f".Sh ENVIRONMENT\n{paragraphs(command['discussion'])}" if is_root else ENVIRONMENT.get(short, "")
    sections = environment + FILES.get(short, "") + EXIT
    lines += [sections.rstrip("\n"), ".Sh SEE ALSO"]
    others = sorted(other for other in others if other != name) if is_root else [root["commandName"]]
    lines += [f".Xr {other} 1{' ,' if other != others[-1] else ''}" for other in others]
    return name, "\n".join(lines) + "\n"


def in_text(lines):
    """A synopsis outside its section, where the name of the page is no block."""
    return [f".Ic {lines[0].removeprefix('.Nm ')}", *lines[1:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--date", type=datetime.date.fromisoformat)
    given = parser.parse_args()
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = given.date or (
        datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc).date() if epoch else datetime.date.today())

    def ask(option):
        return subprocess.run([given.binary, option], check=True, capture_output=True, text=True).stdout

    root = json.loads(ask("--experimental-dump-help"))["command"]
    version = ask("--version").strip()
    commands = [c for c in root["subcommands"] if c["commandName"] != "help" and c.get("shouldDisplay", True)]
    all_names = [f"{root['commandName']}-{c['commandName']}" for c in commands]
    given.folder.mkdir(parents=True, exist_ok=True)
    for command in [root, *commands]:
        name, contents = page(root, command, date, version, all_names)
        (given.folder / f"{name}.1").write_text(contents, encoding="utf-8")


if __name__ == "__main__":
    main()
