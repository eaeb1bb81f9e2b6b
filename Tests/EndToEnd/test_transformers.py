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


TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a place.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer"},
        "at": {"type": "array", "items": {"type": "number"}}}, "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
CALLS = [
    {"role": "user", "content": "Oslo?"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}},
        {"id": "b", "type": "function", "function": {"name": "now", "arguments": {}}}]},
    {"role": "tool", "tool_call_id": "a", "content": "{\"sky\": \"clear\"}"},
    {"role": "tool", "tool_call_id": "b", "content": "noon"},
]
FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {
    "雞": {"type": "integer"}, "kind": {"enum": ["a", 1, None]}, "more": {"type": "object"}}}}}
VARIABLES = [
    {"messages": CALLS, "tools": TOOLS},
    {"messages": CALLS[:2], "tools": TOOLS, "enable_thinking": False, "add_generation_prompt": False},
    {"messages": CALLS[:1], "response_format": FORM, "reasoning_effort": "high"},
    {"messages": CALLS[:1], "response_format": {"type": "json_object"}, "reasoning_effort": "minimal"},
    {"messages": CALLS[:1] + [{"role": "system", "content": "One."}, {"role": "system", "content": "Two."}]},
    {"messages": [CALLS[0], {"role": "assistant", "content": "<think>\nx\n</think>\ny"}],
     "add_generation_prompt": False},
]


@pytest.mark.parametrize("variables", VARIABLES)
def test_calls_forms_and_efforts_are_rendered_alike(binary, tokenizer, variables):
    given = {"add_generation_prompt": True, **variables}
    prompt = tokenizer.apply_chat_template(given.pop("messages"), tokenize=False, **given)
    assert prompt == run(binary, "render", "--model", str(ROOT / "Models/tiny"), stdin=json.dumps(variables))


def test_its_configuration_is_read():
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(ROOT / "Models/tiny", trust_remote_code=True)
    assert config.model_type == "hunyuan_t1" and config.hidden_size == 256


def test_its_network_is_run_with_code_from_its_folder():
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    folder = ROOT / "Models/tiny"
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()
    for case in json.loads((ROOT / "Tests/Fixtures/tiny/expected.json").read_text())["cases"]:
        prompt = torch.tensor([case["prompt_tokens"]])
        output = model.generate(prompt, do_sample=False, max_new_tokens=400, eos_token_id=2, pad_token_id=0)
        assert output[0, prompt.shape[1] :].tolist() == case["output_tokens"], case["name"]
