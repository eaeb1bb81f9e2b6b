"""Packages that build on the server's clients, each doing what it does by default. Option: --binary."""
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

# Before any of them is imported: none is to send anything anywhere else.
os.environ |= {
    "OPENAI_API_KEY": "none", "OPENAI_AGENTS_DISABLE_TRACING": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "LANGSMITH_TRACING": "false", "NO_PROXY": "127.0.0.1"}

import reciter  # noqa: E402
from server import Server  # noqa: E402

ARGUMENTS = {"city": "深圳", "days": 3}
JSON = '{"city": "深圳", "days": 3}'
THOUGHT, SAID = "They ask for the weather.", "One moment."


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the built command")


@pytest.fixture(scope="session")
def binary(request):
    return str(Path(request.config.getoption("--binary")).resolve())


@pytest.fixture(scope="session")
def recite(binary, tmp_path_factory):
    """Starts servers of models that recite a text each."""
    servers = []

    def recite(text):
        folder = reciter.make(tmp_path_factory.mktemp("recital") / "hermes", text, "Qwen-Qwen3-0.6B")
        servers.append(Server(binary, folder))
        return servers[-1]

    yield recite
    for server in servers:
        server.__exit__()


@pytest.fixture(scope="session")
def caller(recite):
    """A model that thinks, says something and calls a tool."""
    return recite(f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n<tool_call>\n"
                  f'{{"name": "get_weather", "arguments": {JSON}}}\n</tool_call>')


@pytest.fixture(scope="session")
def tiny(binary):
    """The bundled model."""
    with Server(binary, ROOT / "Models/tiny") as server:
        yield server


@pytest.fixture(scope="session")
def speaker(recite):
    """A model that says something."""
    return recite(SAID)
