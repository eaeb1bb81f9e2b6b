"""Adapters of a model, chosen by its name."""
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import save_file

from server import Server

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures"


def write_adapter(folder, model, seed, endings=("q_proj.weight", "o_proj.weight", "out_proj.weight"), size=0.35, rank=4):
    """An adapter of random weights for the modules of a model whose names end so."""
    generator = np.random.default_rng(seed)
    tensors = {}
    with safe_open(Path(model) / "model.safetensors", "numpy") as weights:
        for name in weights.keys():
            if ".mtp." in name or not name.endswith(endings):
                continue
            rows, columns = weights.get_slice(name).get_shape()
            for half, sizes in (("A", (rank, columns)), ("B", (rows, rank))):
                key = f"base_model.model.{name.removesuffix('.weight')}.lora_{half}.weight"
                tensors[key] = (size * generator.standard_normal(sizes)).astype(np.float32)
    assert tensors
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank, "lora_alpha": rank}))
    return str(folder)


@pytest.fixture(scope="module")
def adapters(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(folder / name, model, seed) for seed, name in enumerate(("verse", "prose"))}


@pytest.fixture(scope="module")
def adapted(start, adapters):
    with start("--served-model-name", "tiny,other", *[f"--lora={name}={path}" for name, path in adapters.items()]) as server:
        yield server


def answer(client, model, text="Seven birds and three cats", **fields):
    return client.completions.create(model=model, prompt=text, max_tokens=24, temperature=0, **fields)


def test_requests_choose_by_the_models_name(adapted):
    client = openai.OpenAI(base_url=f"{adapted.url}/v1", api_key="none", max_retries=0, timeout=60)
    models = {model.id: model for model in client.models.list()}
    assert list(models) == ["tiny", "other", "verse", "prose"]
    assert models["verse"].parent == "tiny" and not hasattr(models["tiny"], "parent")
    assert client.models.retrieve("tiny:prose").parent == "tiny"
    names = ["tiny", "verse", "prose", "tiny:verse", "other:prose"]
    texts = {}
    for name in names:
        got = answer(client, name)
        texts[name] = got.choices[0].text
        assert got.model == {"other": "tiny", "tiny:verse": "verse", "other:prose": "prose"}.get(name, name)
    assert texts["tiny:verse"] == texts["verse"] and texts["other:prose"] == texts["prose"]
    assert len({texts[name] for name in ("tiny", "verse", "prose")}) == 3
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda name: answer(client, name).choices[0].text, names * 4))
    assert again == [texts[name] for name in names] * 4
    with pytest.raises(openai.NotFoundError, match="'tiny', 'other', 'verse', 'prose'"):
        answer(client, "tiny:ballad")
    chat = client.chat.completions.create(
        model="verse", messages=[{"role": "user", "content": "Hi"}], max_tokens=4, temperature=0)
    assert chat.model == "verse"


def test_prefixes_are_of_one_adapter(adapted):
    client = openai.OpenAI(base_url=f"{adapted.url}/v1", api_key="none", max_retries=0, timeout=60)
    text = "What is the sum of all numbers from one to one hundred and seven, and why? " * 3
    cached = [answer(client, name, text).usage.prompt_tokens_details.cached_tokens for name in ("tiny", "verse", "verse")]
    assert cached[0] == cached[1] == 0 < cached[2]


def test_sessions_are_of_one_adapter(start, adapters, tmp_path):
    with start(f"--lora=verse={adapters['verse']}", "--session-dir", str(tmp_path)) as server:
        body = {"model": "verse", "prompt": "One and two and three " * 9, "max_tokens": 3, "session_id": "s"}
        assert server.post("/v1/completions", body).status_code == 200
        assert server.post("/v1/sessions/s/save", {}).status_code == 404
        saved = server.post("/v1/sessions/s/save", {"model": "verse"}).json()["saved_tokens"]
        assert saved > 30
        server.post("/cache/reset", {}).raise_for_status()
        assert server.post("/v1/sessions/s/restore", {}).status_code == 404
        assert server.post("/v1/sessions/s/restore", {"model": "verse"}).json()["restored_tokens"] == saved
        usage = server.post("/v1/completions", body).json()["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] > 30


def test_merged_is_served(binary, model, adapters, adapted, tmp_path):
    file = tmp_path / "merged.gguf"
    subprocess.run([binary, "quantize", "--model", model, "--format", "F32", "--lora", adapters["verse"] + "=1.0",
                    "--output", str(file)], check=True, capture_output=True, timeout=120)
    with Server(binary, str(file)) as server:
        clients = [openai.OpenAI(base_url=f"{url}/v1", api_key="none") for url in (server.url, adapted.url)]
        texts = [answer(client, name).choices[0].text for client, name in zip(clients, ("merged", "verse"))]
    assert texts[0] == texts[1]


def test_a_configuration_names_them(binary, model, adapters, tmp_path):
    file = tmp_path / "server.yaml"
    lists = [{"model": model, "served-model-name": name, "lora": [f"{key}={path}=0.5" for key, path in adapters.items()]}
             for name in ("a", "b")]
    file.write_text(yaml.safe_dump({"models": lists, "kv-cache-mib": 64, "state-cache-mib": 64}))
    with Server(binary, None, "--config", str(file)) as server:
        ids = [entry["id"] for entry in httpx.get(server.url + "/v1/models").json()["data"]]
        # A name that two have stands for neither.
        assert ids == ["a", "b", "a:verse", "a:prose", "b:verse", "b:prose"]
        assert server.post("/v1/completions", {"model": "verse", "prompt": "x"}).status_code == 404
        got = server.post("/v1/completions", {"model": "b:verse", "prompt": "x", "max_tokens": 2}).json()
        assert got["model"] == "b:verse"


@pytest.mark.parametrize("option, says", [
    ("verse", "'verse' is no adapter, expected NAME=PATH"), ("=x", "'=x' is no adapter"), ("a=", "expected a path"),
    ("a=/x=much", "'much' of '/x=much' is no scale"), ("latest={path}", "stands for the model itself"),
    ("a={path} --lora=a={path}", "two adapters of"), ("a=/nowhere", "no such folder or file"),
    ("a=" + str(FIXTURES / "adapters/llama_a"), "it is an adapter of another model")])
def test_bad_adapters_are_refused(binary, model, adapters, option, says):
    options = ("--lora=" + option.format(path=adapters["verse"])).split(" ")
    command = [binary, "serve", "--model", model, "--port", "0", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode != 0 and says in result.stderr + result.stdout
