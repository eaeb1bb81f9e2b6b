"""Options: --binary, built with the trait ZMQ, and --model."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/EndToEnd"), str(ROOT / "Deploy/ray/src")]
from server import Server, with_long_context  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the command, built with ZeroMQ")
    parser.addoption("--model", default=str(ROOT / "Models/tiny"), help="a model folder with tokenizer and template")


@pytest.fixture(scope="session")
def binary(request):
    return str(Path(request.config.getoption("--binary")).resolve())


@pytest.fixture(scope="session")
def model(request, tmp_path_factory):
    """The model with a long context."""
    source = Path(request.config.getoption("--model")).resolve()
    return with_long_context(source, tmp_path_factory.mktemp("models") / source.name)


@pytest.fixture
def publish(binary, model):
    """Starts a server that publishes events, at a port of the system's choice."""

    def start(*options, address="tcp://*:*", replay="tcp://127.0.0.1:*", served=True, **more):
        events = ["--kv-events-endpoint", address, "--kv-events-topic", "kv@pod@tiny"]
        if replay:
            events += ["--kv-events-replay-endpoint", replay]
        return Server(binary, model if served else None, *events, *options, **more)

    return start
