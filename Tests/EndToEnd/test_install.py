"""`make install` and `make uninstall`: scripts/install.sh, which packages are made with as well."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts/install.sh"

pytestmark = pytest.mark.skipif(not shutil.which("patchelf"), reason="there is no patchelf")


def run(*command, **environment):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def installed(binary, tmp_path_factory):
    """The folder that stands for / of an installation, with the prefix /opt/infer."""
    folder = tmp_path_factory.mktemp("root")
    result = run(SCRIPT, binary, "/opt/infer", folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_binary_needs_no_toolchain(installed):
    binary = installed / "opt/infer/bin/infer-serve"
    loaded = subprocess.run(["ldd", binary], capture_output=True, text=True, env={}).stdout
    swift = re.findall(r"=> (\S*/lib\w*(?:swift|Foundation|dispatch)\S*)", loaded)
    assert all("/bin/../lib/infer-serve/" in path for path in swift) and "not found" not in loaded, loaded
    model = installed / "opt/infer/share/infer-serve/models/tiny"
    result = subprocess.run(
        [binary, "generate", "--model", model, "--chat", "What is 47 + 85?", "--json"], capture_output=True, timeout=60,
        env={})
    assert result.returncode == 0 and "132" in json.loads(result.stdout)["content"]


def test_paths_are_those_of_the_prefix(installed):
    prefix = installed / "opt/infer"
    unit = (prefix / "lib/systemd/system/infer-serve.service").read_text()
    assert "ExecStart=/opt/infer/bin/infer-serve serve --config /opt/infer/etc/infer-serve/server.yaml" in unit
    configuration = prefix / "etc/infer-serve/server.yaml"
    assert "model: /opt/infer/share/infer-serve/models/tiny\n" in configuration.read_text()
    for path in (
            "share/man/man1/infer-serve.1", "share/man/man1/infer-serve-chat.1", "share/zsh/site-functions/_infer-serve",
            "share/bash-completion/completions/infer-serve", "share/fish/vendor_completions.d/infer-serve.fish",
            "share/infer-serve/prometheus/alerts.yaml", "share/infer-serve/grafana/infer-serve.json"):
        assert (prefix / path).stat().st_size > 100, path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit_and_finds_little_exposed(installed, tmp_path):
    prefix = installed / "opt/infer"
    unit = tmp_path / "infer-serve.service"
    text = (prefix / "lib/systemd/system/infer-serve.service").read_text()
    unit.write_text(text.replace("=/opt/infer/bin/", f"={prefix}/bin/"))
    verified = run("systemd-analyze", "verify", "--man=no", unit)
    assert verified.returncode == 0 and "infer-serve.service" not in verified.stderr, verified.stderr
    # From 0 to 100; fails above the threshold.
    secure = run("systemd-analyze", "--offline=yes", "--threshold=20", "security", unit)
    assert secure.returncode == 0, secure.stdout


def test_what_is_installed_again_keeps_the_configuration_and_goes_without_a_trace(installed, binary, tmp_path):
    other = tmp_path / "opt/infer/share/man/man1/other.1"
    other.parent.mkdir(parents=True)
    other.write_text("another program's")
    configuration = tmp_path / "opt/infer/etc/infer-serve/server.yaml"
    shutil.copytree(installed, tmp_path, dirs_exist_ok=True)
    configuration.write_text("port: 8081\n")
    assert run(SCRIPT, binary, "/opt/infer", tmp_path).returncode == 0
    removed = run(SCRIPT, "--uninstall", "/opt/infer", tmp_path)
    assert removed.returncode == 0 and str(configuration) in removed.stdout
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [configuration, other]
    assert configuration.read_text() == "port: 8081\n"
    again = run(SCRIPT, "--uninstall", "/opt/infer", tmp_path)
    assert again.returncode != 0 and "nothing is installed" in again.stderr


@pytest.mark.parametrize("arguments, names", [
    (["/usr"], "usage"), (["BINARY", "relative"], "absolute path"), (["BINARY", "/a b"], "absolute path"),
    (["/nowhere", "/usr", "OUT"], "no binary /nowhere")], ids=str)
def test_wrong_words_install_nothing(binary, tmp_path, arguments, names):
    result = run(SCRIPT, *({"BINARY": binary, "OUT": tmp_path}.get(a, a) for a in arguments))
    assert result.returncode != 0 and names in result.stderr and not list(tmp_path.iterdir())
