"""Requests that are wrong get a clear answer, and the server goes on."""
import http.client
import json
import socket

import httpx
import openai
import pytest

from server import CONTEXT

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"

BAD = [
    (CHAT, {}, "messages", "missing_required_parameter"),
    (CHAT, {"messages": []}, "messages", "invalid_value"),
    (CHAT, {"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
    (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    (CHAT, {**HELLO, "temperature": -1}, "temperature", "invalid_value"),
    (CHAT, {**HELLO, "temperature": 1e30}, "temperature", "invalid_value"),
    (CHAT, {**HELLO, "top_p": 2}, "top_p", "invalid_value"),
    (CHAT, {**HELLO, "max_tokens": 0}, "max_tokens", "invalid_value"),
    (CHAT, {**HELLO, "max_tokens": "many"}, "max_tokens", "invalid_type"),
    (CHAT, {**HELLO, "min_tokens": 10**9}, "min_tokens", "invalid_value"),
    (TEXT, {"prompt": "x", "min_tokens": 10**9}, "min_tokens", "invalid_value"),
    (CHAT, {**HELLO, "seed": 2**64}, "seed", "invalid_value"),
    (CHAT, {**HELLO, "n": 10**6}, "n", "invalid_value"),
    (CHAT, {**HELLO, "stop": [5]}, "stop[0]", "invalid_type"),
    (CHAT, {**HELLO, "options": {"mirostat": 2}}, "options.mirostat", "unsupported_parameter"),
    (CHAT, {**HELLO, "chat_template": "{{ messages }}"}, "chat_template", "unsupported_parameter"),
    (CHAT, {**HELLO, "documents": [{"text": "x"}]}, "documents", "unsupported_parameter"),
    (TEXT, {"prompt": "x", "truncate_prompt_tokens": 5}, "truncate_prompt_tokens", "unsupported_parameter"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
     "messages[0].content[0].type", "unsupported_parameter"),
    (CHAT, {**HELLO, "tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
    (CHAT, {**HELLO, "response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/x"}}}},
     "response_format.json_schema.schema", "invalid_value"),
    (CHAT, {"messages": [{"role": "user", "content": "seven " * CONTEXT}]}, "messages", "context_length_exceeded"),
    (CHAT, {"messages": [{"role": "user", "content": "7" * 3_000_000}]}, "messages", "context_length_exceeded"),
    (TEXT, {}, "prompt", "missing_required_parameter"),
    (TEXT, {"prompt": ""}, "prompt", "empty_prompt"),
    (TEXT, {"prompt": [[]]}, "prompt", "empty_prompt"),
    (TEXT, {"prompt": [5, 10**6]}, "prompt", "token_out_of_range"),
    (TEXT, {"prompt": [5, -1]}, "prompt[1]", "invalid_value"),
    (TEXT, {"prompt": [5] * (CONTEXT + 1)}, "prompt", "context_length_exceeded"),
    (TEXT, {"prompt": "x", "suffix": "y"}, "suffix", "unsupported_parameter"),
    (TEXT, {"prompt": ["x"] * 400}, "n", "too_many_choices"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path, body, field, code", BAD)
def test_bad_requests_name_the_field(server, path, body, field, code, stream):
    response = server.post(path, {**body, "stream": stream})
    error = response.json()["error"]
    assert response.status_code == 400, error
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"], error["type"]) == (field, code, "invalid_request_error")


@pytest.mark.parametrize("body", [b"", b"{", b"[1, 2]", b"nonsense", b'{"a": \xff}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(server, body):
    response = httpx.post(server.url + CHAT, content=body)
    assert response.status_code == 400 and response.json()["error"]["type"] == "invalid_request_error"


def test_other_models_are_not_found(client, server):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4", messages=HELLO["messages"])
    assert caught.value.code == "model_not_found" and caught.value.param == "model"


def test_the_model_may_be_left_out(server):
    assert server.post(CHAT, {**HELLO, "max_tokens": 1}).status_code == 200


def test_large_bodies_are_refused(start):
    with start("--max-body-kib", "64") as server:
        text = "x" * 100_000
        response = server.post(CHAT, server.chat(text))
        assert response.status_code == 413 and response.json()["error"]["code"] == "request_too_large"

        def chunks():  # no content-length to tell beforehand
            yield b'{"messages": "'
            for _ in range(100):
                yield b"x" * 1000

        assert httpx.post(server.url + CHAT, content=chunks()).status_code == 413
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200


def test_unknown_paths_and_methods(server):
    response = httpx.get(server.url + "/v2/chat")
    assert response.status_code == 404 and response.json()["error"]["code"] == "unknown_url"
    response = httpx.get(server.url + CHAT)
    assert response.status_code == 405 and response.headers["allow"] == "POST"
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert httpx.head(server.url + "/health").status_code == 200


def test_answers_to_head_have_no_body(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for path, status in (("/v2/chat", 404), (CHAT, 405), ("/health", 200)):
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            reader = connection.makefile("rb")
            assert reader.readline().split()[1] == str(status).encode()
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            assert length > 0
            # What follows the head is the next response.
            response = http.client.HTTPResponse(connection)
            response.fp.close()
            response.fp = reader
            response.begin()
            assert response.status == 200 and json.loads(response.read())["status"]


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("content_type, origin, status", [
    ("application/json", None, 200), (FORM, None, 200), (None, None, 200), ("application/json", "http://a.example", 200),
    ("text/plain", None, 415), ("Text/Plain; charset=utf-8", None, 415), ("multipart/form-data; boundary=x", None, 415),
    (FORM, "http://a.example", 403), (None, "null", 403), (FORM, "http://localhost:3000", 200),
])
def test_pages_cannot_send_what_needs_no_permission(server, content_type, origin, status):
    headers = {name: value for name, value in (("content-type", content_type), ("origin", origin)) if value}
    response = httpx.post(server.url + TEXT, content=b'{"prompt": "x", "max_tokens": 1}', headers=headers)
    assert response.status_code == status
    if status == 415:
        error = response.json()["error"]
        assert error["code"] == "unsupported_media_type" and "application/json" in error["message"]
    if status == 403:
        assert response.json()["error"]["code"] == "origin_not_allowed"
    # What has no body is sent as well.
    reset = httpx.post(server.url + "/cache/reset", headers={"origin": origin} if origin else {})
    assert reset.status_code == (200 if origin in (None, "http://localhost:3000") else 403)


def test_paths_do_not_make_series(server):
    for path in ("/made/up", "/v1/models/made-up", "/%00"):
        httpx.get(server.url + path)
    routes = {labels for name, *labels in server.metrics() if name == "infer_http_requests_total" for labels in labels
              if labels[0] == "route"}
    assert not any("made" in route for _, route in routes)
    assert ("route", "/v1/models/{id}") in routes and ("route", "unknown") in routes
