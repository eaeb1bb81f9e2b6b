"""The log of whole requests and answers."""
import json
import signal
import stat
import subprocess
import time

import anthropic
import httpx
import ollama
import openai

from server import LONG, events, wait_until

CHAT = "/v1/chat/completions"
KEY = "sk-a-secret-that-nobody-may-read"


def lines(path, count):
    """So many lines, as soon as they are there, and no others."""
    def read():
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        found = [json.loads(line) for line in text.splitlines()] if text.endswith("\n") else []
        return found if len(found) >= count else None

    found = wait_until(read, 20, f"{count} lines in {path}")
    assert len(found) == count, [line["endpoint"] for line in found]
    return found


def test_all_interfaces_are_logged_whole(start, tmp_path):
    path = tmp_path / "requests.jsonl"
    with start("--log-requests", str(path), "--api-key", KEY) as server:
        headers = {"authorization": f"Bearer {KEY}", "x-request-id": "mine"}
        client = openai.OpenAI(base_url=server.url + "/v1", api_key=KEY)
        body = server.chat("What is 47 + 85?", max_tokens=200, temperature=0)
        told = server.post(CHAT, body, headers=headers).json()
        [line] = lines(path, 1)
        message = told["choices"][0]["message"]
        assert line["id"] == "mine" and line["key"] == "api-key#1" and line["model"] == server.model
        assert line["endpoint"] == f"POST {CHAT}" and line["status"] == 200 and line["client"] == "127.0.0.1"
        assert line["request"] == body and "error" not in line
        assert line["answers"] == [{
            "reasoning": message["reasoning_content"], "content": message["content"], "finish_reason": "stop"}]
        assert line["usage"]["prompt_tokens"] == told["usage"]["prompt_tokens"]
        assert line["usage"]["generated_tokens"] == told["usage"]["completion_tokens"]
        times = line["times"]
        parts = [times["queue_ms"], times["prefill_ms"], times["decode_ms"]]
        assert all(part >= 0 for part in parts) and 0 < sum(parts) <= times["total_ms"] + 0.01
        assert abs(time.time() - time.mktime(time.strptime(line["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60

        # Streams say the same.
        stream = httpx.post(server.url + CHAT, json={**body, "stream": True}, headers=headers)
        assert stream.text.endswith("[DONE]\n\n")
        line = lines(path, 2)[1]
        assert line["answers"][0]["content"] == message["content"] and line["request"]["stream"] is True

        text = client.completions.create(model=server.model, prompt="2 + 2", max_tokens=4, n=2, temperature=1)
        chunks = client.completions.create(
            model=server.model, prompt="2 + 2", max_tokens=4, stream=True, extra_body={"ignore_eos": True})
        streamed = "".join(chunk.choices[0].text for chunk in chunks)
        response = client.responses.create(model=server.model, input="Hello", max_output_tokens=8)
        background = client.responses.create(
            model=server.model, input="Good day", max_output_tokens=30, background=True)
        while background.status in ("queued", "in_progress"):
            background = client.responses.retrieve(background.id)
        found = lines(path, 6)
        assert [answer["content"] for answer in found[2]["answers"]] == [choice.text for choice in text.choices]
        assert found[3]["answers"] == [{"content": streamed, "finish_reason": "length"}]
        said = "".join(part.text for item in response.output for part in item.content or [])
        assert (found[4]["answers"][0].get("reasoning") or "") + found[4]["answers"][0]["content"] == said
        assert found[5]["request"]["background"] is True
        assert found[5]["usage"]["generated_tokens"] == background.usage.output_tokens

        message = anthropic.Anthropic(base_url=server.url, api_key=KEY).messages.create(
            model=server.model, max_tokens=5, messages=[{"role": "user", "content": "x"}])
        answer = ollama.Client(server.url, headers={"authorization": f"Bearer {KEY}"}).chat(
            server.model, [{"role": "user", "content": "x"}], options={"num_predict": 5})
        client.embeddings.create(model=server.model, input="a b c")
        found = lines(path, 9)[6:]
        assert [line["endpoint"] for line in found] == ["POST /v1/messages", "POST /api/chat", "POST /v1/embeddings"]
        assert found[0]["usage"]["generated_tokens"] == message.usage.output_tokens
        assert found[1]["answers"][0]["content"] == answer.message.content
        assert "answers" not in found[2] and found[2]["usage"]["prompt_tokens"] > 0

        # Looking at the server is no request for work.
        assert httpx.get(server.url + "/v1/models", headers=headers).status_code == 200
        lines(path, 9)
        server.signal()
        assert server.exit_code() == 0
    assert KEY not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_refused_requests_and_broken_streams_are_logged(start, tmp_path):
    path = tmp_path / "requests.jsonl"
    with start("--log-requests", str(path), "--api-key", KEY) as server:
        headers = {"authorization": f"Bearer {KEY}"}
        assert server.post(CHAT, server.chat("Guess", temperature=-1), headers=headers).status_code == 400
        assert httpx.post(server.url + CHAT, content="{\"a\n", headers=headers).status_code == 400
        assert server.post(CHAT, server.chat("Nobody may know")).status_code == 401
        # A key within a body is none in the log.
        assert server.post(CHAT, server.chat(f"My key is {KEY}", max_tokens=1), headers=headers).status_code == 200
        with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, **LONG), headers=headers) as answer:
            for _ in events(answer):
                break
        found = lines(path, 5)
        assert [line["status"] for line in found] == [400, 400, 401, 200, 200]
        assert found[0]["error"]["param"] == "temperature" and found[0]["request"]["temperature"] == -1
        assert found[1]["request_text"] == "{\"a\n" and found[1]["error"]["code"] == "invalid_json"
        assert found[2]["error"]["code"] == "invalid_api_key" and "request" not in found[2]
        assert found[3]["request"]["messages"][0]["content"] == "My key is [API key]"
        assert found[4]["error"]["code"] == "client_closed" and found[4]["answers"][0]["finish_reason"] == "abort"
        # No prompt is in the usual log.
        assert server.events() and not any("Guess" in json.dumps(event) for event in server.events())


def test_files_make_way_and_are_opened_anew(start, tmp_path):
    path = tmp_path / "requests.jsonl"
    with start("--log-requests", str(path), "--log-requests-max-mib", "1", "--log-requests-keep", "1") as server:
        long = "x" * 400_000
        for _ in range(6):
            # Refused for its length, which costs nothing.
            assert server.post(CHAT, server.chat(long)).status_code == 400
        wait_until(lambda: path.with_name("requests.jsonl.1").exists() and path.exists())
        sizes = sorted(file.name for file in tmp_path.iterdir())
        assert sizes == ["requests.jsonl", "requests.jsonl.1"]
        lines(path, 2)
        moved = tmp_path / "moved"
        path.rename(moved)
        server.signal(signal.SIGHUP)
        server.wait_for_event("request log opened")
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        lines(path, 1)
        lines(moved, 2)


def test_serving_goes_on_when_the_disk_is_full(start, binary, tmp_path):
    # The limit of files is that of the log as well, which is far from it.
    path = tmp_path / "requests.jsonl"
    with start("--log-requests", str(path), limits="-f 256") as server:
        for _ in range(6):
            assert server.post(CHAT, server.chat("x" * 100_000)).status_code == 400
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        told = server.wait_for_event("requests are not logged")
        assert "file too large" in told["error"]
        wait_until(lambda: server.metric("request_log_lines_dropped_total", reason="file") == 4)
        assert sum(event["message"] == "requests are not logged" for event in server.events()) == 1
        # What is there is whole, and small lines still fit.
        assert len(lines(path, 3)) == 3
        server.wait_for_event("requests are logged again")
    with start("--log-requests", "/dev/full") as server:
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        assert "no space left" in server.wait_for_event("requests are not logged")["error"]
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
    run = subprocess.run(
        [binary, "serve", "--model", "x", "--log-requests", str(tmp_path / "no" / "file")], capture_output=True, text=True)
    assert run.returncode != 0 and "--log-requests" in run.stderr and "no such file" in run.stderr
