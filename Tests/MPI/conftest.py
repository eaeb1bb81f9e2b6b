"""Options: --binary, built with the trait MPI, and --model."""
import os
from pathlib import Path

import pytest

from machines import Machines

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the command, built with MPI")
    parser.addoption("--model", default=str(ROOT / "Models/tiny"), help="a model folder with tokenizer and template")
    parser.addoption("--rate", default="10gbit", help="the bandwidth of the network between the machines")


@pytest.fixture(scope="session")
def binary(request):
    return str(Path(request.config.getoption("--binary")).resolve())


@pytest.fixture(scope="session")
def model(request):
    return str(Path(request.config.getoption("--model")).resolve())


@pytest.fixture(scope="session")
def machines(request, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with Machines(4, tmp_path_factory.mktemp("machines"), rate=request.config.getoption("--rate")) as machines:
        yield machines
