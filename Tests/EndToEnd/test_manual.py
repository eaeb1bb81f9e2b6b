"""Manual pages and completions, which are made of what the command's parser knows."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture(scope="module")
def pages(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    result = run(ROOT / "scripts/make-manual.py", binary, folder, "--date", "2026-01-31")
    assert result.returncode == 0, result.stderr
    return {path.name: path for path in sorted(folder.iterdir())}


def commands(binary):
    """The subcommands that --help lists."""
    listed = run(binary, "--help").stdout.split("SUBCOMMANDS:")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z-]+)(?: |$)", listed, re.M)


def test_every_command_has_a_page(binary, pages):
    names = commands(binary)
    assert len(names) > 10 and "chat" in names
    assert set(pages) == {"infer-serve.1", *(f"infer-serve-{name}.1" for name in names)}


@pytest.mark.skipif(not shutil.which("groff"), reason="there is no groff")
def test_pages_show_every_option(binary, pages):
    for name, path in pages.items():
        result = run("groff", "-k", "-mdoc", "-Tutf8", "-ww", "-P-cbou", path)
        assert result.returncode == 0 and result.stderr == "", (name, result.stderr)
        shown = result.stdout.replace("‐", "-").replace("−", "-")
        assert "January 31, 2026" in shown, name
        words = name.removesuffix(".1").split("-", 2)[2:]
        for option in re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", run(binary, *words, "--help").stdout, re.M):
            if option not in ("--help", "--version"):
                assert re.search(re.escape(option) + r"(?![a-z0-9-])", shown), (name, option)
    keys = run("groff", "-k", "-mdoc", "-Tutf8", "-P-cbou", pages["infer-serve-keys.1"]).stdout
    assert "keys revoke" in keys and "expires" in keys


def test_help_and_the_page_name_the_instruction_sets(binary, pages):
    help = " ".join(run(binary, "--help").stdout.split())
    names = re.search(r"INFER_SERVE_ISA in the environment [^:]*: ([^.]*)\.", help)[1].replace(" or ", ", ").split(", ")
    assert names[-1] == "plain" and len(names) > 1
    page = " ".join(pages["infer-serve.1"].read_text().replace("\\-", "-").split())
    assert page.count("INFER_SERVE_ISA") == 1 and all(name in page for name in names)
    # Each is one that the kernels know: it is used, or the processor lacks it.
    for name in names:
        checked = run(binary, "doctor", "--no-measurement", "--json", env={**os.environ, "INFER_SERVE_ISA": name})
        kernels = next(f for f in json.loads(checked.stdout)["findings"] if f["check"] == "kernels")
        assert kernels["found"].split(",")[0] == name or f"INFER_SERVE_ISA={name}: " in kernels["why"], kernels


@pytest.mark.skipif(not shutil.which("mandoc"), reason="there is no mandoc")
def test_pages_are_sound(pages):
    result = run("mandoc", "-Tlint", "-Wwarning", *pages.values())
    assert result.returncode == 0 and result.stdout == "", result.stdout


def test_bash_completes_commands_and_options(binary, tmp_path):
    script = tmp_path / "infer-serve"
    script.write_text(run(binary, "--generate-completion-script", "bash").stdout)
    complete = """source "$0"; COMP_WORDS=(infer-serve "$@"); COMP_CWORD=$#; COMP_LINE="${COMP_WORDS[*]}"
        COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; $(complete -p infer-serve | sed 's/.*-F \\([^ ]*\\).*/\\1/') infer-serve "${@: -1}"
        printf '%s\\n' "${COMPREPLY[@]}" """
    assert "chat" in run("bash", "-c", complete, script, "ch").stdout.split()
    assert "--max-context" in run("bash", "-c", complete, script, "serve", "--max-c").stdout.split()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_of_other_shells_are_read(binary, tmp_path, shell):
    script = run(binary, "--generate-completion-script", shell)
    assert script.returncode == 0 and "quantize" in script.stdout
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    path = tmp_path / "script"
    path.write_text(script.stdout)
    assert run(shell, "-n", path).returncode == 0
