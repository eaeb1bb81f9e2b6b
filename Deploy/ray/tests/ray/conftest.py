"""The whole on this machine: Ray, replicas and clients."""

import os
import shutil

import pytest


def pytest_addoption(parser):
    parser.addoption("--binary", default=shutil.which("infer-serve"), help="the program")
    parser.addoption("--model", help="the model's folder")


@pytest.fixture(scope="session")
def program(request):
    binary, model = request.config.getoption("--binary"), request.config.getoption("--model")
    if not binary or not model:
        pytest.exit("expected --binary PROGRAM and --model FOLDER", 2)
    return os.path.abspath(binary), os.path.abspath(model)


@pytest.fixture(scope="session")
def cluster():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ray.init(num_cpus=16, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
