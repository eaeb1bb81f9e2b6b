"""Several models behind one server."""
import contextlib
import json
import shutil
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import ollama
import openai
import pytest
import yaml

from server import LONG, Server, wait_until

CHAT = "/v1/chat/completions"
SMALL = {"kv-cache-mib": 64, "state-cache-mib": 64}


@pytest.fixture()
def serve(binary, model, tmp_path):
    """Starts a server with the models of a configuration; without a folder they are the tests' own model."""
    servers = []

    def serve(models, *options, **settings):
        file = tmp_path / "server.yaml"
        file.write_text(yaml.safe_dump({**SMALL, **settings, "models": [{"model": model, **m} for m in models]}))
        server = Server(binary, None, "--config", str(file), *options)
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.__exit__()


def states(server):
    return {entry["id"]: entry["state"] for entry in httpx.get(server.url + "/v1/models").json()["data"]}


def ask(server, name, **fields):
    return server.post(CHAT, {**server.chat(**{"max_tokens": 4, "temperature": 0, **fields}), "model": name})


def test_models_have_names_and_the_first_is_the_default(serve):
    server = serve([{"served-model-name": ["a", "b"]}, {"served-model-name": "c", "max-context": 96}])
    assert states(server) == {"a": "loaded", "b": "loaded", "c": "loaded"}
    answers = {name: ask(server, name).json() for name in ("a", "b", "c")}
    assert [answers[name]["model"] for name in "abc"] == ["a", "a", "c"]
    assert answers["a"]["choices"] == answers["c"]["choices"]
    body = server.chat(max_tokens=2)
    del body["model"]
    assert server.post(CHAT, body).json()["model"] == "a"
    refused = ask(server, "d")
    assert refused.status_code == 404 and "'a', 'b', 'c'" in refused.json()["error"]["message"]
    # Each has its own context, and its own cache.
    assert "96" in ask(server, "c", messages=[{"role": "user", "content": "x " * 200}]).json()["error"]["message"]
    for _ in range(2):
        ask(server, "a", messages=[{"role": "user", "content": "x " * 40}])
    hits = [httpx.get(server.url + "/cache", params={"model": name}).json()["hit_tokens"] for name in "abc"]
    assert hits[0] == hits[1] > hits[2] == 0
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["a", "b", "c"]


def test_a_model_is_loaded_when_it_is_asked_for_and_leaves_when_nobody_does(serve):
    server = serve([{"served-model-name": "a"}, {"served-model-name": "b", "load": "demand", "idle-unload": 0.5}])
    assert states(server) == {"a": "loaded", "b": "unloaded"}
    assert httpx.get(server.url + "/cache", params={"model": "b"}).json()["error"]["code"] == "model_not_loaded"
    assert [model.model for model in ollama.Client(server.url).ps().models] == ["a:latest"]
    # Ten at once load it once.
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask(server, "b"), range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(event["message"] == "model loaded" and event["model"] == "b" for event in server.events()) == 1
    wait_until(lambda: states(server)["b"] == "unloaded", what="the model to leave")
    assert server.metrics()[("infer_num_requests_running",)] == 0
    assert ask(server, "b").status_code == 200


def test_models_are_loaded_and_unloaded_on_request(serve):
    server = serve([{"served-model-name": "a"}, {"served-model-name": "b", "load": "demand"}])
    assert server.post("/v1/models/load", {"model": "b"}).json()["state"] == "loaded"
    # What runs is finished before the model goes.
    with httpx.stream("POST", server.url + CHAT, timeout=60,
                      json={**server.chat(stream=True, max_tokens=400, ignore_eos=True), "model": "b"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        unloading = threading.Thread(target=server.post, args=("/v1/models/unload", {"model": "b"}))
        unloading.start()
        assert [line for line in lines if line][-1] == "data: [DONE]"
        unloading.join()
    assert states(server) == {"a": "loaded", "b": "unloaded"}
    assert server.post("/v1/models/unload", {"model": "x"}).status_code == 404
    assert server.post("/v1/models/unload", {}).status_code == 400
    assert ask(server, "a").status_code == 200


def test_the_least_recently_used_makes_room(serve):
    budget = 64 + 64 + 64 + 64 + 60
    server = serve([{"served-model-name": "a", "pin": True}, *(
        {"served-model-name": name, "load": "demand"} for name in "bcd")], **{"models-memory-mib": budget})
    for name, loaded in (("b", "ab"), ("c", "ac"), ("b", "ab")):
        assert ask(server, name).status_code == 200
        assert "".join(sorted(n for n, state in states(server).items() if state == "loaded")) == loaded
    # One that is busy does not make room, and what has none is told so.
    with httpx.stream("POST", server.url + CHAT, json={**server.chat(stream=True, **LONG), "model": "b"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        refused = ask(server, "c")
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "no_room"
        assert 1 <= int(refused.headers["retry-after"]) <= 5 and states(server)["c"] == "unloaded"
        assert server.post("/v1/models/load", {"model": "c"}).json()["error"]["code"] == "no_room"
    failure = next(event for event in server.events() if event["message"] == "model failed")
    assert "no room for c" in failure["error"] and "budget" in failure["error"]


def test_a_models_memory_is_one_figure(serve, binary, model):
    """Weights as they are quantised, and state: before the model is loaded, while it is, and afterwards."""
    server = serve([{"served-model-name": name, "load": "demand", **settings} for name, settings in (
        ("a", {}), ("b", {"quantize": "Q4_K"}), ("c", {"state-cache-mib": 20, "cold-state-mib": 10}))])

    def memory():
        return {entry["id"]: entry["memory_bytes"] for entry in httpx.get(server.url + "/v1/models").json()["data"]}

    def sizes(path):
        return {entry["name"].split(":")[0]: entry["size"] for entry in httpx.get(server.url + path).json()["models"]}

    expected = memory()
    # What the files take on the disk is another figure, the same for all.
    files = sum(file.stat().st_size for file in Path(model).iterdir() if file.is_file())
    assert sizes("/api/tags") == {name: files for name in "abc"}
    assert expected["a"] - expected["b"] > 5 << 20 and expected["a"] > expected["c"]
    for name in "abc":
        assert ask(server, name).status_code == 200
    assert memory() == expected == sizes("/api/ps")
    server.post("/v1/models/unload", {"model": "b"})
    assert memory() == expected and "b" not in sizes("/api/ps")
    loaded = [int(event["bytes"]) for event in server.events() if event["message"] == "model loaded"]
    assert loaded == [expected[name] for name in "abc"]
    for name, options in (("a", ()), ("b", ("--quantize", "Q4_K"))):
        listed = subprocess.run(
            [binary, "models", "--models-dir", str(Path(model).resolve().parent), "--json", "--kv-cache-mib", "64",
             "--state-cache-mib", "64", *options], capture_output=True, text=True, check=True).stdout
        rows = {row["name"]: row for row in map(json.loads, listed.splitlines())}
        row = rows[Path(model).resolve().name]
        assert row["memory_bytes"] == expected[name] > row["weight_bytes"] and row["fits"]


def test_a_quantised_model_needs_no_more_room_than_it_takes(serve):
    """Two in four bits fit where the files of one do not."""
    memory = {"kv-cache-mib": 1, "state-cache-mib": 8, "max-context": 512, "max-running": 2}
    alone = serve([{"served-model-name": "x", "quantize": "Q4_K", **memory}])
    [entry] = httpx.get(alone.url + "/v1/models").json()["data"]
    alone.__exit__()
    budget = -(-2 * entry["memory_bytes"] // (1 << 20))
    server = serve([{"served-model-name": name, "quantize": "Q4_K", "load": "demand", **memory} for name in "ab"],
                   **{"models-memory-mib": budget})
    for name in "ab":
        assert ask(server, name).status_code == 200
    assert states(server) == {"a": "loaded", "b": "loaded"}


def test_a_model_that_fails_is_an_error_of_its_own(serve, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    server = serve([{"served-model-name": "a"}, {"model": str(broken), "served-model-name": "b"}])
    assert states(server) == {"a": "loaded", "b": "failed"}
    refused = ask(server, "b")
    assert refused.status_code == 500 and str(tmp_path) not in refused.text
    assert ask(server, "a").status_code == 200 and httpx.get(server.url + "/health").status_code == 200


def test_a_model_whose_files_are_gone_is_an_error_until_they_are_back(serve, model, tmp_path):
    files = tmp_path / "files"
    shutil.copytree(model, files)
    server = serve([{"served-model-name": "a"}, {"model": str(files), "served-model-name": "b"}])
    assert server.post("/v1/models/unload", {"model": "b"}).json()["state"] == "unloaded"
    files.rename(tmp_path / "elsewhere")
    for _ in range(2):
        refused = ask(server, "b")
        assert refused.status_code == 500 and refused.json()["error"]["code"] == "model_load_failed"
    assert states(server) == {"a": "loaded", "b": "failed"} and ask(server, "a").status_code == 200
    (tmp_path / "elsewhere").rename(files)
    assert server.post("/v1/models/load", {"model": "b"}).json()["state"] == "loaded"
    assert ask(server, "b").status_code == 200


def test_pinned_models_that_do_not_fit_leave_the_first(serve):
    server = serve([{"served-model-name": name, "pin": True} for name in "ab"], **{"models-memory-mib": 200})
    assert states(server) == {"a": "loaded", "b": "failed"}
    refused = ask(server, "b")
    assert refused.status_code == 500 and refused.json()["error"]["code"] == "model_load_failed"
    assert "no room for b" in next(e for e in server.events() if e["message"] == "model failed")["error"]
    assert ask(server, "a").status_code == 200


def test_what_a_server_would_not_start_with_fails_the_check(binary, model, tmp_path, monkeypatch):
    file = tmp_path / "server.yaml"
    entry = {"model": model, "served-model-name": "a"}
    foreign = tmp_path / "foreign.db"
    with contextlib.closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE other (id INTEGER)")
    before = foreign.read_bytes()
    for settings, complaint in [
        ({"models": [entry, {"model": model, "served-model-name": ["b", "a"]}]}, "two models have the name 'a'"),
        ({"models": [entry], "routers": [{"name": "a", "fast": "a", "slow": "a"}]}, "a name that is another's"),
        ({"models": [entry], "default-model": "b"}, "there is no model 'b', but 'a'"),
        ({"model": model, "host": "0.0.0.0"}, "it has no keys"),
        ({"model": model, "api-key-file": str(tmp_path)}, "is a directory"),
        ({"model": model, "prices": "none.yaml"}, "the file of prices none.yaml cannot be read"),
        ({"model": model, "tls-certificate": str(file), "tls-key": str(file)}, "no certificate in PEM"),
        ({"model": model, "chat-template": "none.jinja"}, "neither a file"), ({"models": [entry]}, None),
        ({"model": model, "usage-db": "none/usage.db"}, "is no folder that can be written"),
        ({"model": model, "usage-db": str(foreign)}, "another program's database"),
        ({"model": model, "store": str(foreign)}, "another program's database"),
        ({"model": model, "log-requests": str(tmp_path)}, "is neither a file nor a device"),
        ({"model": model, "log-requests": "none/requests.log"}, "none/requests.log cannot be opened"),
        ({"model": model, "usage-db": "usage.db", "store": "store.db", "log-requests": "requests.log"}, None),
    ]:
        file.write_text(yaml.safe_dump(settings))
        result = subprocess.run(
            [binary, "config", "check", str(file)], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert result.returncode == (1 if complaint else 0) and (complaint or "") in result.stderr, result.stderr
    # Looking changes nothing.
    assert foreign.read_bytes() == before and {path.name for path in tmp_path.iterdir()} == {"server.yaml", "foreign.db"}
    pinned = [{**entry, "served-model-name": name, "pin": True} for name in "ab"]
    file.write_text(yaml.safe_dump({"models": pinned, "models-memory-mib": 200}))
    result = subprocess.run([binary, "config", "check", str(file)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "'a', 'b' are pinned and need" in result.stderr
    monkeypatch.setenv("INFER_SERVE_PROT", "1")
    for command in (["config", "check"], ["serve"]):
        result = subprocess.run([binary, *command, "--config", str(file)], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and "did you mean 'INFER_SERVE_PORT'?" in result.stderr


def test_models_share_the_threads(serve):
    """One that is busy with a long answer leaves the other its part of the time, and both say what they say alone."""
    server = serve([{"served-model-name": "a"}, {"served-model-name": "b", "thread-weight": 2}])
    alone = ask(server, "b", ignore_eos=True).json()["choices"]
    with httpx.stream("POST", server.url + CHAT, json={**server.chat(stream=True, **LONG), "model": "a"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        assert ask(server, "b", ignore_eos=True).json()["choices"] == alone


def test_folders_of_models_are_served_on_demand(binary, model, tmp_path):
    for path in ("one", "org/two", "models--org--three/snapshots/abc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(model)
    with Server(binary, None, "--models-dir", str(tmp_path), "--kv-cache-mib", "64") as server:
        assert states(server) == {"one": "unloaded", "org/two": "unloaded", "org/three": "unloaded"}
        assert ask(server, "org/two").json()["model"] == "org/two"
        found = httpx.get(server.url + "/v1/models/org/three").json()
        assert found["id"] == "org/three" and found["state"] == "unloaded"


def test_the_environment_counts_before_the_file_and_options_before_both(binary, model, tmp_path, monkeypatch):
    file = tmp_path / "server.yaml"
    file.write_text(f"model: {model}\nserved_model_name: file\nmax-context: 100\nmax-queue: 7\n")
    monkeypatch.setenv("INFER_SERVE_CONFIG", str(file))
    monkeypatch.setenv("INFER_SERVE_MAX_CONTEXT", "90")
    monkeypatch.setenv("INFER_SERVE_PORT", "tcp://10.0.0.1:8080")
    with Server(binary, None, "--served-model-name", "option") as server:
        models = httpx.get(server.url + "/v1/models").json()["data"]
        assert [(model["id"], model["max_model_len"]) for model in models] == [("option", 90)]



def test_a_router_chooses_between_models_and_tells_which(serve):
    server = serve(
        [{"served-model-name": "a"}, {"served-model-name": "b"}],
        routers=[{"name": "auto", "fast": "a", "slow": "b", "slow_above": 200},
                 {"name": "modes", "fast": "a", "slow": "a"}], **{"default-model": "auto"})
    for fields, route, model in (
            ({}, "fast", "a"), ({"reasoning_effort": "high"}, "slow", "b"), ({"reasoning_effort": "low"}, "fast", "a"),
            ({"messages": [{"role": "user", "content": "x" * 200}]}, "slow", "b")):
        answer = ask(server, "auto", **fields)
        assert (answer.json()["model"], answer.headers["x-model-route"]) == (model, route)
    body = server.chat(max_tokens=1)
    del body["model"]
    assert server.post(CHAT, body).json()["model"] == "a"
    assert "x-model-route" not in ask(server, "a").headers
    assert states(server) == {"a": "loaded", "b": "loaded", "auto": "router", "modes": "router"}
    assert httpx.get(server.url + "/v1/models/auto").json()["routes"] == {"fast": "a", "slow": "b"}
    # One model in two modes: it thinks, or it does not.
    thinks = {effort: ask(server, "modes", text="What is 47 + 85?", reasoning_effort=effort, max_tokens=64).json()
              ["choices"][0]["message"] for effort in ("low", "high")}
    assert thinks["high"].get("reasoning_content") and not thinks["low"].get("reasoning_content")
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
    assert client.responses.create(model="auto", input="x", reasoning={"effort": "high"}, max_output_tokens=2).model == "b"
