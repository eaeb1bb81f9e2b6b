"""The folder of the model with Hugging Face's own loaders, as clients that count tokens or render prompts do."""
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CONVERSATIONS = [
    [{"role": "user", "content": "35 heads, 94 legs. 雞兔同籠?"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
     {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "1+1?"}],
]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ROOT / "Models/tiny")


def run(binary, *arguments, stdin):
    result = subprocess.run([binary, *arguments], input=stdin.encode(), capture_output=True, timeout=120, check=True)
    return result.stdout.decode()


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_its_tokenizer_and_template_are_ours(binary, tokenizer, messages):
    folder = str(ROOT / "Models/tiny")
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompt == run(binary, "render", "--model", folder, stdin=json.dumps({"messages": messages}))
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert ids == json.loads(run(binary, "tokenize", "--model", folder, stdin=json.dumps(prompt)))
    assert tokenizer.decode(ids) == prompt


def test_its_configuration_is_read_but_for_the_unknown_type():
    from transformers import AutoConfig, PretrainedConfig

    config = PretrainedConfig.from_pretrained(ROOT / "Models/tiny")
    assert config.hidden_size == 256 and config.rope_parameters["factor"] == 1.0
    with pytest.raises(ValueError, match="model type `hunyuan_t1`"):
        AutoConfig.from_pretrained(ROOT / "Models/tiny")
