"""What clients and proxies do on the way: codings, expectations, paths, names, silence."""
import gzip
import json
import random
import socket
import time
import zlib

import httpx
import openai
import pytest

from server import CONTEXT, LONG, events

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
BODY = json.dumps({"prompt": "2 + 2", "max_tokens": 2, "temperature": 0}).encode()


def post(server, body, path=TEXT, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(server.url + path, content=body, headers={"content-type": "application/json", **headers}, timeout=60)


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize("coding, encode", [
    ("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress),
    ("deflate", raw_deflate), ("identity", bytes), ("identity, gzip", gzip.compress),
    ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
])
def test_coded_bodies_are_decoded(server, coding, encode):
    plain = post(server, BODY).json()["choices"]
    coded = post(server, encode(BODY), content_encoding=coding)
    assert coded.status_code == 200 and coded.json()["choices"] == plain


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "nonsense"])
def test_unknown_codings_are_named(server, coding):
    response = post(server, BODY, content_encoding=coding)
    assert response.status_code == 415 and response.headers["accept-encoding"] == "gzip, deflate"
    error = response.json()["error"]
    assert coding in error["message"] and "gzip" in error["message"] and error["code"] == "unsupported_content_encoding"


def test_damaged_codings_are_refused(server):
    sound = gzip.compress(BODY)
    damaged = [b"", BODY, sound[:-1], sound[:20], sound + b"x", sound[:-8] + b"\0" * 8]
    for coding, body in [("gzip", body) for body in damaged] + [("deflate", b"\0"), ("deflate", zlib.compress(BODY)[:-2])]:
        response = post(server, body, content_encoding=coding)
        assert response.status_code == 400 and response.json()["error"]["code"] == "invalid_body", body
    generator = random.Random(1)
    for _ in range(100):
        body = bytearray(sound)
        body[generator.randrange(len(body))] ^= 1 << generator.randrange(8)
        assert post(server, bytes(body), content_encoding="gzip").status_code in (200, 400)


def test_a_small_body_cannot_become_a_large_one(start):
    with start("--max-body-kib", "64") as server:
        bomb = gzip.compress(b'{"prompt": "' + b"x" * (1 << 28))
        assert post(server, bomb[:60_000], content_encoding="gzip").status_code == 413
        assert post(server, zlib.compress(b" " * (1 << 24)), content_encoding="deflate").status_code == 413
        assert post(server, gzip.compress(b" " * (64 * 1024 - len(BODY)) + BODY), content_encoding="gzip").status_code == 200


def test_a_byte_order_mark_is_skipped_and_other_encodings_are_named(server):
    assert post(server, b"\xef\xbb\xbf" + BODY).status_code == 200
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        response = post(server, BODY.decode().encode(encoding))
        message = response.json()["error"]["message"]
        assert response.status_code == 400 and message == "The request body is UTF-16 or UTF-32; JSON is sent as UTF-8."


def head(path, *fields):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *fields, "", ""]).encode()


def test_a_client_that_asks_may_send_its_body(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        reader = connection.makefile("rb")
        # Twice, one after another: what follows the first answer is the second request's.
        for _ in range(2):
            connection.sendall(head(TEXT, f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
            assert reader.readline() == b"HTTP/1.1 100 Continue\r\n" and reader.readline() == b"\r\n"
            connection.sendall(BODY)
            assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
            length = next(int(line.split(b":")[1]) for line in reader if line.lower().startswith(b"content-length"))
            while reader.readline() != b"\r\n":
                pass
            assert json.loads(reader.read(length))["choices"]


@pytest.mark.parametrize("path, fields, status", [
    (TEXT, ["Content-Length: 99999999"], 413), (TEXT, ["Content-Length: 9", "Content-Encoding: br"], 415),
    ("/v2/completions", ["Content-Length: 9"], 404), ("/health", ["Content-Length: 9"], 405),
])
def test_a_client_that_asks_in_vain_is_told_at_once(server, path, fields, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head(path, *fields, "Expect: 100-continue"))
        assert connection.makefile("rb").readline().split()[1] == str(status).encode()


def test_what_stands_under_v1_stands_without_it_too(server):
    for path in ("/chat/completions", "/chat/completions/", CHAT + "/", "/v1//chat/completions"):
        assert server.post(path, server.chat(max_tokens=1)).status_code == 200, path
    for path in ("/completions", TEXT + "/"):
        assert post(server, BODY, path).status_code == 200, path
    for path in ("/models", "/v1/models/", f"/models/{server.model}", f"/v1/models/{server.model}/"):
        assert httpx.get(server.url + path).status_code == 200, path
    client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
    assert client.completions.create(model=server.model, prompt="x", max_tokens=1).choices


def test_what_answers_to_get_answers_to_head(server):
    for path in ("/", "/version", "/ping", "/health", "/metrics", "/v1/models", "/models", "/tokenizer_info",
                 f"/v1/models/{server.model}"):
        whole, head = httpx.get(server.url + path), httpx.head(server.url + path)
        assert whole.status_code == head.status_code == 200 and head.content == b"", path
        if path != "/metrics":
            assert whole.headers["content-length"] == head.headers["content-length"]
        refused = httpx.put(server.url + path)
        assert refused.status_code == 405 and refused.headers["allow"].startswith("GET, HEAD"), path
    for path in ("/tokenize", "/detokenize", CHAT, "/completions"):
        refused = httpx.get(server.url + path)
        assert refused.status_code == 405 and refused.headers["allow"] == "POST", path
    assert httpx.post(server.url + "/ping").status_code == 200


def test_the_server_says_what_it_is(server, binary):
    greeting = httpx.get(server.url).json()
    assert greeting["model"] == server.model and greeting["status"] == "ok"
    for endpoint in greeting["endpoints"]:
        method, path = endpoint.split()
        if "{" not in path:
            assert httpx.request(method, server.url + path, json={}).status_code in (200, 400), endpoint
    assert httpx.get(server.url + "/version").json() == {"version": greeting["version"]}


def test_the_tokenizer_can_be_asked(server):
    text = "雞 12 <|im_end|> é"
    answer = server.post("/tokenize", {"model": server.model, "prompt": text, "return_token_strs": True}).json()
    assert answer["count"] == len(answer["tokens"]) == len(answer["token_strs"]) and answer["max_model_len"] == CONTEXT
    assert server.post("/detokenize", {"tokens": answer["tokens"]}).json()["prompt"] == text
    plain = server.post("/tokenize", {"prompt": text}).json()
    assert plain["tokens"] == answer["tokens"] and plain["token_strs"] is None
    llama = server.post("/tokenize", {"content": text}).json()
    assert llama["tokens"] == answer["tokens"]
    chat = {"messages": [{"role": "user", "content": "Hello"}]}
    tokens = server.post("/tokenize", chat).json()["tokens"]
    usage = server.post(CHAT, {**chat, "max_tokens": 1}).json()["usage"]
    assert len(tokens) == usage["prompt_tokens"]
    closed = server.post("/tokenize", {**chat, "add_generation_prompt": False}).json()["tokens"]
    assert len(closed) < len(tokens) and tokens[:len(closed)] == closed
    info = httpx.get(server.url + "/tokenizer_info").json()
    assert {"eos_token", "bos_token", "pad_token"} <= set(info) and "messages" in info["chat_template"]


@pytest.mark.parametrize("path, body, field", [
    ("/tokenize", {}, "prompt"), ("/tokenize", {"prompt": 5}, "prompt"), ("/tokenize", {"messages": []}, "messages"),
    ("/detokenize", {}, "tokens"), ("/detokenize", {"tokens": [10**6]}, "tokens[0]"),
    ("/detokenize", {"tokens": [-1]}, "tokens[0]"), ("/tokenize", {"prompt": "x", "model": "other"}, "model"),
])
def test_wrong_questions_to_the_tokenizer_name_the_field(server, path, body, field):
    response = server.post(path, body)
    assert response.status_code in (400, 404) and response.json()["error"]["param"] == field


def test_a_model_has_the_names_it_is_given(start):
    with start("--served-model-name", "org/tiny,small", "--served-model-name", "é", "tiny-latest") as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        names = ["org/tiny", "small", "é", "tiny-latest"]
        assert [model.id for model in client.models.list()] == names
        for name in names:
            assert client.models.retrieve(name).id == name
            answer = client.completions.create(model=name, prompt="x", max_tokens=1)
            assert answer.model == "org/tiny"
        assert httpx.get(f"{server.url}/models/org/tiny").json()["id"] == "org/tiny"
        # The same to people, other bytes.
        for name in ("tiny", "e\u0301"):
            with pytest.raises(openai.NotFoundError) as caught:
                client.completions.create(model=name, prompt="x", max_tokens=1)
            assert "org/tiny" in caught.value.message
        assert httpx.get(server.url).json()["model"] == "org/tiny"


def test_silence_is_broken_by_comments(start):
    with start("--max-running", "1", "--keep-alive-interval", "0.05") as server:
        body = server.chat(stream=True, **LONG)
        with httpx.stream("POST", server.url + CHAT, json=body, timeout=60) as first:
            running = events(first)
            next(running)
            # While the first runs, the second waits, and is told no event.
            data = json.dumps({**body, "max_tokens": 3}).encode()
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                connection.sendall(head(CHAT, f"Content-Length: {len(data)}", "Connection: close") + data)
                reader = connection.makefile("rb")
                seen = [reader.readline()]
                while seen.count(b": keep-alive\n") < 3:
                    assert (line := reader.readline()) and not line.startswith(b"data:")
                    seen.append(line)
                first.close()
                seen += reader
        # Comments stand between events, never within.
        told = [line.removeprefix(b"data: ") for line in seen if line.startswith(b"data: ")]
        assert len(told) >= 3 and all(json.loads(data) for data in told[:-1]) and told[-1] == b"[DONE]\n"


def test_clients_skip_comments_and_whole_answers_have_none(start):
    with start("--max-running", "1", "--keep-alive-interval", "0.01") as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        long = {"model": server.model, "messages": [{"role": "user", "content": "x"}], "extra_body": {"ignore_eos": True}}
        with client.chat.completions.create(stream=True, max_tokens=1900, temperature=1, seed=1, **long) as busy:
            chunks = iter(busy)
            next(chunks)
            waiting = client.chat.completions.create(stream=True, max_tokens=3, **long)
            time.sleep(0.2)
            busy.close()
            chunks = list(waiting)
            assert chunks[-1].choices[0].finish_reason == "length" and chunks[0].choices[0].delta.role == "assistant"
        response = server.post(CHAT, server.chat(max_tokens=400, ignore_eos=True))
        assert response.status_code == 200 and b"keep-alive" not in response.content
    with start("--keep-alive-interval", "0") as server:
        text = server.post(CHAT, server.chat(stream=True, max_tokens=300, ignore_eos=True)).text
        assert "keep-alive" not in text and "[DONE]" in text
