"""The files of the page, as browsers and programs get them."""
import subprocess
from pathlib import Path

import httpx
import pytest

from server import LONG, events, read_answer, request, wait_until

FOLDER = Path(__file__).resolve().parent.parent.parent / "Sources/CPage/page"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".txt": "text/plain; charset=utf-8"}


def path(file):
    return {"index.html": "/", "dashboard.html": "/dashboard", "usage.html": "/usage"}.get(file.name, f"/page/{file.relative_to(FOLDER)}")


@pytest.mark.parametrize("file", sorted(file for file in FOLDER.rglob("*") if file.is_file()), ids=lambda file: file.name)
def test_every_file_is_served_as_it_is(server, file):
    url = server.url + path(file)
    response = httpx.get(url, headers=BROWSER)
    assert response.status_code == 200 and response.content == file.read_bytes()
    assert response.headers["content-type"] == TYPES[file.suffix]
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy and "unsafe" not in policy
    assert "Accept" in response.headers.get("vary", "") or path(file) not in ("/", "/usage")
    # Nothing refers to another place than the server's folder.
    if "vendor" not in file.parts and file.suffix != ".txt":
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and 'src="/' not in text and 'href="/' not in text
    # A client that has it is told so.
    tag = response.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = httpx.get(url, headers=BROWSER | {"if-none-match": known})
        assert again.status_code == 304 and not again.content and again.headers["etag"] == tag
    assert httpx.get(url, headers=BROWSER | {"if-none-match": '"other"'}).status_code == 200
    head = httpx.head(url, headers=BROWSER)
    assert head.status_code == 200 and not head.content and head.headers["etag"] == tag


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/json", "text/html;q=0"])
def test_programs_are_greeted_with_json(server, accept):
    response = httpx.get(server.url + "/", headers={"accept": accept})
    assert response.json()["name"] == "infer-serve" and "Accept" in response.headers["vary"]


@pytest.mark.parametrize("name", ["nothing", "", "../index.html", "index.html", "%2e%2e/index.html", "vendor"])
def test_other_names_are_not_there(server, name):
    # httpx would take dots out of the path.
    status, _, body = read_answer(server.connect(request("GET", f"/page/{name}", Connection="close")))
    assert status == 404 and b"unknown_url" in body
    assert httpx.post(server.url + "/page/main.js").status_code == 405


def test_statistics_tell_what_happened_and_go_on(server):
    before = httpx.get(server.url + "/stats").json()
    assert before["type"] == "history" and before["rows"] and all(len(row) == len(before["columns"]) for row in before["rows"])
    generated = before["columns"].index("generated_tokens")
    with httpx.stream("GET", server.url + "/stats", headers={"accept": "text/event-stream"}, timeout=20) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = events(response)
        first = next(stream)
        assert first["columns"] == before["columns"]
        server.post("/v1/chat/completions", server.chat(max_tokens=9, ignore_eos=True))
        for event in stream:
            assert event["type"] == "readings"
            last = event["rows"][-1]
            if last[generated] - first["rows"][-1][generated] == 9:
                break
        times = [row[0] for row in event["rows"]]
        assert times == sorted(times)
        experts = next(event["experts"] for event in stream if "experts" in event)
        assert [layer["layer"] for layer in experts] == sorted(layer["layer"] for layer in experts)
        assert all(len(layer["rows"]) == 8 and sum(layer["rows"]) > 0 for layer in experts)


def test_a_server_that_drains_does_not_wait_for_dashboards(start):
    with start("--drain-timeout", "20") as server:
        with httpx.stream("GET", server.url + "/stats", headers={"accept": "text/event-stream"}, timeout=20) as response:
            lines = response.iter_lines()
            next(lines)
            server.signal()
            for _ in lines:
                pass
        assert server.exit_code(10) == 0


def test_pages_are_open_and_statistics_tell_keys_of_themselves(start, binary, tmp_path):
    def add(*options):
        command = [binary, "keys", "add", "--file", str(tmp_path / "keys.json"), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    names = {"one": ["inference", "metrics"], "other": ["inference"], "all": ["metrics", "admin"]}
    keys = {name: add(name, *(part for scope in scopes for part in ("--scope", scope))) for name, scopes in names.items()}
    headers = {name: {"authorization": f"Bearer {key}"} for name, key in keys.items()}
    with start("--api-key-file", str(tmp_path / "keys.json")) as server:
        for path in ("/", "/dashboard", "/usage", "/page/main.js"):
            assert httpx.get(server.url + path, headers=BROWSER).status_code == 200
        # A page has no query, and stands where its files are.
        for path in ("/usage?by=key", "/v1/usage"):
            assert httpx.get(server.url + path, headers=BROWSER).status_code == 401
        assert httpx.get(server.url + "/stats").status_code == 401
        assert httpx.get(server.url + "/stats", headers=headers["other"]).status_code == 403
        body = server.chat(max_tokens=5, ignore_eos=True)
        usage = server.post("/v1/chat/completions", body, headers=headers["one"]).json()["usage"]
        server.post("/v1/chat/completions", body, headers=headers["other"])

        def rows(name):
            return {row.pop("key"): row for row in httpx.get(server.url + "/stats", headers=headers[name]).json()["keys"]}

        tokens = {"prompt_tokens": usage["prompt_tokens"], "generated_tokens": 5}
        expected = {"requests": 1, "running": 0, "refused": 0, **tokens, "models": [{"model": "tiny", "running": 0, **tokens}]}
        # What asks is counted when it is answered.
        assert rows("one") == {"one": expected}
        assert rows("all")["other"] == expected | {"requests": 2, "refused": 1}
        # Tokens are counted as they come, and not again at the end; those of answers that nobody reads too.
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=server.chat(stream=True, **LONG),
                          headers=headers["one"], timeout=30) as response:
            lines = response.iter_lines()
            next(lines)
            counts = wait_until(lambda: (found := rows("one")["one"])["generated_tokens"] > 50 and found)
            assert counts["running"] == 1 and counts["models"][0]["running"] == 1
        whole = wait_until(lambda: next((event for event in server.events() if event.get("finish_reason") == "abort"), None))
        counts = wait_until(lambda: (found := rows("one")["one"])["running"] == 0 and found)
        assert counts["generated_tokens"] == 5 + whole["generated_tokens"]
        answer = httpx.post(server.url + "/v1/responses", json={"model": "tiny", "input": "x", "background": True, "max_output_tokens": 7},
                            headers=headers["one"]).json()
        while answer["status"] in ("queued", "in_progress"):
            answer = httpx.get(server.url + f"/v1/responses/{answer['id']}", headers=headers["one"]).json()
        assert rows("one")["one"]["generated_tokens"] == counts["generated_tokens"] + answer["usage"]["output_tokens"]
        text = httpx.get(server.url + "/metrics", headers=headers["all"]).text
        assert 'infer_key_tokens_total{key="other",model_name="tiny",kind="generated"} 5' in text
        assert 'infer_key_requests_running{key="one",model_name="tiny"} 0.0' in text
