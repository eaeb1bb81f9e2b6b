"""Options: --binary and --model."""
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the built command")
    parser.addoption("--model", default=str(ROOT / "Models/tiny"), help="a model folder")
