"""Keys: who may do what, how much of it, and how a server follows the changes of their file."""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import anthropic
import httpx
import openai
import pytest

from server import LONG, Server, events, wait_until

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


class KeyFile:
    def __init__(self, binary, path):
        self.binary, self.path = binary, path

    def run(self, command, *options):
        return subprocess.run(
            [self.binary, "keys", command, "--file", str(self.path), *map(str, options)], capture_output=True, text=True,
            timeout=60)

    def add(self, *options):
        result = self.run("add", *options)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def revoke(self, name):
        assert self.run("revoke", name).returncode == 0


@pytest.fixture
def keys(binary, tmp_path):
    return KeyFile(binary, tmp_path / "keys.json")


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def get(server, path, key=None):
    return httpx.get(server.url + path, headers=bearer(key) if key else {})


def complete(server, key, **fields):
    body = {"prompt": "2 + 2", "max_tokens": 2, "temperature": 0, **fields}
    return server.post(TEXT, body, headers=bearer(key))


def refused(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    return response.json()["error"]["message"]


def openai_client(server, key):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60)


def anthropic_client(server, key):
    return anthropic.Anthropic(base_url=server.url, api_key=key, max_retries=0, timeout=60)


def test_clients_know_a_wrong_key_and_use_a_right_one(start):
    key = "sk-a-key-for-everything"
    with start("--api-key", key, "--api-key", "sk-another") as server:
        for wrong in ("sk-a-key-for-everythin", key + "x", "none", ""):
            with pytest.raises(openai.AuthenticationError) as error:
                openai_client(server, wrong or "x").models.list()
            assert error.value.code == "invalid_api_key" and error.value.response.headers["www-authenticate"] == "Bearer"
            assert wrong not in error.value.response.text or not wrong
        with pytest.raises(anthropic.AuthenticationError) as error:
            anthropic_client(server, "none").messages.create(
                model=server.model, max_tokens=2, messages=[{"role": "user", "content": "Hello"}])
        assert error.value.body["error"]["type"] == "authentication_error"
        assert server.post("/api/chat", server.chat()).json().keys() == {"error"}

        client = openai_client(server, key)
        chunks = client.chat.completions.create(**server.chat(), max_tokens=4, stream=True)
        assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
        with anthropic_client(server, key).messages.stream(
                model=server.model, max_tokens=3, messages=[{"role": "user", "content": "Hello"}]) as stream:
            assert stream.get_final_message().usage.output_tokens == 3
        for headers in (bearer("sk-another"), {"Authorization": f"bearer  {key}"}, {"x-api-key": key}, {"api-key": key},
                        {"Authorization": "Basic eDp4", "x-api-key": key}):
            assert httpx.get(server.url + "/v1/models", headers=headers).status_code == 200, headers
        for headers in ({}, {"Authorization": key}, {"Authorization": f"Basic {key}"}, {"Authorization": "Bearer"},
                        {"x-api-key": ""}, {"Cookie": key}):
            refused(httpx.get(server.url + "/v1/models", headers=headers), 401, "invalid_api_key")
        log = server.events()
        assert all(key not in json.dumps(event) for event in log)
        assert {event.get("key") for event in log if event["message"] == "request"} == {None, "api-key#1", "api-key#2"}
        metrics = get(server, "/metrics", key).text
        assert re.search(r'infer_key_refusals_total\{.*key="",reason="invalid"\} \d+', metrics)


def test_a_key_may_come_from_the_environment(binary, model, monkeypatch):
    monkeypatch.setenv("INFER_SERVE_API_KEY", "sk-environment")
    with Server(binary, model) as server:
        assert complete(server, "sk-environment").status_code == 200
        refused(complete(server, "sk-other"), 401, "invalid_api_key")
    monkeypatch.setenv("INFER_SERVE_API_KEY", "")
    result = subprocess.run([binary, "serve", "--model", model, "--port", "0"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "INFER_SERVE_API_KEY must have 1 to 4096 visible characters" in result.stderr


def test_a_load_can_be_sent_with_a_key(start, binary):
    with start("--api-key", "sk-1") as server:
        command = [binary, "bench-serve", "--base-url", server.url, "--num-prompts", "2", "--random-input-len", "4",
                   "--random-output-len", "2", "--api-key"]
        good, bad = (subprocess.run([*command, key], capture_output=True, text=True, timeout=60) for key in ("sk-1", "sk-2"))
        assert good.returncode == 0, good.stderr
        assert bad.returncode == 1 and "401" in bad.stderr


def test_what_tells_of_the_server_alone_is_open(start):
    with start("--api-key", "sk-1") as server:
        for path in ("/", "/health", "/ready", "/ping", "/version", "/docs", "/openapi.json"):
            assert get(server, path).status_code == 200, path
        document = get(server, "/openapi.json").json()
        schemes = document["components"]["securitySchemes"]
        assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}
        # What the document says needs a key is what does.
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method == "$ref":
                    continue
                response = httpx.request(method, server.url + re.sub(r"\{\w+\}", "1", path))
                assert (response.status_code == 401) == ("security" in operation), (method, path)
                if "security" in operation:
                    assert "401" in operation["responses"] and all(
                        name in schemes for way in operation["security"] for name in way)
        assert httpx.post(server.url + "/health").status_code == 405 and get(server, "/nothing").status_code == 404


def test_other_machines_are_not_let_in_without_a_word(binary, model):
    command = [binary, "serve", "--model", model, "--port", "0", "--host"]
    for host in ("0.0.0.0", "::"):
        result = subprocess.run([*command, host], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1
        assert all(word in result.stderr for word in (host, "--api-key ", "--api-key-file", "--allow-anonymous"))
    with Server(binary, model, "--host", "0.0.0.0", "--allow-anonymous") as server:
        assert get(server, "/v1/models").status_code == 200
    with Server(binary, model, "--host", "0.0.0.0", "--api-key", "sk-1") as server:
        assert get(server, "/v1/models").status_code == 401


def test_scopes_divide_the_server(start, keys):
    all_scopes = ["inference", "metrics", "cache", "admin"]
    of = {scope: keys.add(scope, "--scope", scope) for scope in all_scopes}
    with start("--api-key-file", str(keys.path)) as server:
        for scope, key in of.items():
            for needed, path in (("inference", "/v1/models"), ("metrics", "/metrics"), ("cache", "/cache")):
                response = get(server, path, key)
                if scope == needed:
                    assert response.status_code == 200
                else:
                    assert f"'{needed}'" in refused(response, 403, "insufficient_scope")
        assert httpx.post(server.url + "/cache/reset", headers=bearer(of["cache"])).status_code == 200
        refused(httpx.post(server.url + "/cache/reset", headers=bearer(of["inference"])), 403, "insufficient_scope")
        with pytest.raises(openai.PermissionDeniedError):
            openai_client(server, of["metrics"]).models.list()


def test_a_key_has_its_models(start, keys):
    own, other = keys.add("own", "--models", "alias"), keys.add("other", "--models", "elsewhere")
    with start("--api-key-file", str(keys.path), "--served-model-name", "tiny", "alias") as server:
        assert [model["id"] for model in get(server, "/v1/models", own).json()["data"]] == ["tiny", "alias"]
        assert get(server, "/v1/models", other).json()["data"] == []
        assert get(server, "/api/tags", other).json()["models"] == get(server, "/api/ps", other).json()["models"] == []
        refused(get(server, "/v1/models/tiny", other), 403, "model_not_allowed")
        assert complete(server, own, model="tiny").status_code == complete(server, own).status_code == 200
        for fields in ({"model": "tiny"}, {}):
            assert "'tiny'" in refused(complete(server, other, **fields), 403, "model_not_allowed")
        refused(complete(server, own, model="elsewhere"), 404, "model_not_found")


def test_limits_are_told_and_kept(start, keys):
    few = keys.add("few", "--requests-per-minute", 2)
    tokens = keys.add("tokens", "--tokens-per-minute", 100)
    with start("--api-key-file", str(keys.path)) as server:
        first, second, third = (complete(server, few) for _ in range(3))
        assert [response.status_code for response in (first, second, third)] == [200, 200, 429]
        assert [response.headers["x-ratelimit-remaining-requests"] for response in (first, second, third)] == ["1", "0", "0"]
        assert first.headers["x-ratelimit-limit-requests"] == "2" and first.headers["x-ratelimit-reset-requests"] == "30s"
        assert "2 requests a minute" in refused(third, 429, "rate_limit_exceeded")
        assert 1 <= int(third.headers["retry-after"]) <= 30
        with pytest.raises(openai.RateLimitError) as error:
            openai_client(server, few).completions.create(model=server.model, prompt="x", max_tokens=1)
        assert error.value.code == "rate_limit_exceeded"
        with pytest.raises(anthropic.RateLimitError) as error:
            anthropic_client(server, few).messages.create(
                model=server.model, max_tokens=2, messages=[{"role": "user", "content": "Hello"}])
        told = error.value.response.headers
        assert told["anthropic-ratelimit-requests-limit"] == "2" and told["anthropic-ratelimit-requests-remaining"] == "0"
        reset = datetime.fromisoformat(told["anthropic-ratelimit-requests-reset"])
        assert 0 < (reset - datetime.now(timezone.utc)).total_seconds() <= 61
        assert 1 <= int(told["retry-after"]) <= 30 and told["x-ratelimit-limit-requests"] == "2"
        assert not any(name.startswith("anthropic") for name in third.headers)

        # An answer is charged with what it came to, streamed or not, before its client knows that it is over.
        answer = complete(server, tokens, max_tokens=20, ignore_eos=True)
        left = 100 - answer.json()["usage"]["total_tokens"]
        body = {"prompt": "2 + 2", "max_tokens": 90, "ignore_eos": True, "stream": True}
        with httpx.stream("POST", server.url + TEXT, json=body, headers=bearer(tokens), timeout=60) as stream:
            assert left <= int(stream.headers["x-ratelimit-remaining-tokens"]) < left + 10
            assert list(events(stream))[-1] == "[DONE]"
        message = refused(complete(server, tokens), 429, "rate_limit_exceeded")
        assert "100 tokens a minute" in message
        # Paths that take nothing go on.
        assert get(server, "/health").status_code == 200


def test_any_key_reads_its_own_usage_whatever_it_has_left(start, keys, tmp_path):
    few = keys.add("few", "--requests-per-minute", 2, "--tokens-per-minute", 1)
    watcher, root = keys.add("watcher", "--scope", "metrics"), keys.add("root", "--scope", "admin")
    with start("--api-key-file", str(keys.path), "--usage-db", str(tmp_path / "usage.db")) as server:
        assert complete(server, few).status_code == 200
        refused(complete(server, few), 429, "rate_limit_exceeded")
        for _ in range(5):
            told = get(server, "/usage", few)
            assert [(row["key"], row["requests"]) for row in told.json()["data"]] == [("few", 1)]
            assert not any("ratelimit" in name for name in told.headers)
        assert get(server, "/usage", watcher).json()["data"] == []
        assert [row["key"] for row in get(server, "/usage", root).json()["data"]] == ["few"]
        assert get(server, "/usage").status_code == get(server, "/usage", "sk-never").status_code == 401
        responses = get(server, "/openapi.json").json()["paths"]["/usage"]["get"]
        assert responses["security"] and "x-scope" not in responses and "429" not in responses["responses"]


def test_requests_at_the_same_time_are_bounded(start, keys):
    key = keys.add("two", "--max-concurrency", 2)
    body = {"prompt": "x", **LONG, "stream": True}
    with start("--api-key-file", str(keys.path)) as server:
        with httpx.stream("POST", server.url + TEXT, json=body, headers=bearer(key), timeout=60) as stream:
            answer = events(stream)
            assert next(answer)["choices"]
            background = server.post(
                "/v1/responses", {"input": "x", "background": True, "max_output_tokens": 30_000, "ignore_eos": True},
                headers=bearer(key))
            assert background.status_code == 200
            response = complete(server, key)
            assert "2 requests at the same time" in refused(response, 429, "rate_limit_exceeded")
            assert response.headers["retry-after"] == "1"
            assert get(server, "/health").status_code == 200
        # The client is gone, and its place free.
        wait_until(lambda: complete(server, key).status_code == 200)
        for _ in range(20):
            assert complete(server, key).status_code == 200


def test_keys_do_not_see_each_others_sessions_and_responses(start, keys, tmp_path):
    anna, berta = keys.add("anna"), keys.add("berta")
    with start("--api-key-file", str(keys.path), "--session-dir", str(tmp_path / "sessions"), "--store",
               str(tmp_path / "store.sqlite")) as server:
        def post(path, key, **fields):
            return server.post(path, fields, headers=bearer(key))

        assert complete(server, anna, session_id="mine", cache_salt="s").status_code == 200
        assert complete(server, anna, session_id="mine").status_code == 200
        assert complete(server, anna, id_slot=1).status_code == 200
        assert post("/v1/sessions/mine/save", anna).status_code == 200
        assert [session["id"] for session in get(server, "/v1/sessions", anna).json()["data"]] == ["mine"]
        assert get(server, "/v1/sessions", berta).json()["data"] == []
        for path in ("/v1/sessions/mine/save", "/v1/sessions/mine/restore"):
            assert post(path, berta).status_code == 404
        assert post("/slots/1?action=save", berta, filename="slot").status_code == 404
        assert httpx.delete(server.url + "/v1/sessions/mine", headers=bearer(berta)).status_code == 404
        assert post("/v1/sessions/mine/restore", anna).json()["restored_tokens"] > 0

        response = post("/v1/responses", anna, input="2 + 2", max_output_tokens=2).json()["id"]
        running = post("/v1/responses", anna, input="x", background=True, max_output_tokens=30_000,
                       ignore_eos=True).json()["id"]
        for identifier in (response, running):
            assert get(server, f"/v1/responses/{identifier}", anna).status_code == 200
            refused(get(server, f"/v1/responses/{identifier}", berta), 404, "response_not_found")
            refused(get(server, f"/v1/responses/{identifier}/input_items", berta), 404, "response_not_found")
            assert httpx.delete(f"{server.url}/v1/responses/{identifier}", headers=bearer(berta)).status_code == 404
            refused(post(f"/v1/responses/{identifier}/cancel", berta), 404, "response_not_found")
            refused(post("/v1/responses", berta, input="x", previous_response_id=identifier), 400,
                    "previous_response_not_found")
        assert post("/v1/responses", anna, input="x", previous_response_id=response,
                    max_output_tokens=2).status_code == 200
        assert post(f"/v1/responses/{running}/cancel", anna).json()["status"] == "cancelled"


def test_salts_part_the_prefix_cache(start, keys):
    red, also_red, blue, none = (
        keys.add(name, *(["--cache-salt", salt] if salt else []))
        for name, salt in (("red", "r"), ("also-red", "r"), ("blue", "b"), ("none", None)))
    with start("--api-key-file", str(keys.path)) as server:
        def cached(key, **fields):
            answer = complete(server, key, prompt="The quick brown fox. " * 60, **fields).json()
            return answer["usage"]["prompt_tokens_details"]["cached_tokens"]

        assert cached(red) == 0 and cached(also_red) > 0
        assert cached(blue) == cached(none) == 0
        # Whatever a client calls its salt, the key's is beside it.
        assert cached(none, cache_salt="r") == cached(blue, cache_salt="r") == 0
        assert cached(none) > 0


def test_keys_are_revoked_and_expire_while_the_server_runs(start, keys):
    stays, goes = keys.add("stays"), keys.add("goes")
    past = (datetime.now(timezone.utc) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    expired = keys.add("expired", "--expires", past)
    future = keys.add("future", "--expires", "2999-01-01T00:00:00+02:00")
    with start("--api-key-file", str(keys.path)) as server:
        # Nothing tells an expired key from one that never was.
        wrong = complete(server, "sk-never")
        assert complete(server, expired).json() == wrong.json() and complete(server, expired).status_code == 401
        assert complete(server, future).status_code == 200
        body = {"prompt": "x", "max_tokens": 400, "ignore_eos": True, "stream": True}
        with httpx.stream("POST", server.url + TEXT, json=body, headers=bearer(goes), timeout=60) as stream:
            answer = events(stream)
            assert next(answer)["choices"]
            keys.revoke("goes")
            wait_until(lambda: complete(server, goes).status_code == 401)
            # What has begun is finished.
            assert list(answer)[-1] == "[DONE]"
        assert complete(server, stays).status_code == 200
        new = keys.add("goes")
        server.signal(signal.SIGHUP)
        wait_until(lambda: complete(server, new).status_code == 200)
        refused(complete(server, goes), 401, "invalid_api_key")


@pytest.mark.parametrize("damage", ["", b"\xff\xfe", '{"keys": [{"name": "x"}]}', None, "pipe", "folder"])
def test_a_damaged_file_leaves_the_old_keys_in_force(start, keys, damage):
    key = keys.add("name")
    sound = keys.path.read_text()
    with start("--api-key-file", str(keys.path)) as server:
        if damage in (None, "pipe", "folder"):
            keys.path.unlink()
            if damage:
                (os.mkfifo if damage == "pipe" else os.mkdir)(keys.path)
        else:
            keys.path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
        event = server.wait_for_event("keys not read")
        assert str(keys.path) in event["error"]
        assert complete(server, key).status_code == 200
        if damage in ("pipe", "folder"):
            (os.unlink if damage == "pipe" else os.rmdir)(keys.path)
        keys.path.write_text(sound.replace('"name"', '"name"', 1))
        server.wait_for_event("keys read")
        assert complete(server, key).status_code == 200
        # Told once for each state of the file.
        assert len([event for event in server.events() if event["message"] == "keys not read"]) == 1


def test_limits_of_a_running_server_change_with_its_file(start, keys):
    key = keys.add("key", "--requests-per-minute", 1)
    with start("--api-key-file", str(keys.path)) as server:
        assert [complete(server, key).status_code for _ in range(2)] == [200, 429]
        keys.path.write_text(keys.path.read_text().replace('"requests_per_minute" : 1', '"requests_per_minute" : 1000')
                             .replace('"requests_per_minute": 1', '"requests_per_minute": 1000'))
        wait_until(lambda: complete(server, key).status_code == 200)
        assert complete(server, key).headers["x-ratelimit-limit-requests"] == "1000"


def test_two_keys_at_once_have_limits_of_their_own(start, keys):
    one, two = keys.add("one", "--requests-per-minute", 3), keys.add("two", "--requests-per-minute", 5)
    with start("--api-key-file", str(keys.path)) as server, concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda key: (key, complete(server, key).status_code), [one, two] * 12))
    assert codes.count((one, 200)) == 3 and codes.count((two, 200)) == 5
    assert codes.count((one, 429)) == 9 and codes.count((two, 429)) == 7


def test_the_command_makes_lists_and_revokes(keys, binary, model):
    key = keys.add("anna", "--scope", "inference", "cache", "--expires", "2030-01-01T00:00:00Z", "--tokens-per-minute", 9,
                   "--models", "a", "b", "--priority", 3)
    assert re.fullmatch(r"sk-[\w-]{43}", key) and key != keys.add("berta")
    assert key not in keys.path.read_text() and keys.path.stat().st_mode & 0o777 == 0o600
    keys.path.chmod(0o640)
    result = keys.run("add", "anna")
    assert result.returncode == 1 and "has a key of the name 'anna'" in result.stderr
    listed = [json.loads(line) for line in keys.run("list").stdout.splitlines()]
    assert [record["name"] for record in listed] == ["anna", "berta"] and "sha256" not in listed[0]
    assert listed[0].items() >= {"scopes": ["inference", "cache"], "expires": "2030-01-01T00:00:00Z", "priority": 3,
                                 "tokens_per_minute": 9, "models": ["a", "b"]}.items()
    keys.revoke("anna")
    assert keys.path.stat().st_mode & 0o777 == 0o640
    assert [json.loads(line)["name"] for line in keys.run("list").stdout.splitlines()] == ["berta"]
    for command, options, message in [
        ("revoke", ["anna"], "has no key of the name 'anna'"), ("add", ["a b"], "the name must have"),
        ("add", ["a", "--expires", "tomorrow"], "expires"), ("add", ["a", "--requests-per-minute", "0"], "must be between"),
        ("add", ["a", "--scope", "everything"], "everything"),
    ]:
        result = keys.run(command, *options)
        assert result.returncode != 0 and message in result.stderr, result.stderr
    before = keys.path.read_text()
    keys.path.write_text(before[:-3])
    result = keys.run("add", "carla")
    assert result.returncode == 1 and "is no file of keys" in result.stderr and keys.path.read_text() == before[:-3]
    result = subprocess.run(
        [binary, "serve", "--model", model, "--port", "0", "--api-key-file", str(keys.path)], capture_output=True,
        text=True, timeout=60)
    assert result.returncode == 1 and "is no file of keys" in result.stderr


def test_many_editors_lose_no_key(keys):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keys.add, [f"key-{index}" for index in range(24)]))
    assert len(set(made)) == 24 and len(keys.run("list").stdout.splitlines()) == 24
    assert [name for name in os.listdir(keys.path.parent)] == [keys.path.name]
