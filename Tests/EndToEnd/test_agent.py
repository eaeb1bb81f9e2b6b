"""The loop of an agent that README shows."""
from pathlib import Path

import pytest

import agent


@pytest.mark.parametrize("question, expected", [
    ("What is the weather in Oslo?", "rainy"), ("What is the weather in Paris?", "sunny"), ("What is 12 times 9?", "108"),
    ("Hello", "Hello"),
])
def test_functions_are_called_until_there_is_an_answer(client, question, expected):
    assert expected in agent.answer(client, question)


def test_readme_shows_it():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"```python\n{Path(agent.__file__).read_text(encoding='utf-8')}```" in readme
