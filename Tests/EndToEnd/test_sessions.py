"""Conversations saved under names, and gone on with after a restart."""
import concurrent.futures
import json
import subprocess
from pathlib import Path

import httpx
import pytest

CHAT = "/v1/chat/completions"
SYSTEM = "You are a careful teacher of arithmetic. " * 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="module")
def own(start, folder):
    with start("--session-dir", str(folder)) as server:
        yield server


def chat(server, messages, **more):
    body = {"model": server.model, "messages": messages, "max_tokens": 24, "temperature": 0, "ignore_eos": True} | more
    response = server.post(CHAT, body)
    assert response.status_code == 200, response.text
    answer = response.json()
    usage = answer["usage"]
    return answer["choices"][0]["message"], usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]


def ask(question, system=SYSTEM):
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


def code(response):
    return response.status_code, response.json()["error"]["code"]


def reset(server):
    assert httpx.post(server.url + "/cache/reset").status_code == 200


def test_a_session_goes_on_after_a_restart(start, tmp_path):
    options = ["--session-dir", str(tmp_path / "new")]
    with start(*options) as server:
        cold, computed = chat(server, ask("What is 3 + 4?"), session_id="lesson-1")
        assert computed > 200
        saved = server.post("/v1/sessions/lesson-1/save", {}).json()
        assert saved["saved_tokens"] > computed and saved["timings"]["save_ms"] > 0
        assert saved["bytes"] == (tmp_path / "new" / "lesson-1.session").stat().st_size
    with start(*options) as server:
        listed = httpx.get(server.url + "/v1/sessions").json()["data"]
        assert listed == [
            {"id": "lesson-1", "object": "session", "tokens": None, "saved": True, "bytes": saved["bytes"]}]
        # A body is not needed.
        restored = httpx.post(server.url + "/v1/sessions/lesson-1/restore").json()
        assert restored["restored_tokens"] == saved["saved_tokens"] and restored["bytes"] == saved["bytes"]
        warm, computed = chat(server, ask("What is 3 + 4?"), session_id="lesson-1")
        assert warm == cold and computed <= 32
        assert httpx.get(server.url + "/v1/sessions").json()["data"][0]["tokens"] > 200
        deleted = httpx.delete(server.url + "/v1/sessions/lesson-1")
        assert deleted.json() == {"id": "lesson-1", "object": "session.deleted", "deleted": True}
        assert httpx.get(server.url + "/v1/sessions").json()["data"] == [] and not list((tmp_path / "new").iterdir())
        assert code(httpx.delete(server.url + "/v1/sessions/lesson-1")) == (404, "session_not_found")


def test_llama_servers_spelling(own, folder):
    prompt = {"prompt": "One, two, three, four, five, six, seven, " * 8, "n_predict": 8, "temperature": 0}
    first = own.post("/v1/completions", prompt | {"id_slot": 3}).json()
    saved = own.post("/slots/3?action=save", {"filename": "slot.bin"}).json()
    assert saved.keys() == {"id_slot", "filename", "n_saved", "n_written", "timings"}
    assert saved["id_slot"] == 3 and saved["filename"] == "slot.bin" and saved["timings"]["save_ms"] > 0
    assert saved["n_saved"] == first["usage"]["total_tokens"] - 1
    assert saved["n_written"] == (folder / "slot.bin.session").stat().st_size
    reset(own)
    restored = own.post("/slots/1?action=restore", {"filename": "slot.bin"}).json()
    assert restored["n_restored"] == saved["n_saved"] and restored["n_read"] == saved["n_written"]
    assert restored["timings"]["restore_ms"] > 0 and restored["id_slot"] == 1
    again = own.post("/v1/completions", prompt | {"id_slot": 1}).json()
    assert again["choices"] == first["choices"]
    usage = again["usage"]
    assert usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"] <= 32
    erased = own.post("/slots/1?action=erase", {}).json()
    assert erased == {"id_slot": 1, "n_erased": usage["total_tokens"] - 1}
    assert code(own.post("/slots/1?action=save", {"filename": "x"})) == (404, "session_not_found")


@pytest.mark.parametrize("path, body, param", [
    ("/slots/0?action=fly", {"filename": "x"}, "action"), ("/slots/0", {"filename": "x"}, "action"),
    ("/slots/-1?action=save", {"filename": "x"}, "id"), ("/slots/one?action=save", {"filename": "x"}, "id"),
    ("/slots/99999999999999999999?action=save", {"filename": "x"}, "id"), ("/slots/0?action=save", {}, "filename"),
    ("/slots/0?action=save", {"filename": 7}, "filename"), ("/slots/0?action=restore", {"filename": "../x"}, "filename"),
    ("/slots/0?action=save", {"filename": "/etc/passwd"}, "filename"),
    ("/v1/sessions/a/save", {"cache_salt": "x" * 1000}, "cache_salt"),
    ("/v1/sessions/a/save", {"cache_salt": 5}, "cache_salt")])
def test_bad_requests_are_refused_by_name(own, path, body, param):
    response = own.post(path, body)
    assert response.status_code == 400 and response.json()["error"]["param"] == param, response.text


@pytest.mark.parametrize("name", [
    "..", ".hidden", "..%2Fx", "a%2Fb", "%2Fetc%2Fpasswd", "a%00b", "caf%C3%A9", "a%20b", "a@b", "x" * 129, "a%5Cb"])
def test_names_are_no_paths(own, folder, name):
    before = sorted(folder.parent.rglob("*"))
    for method, action in [("POST", "/save"), ("POST", "/restore"), ("DELETE", "")]:
        connection = own.connect(
            f"{method} /v1/sessions/{name}{action} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
        connection.close()
        assert answer.split()[1] in (b"400", b"404"), answer
    assert sorted(folder.parent.rglob("*")) == before


def test_unknown_sessions_are_not_found(own):
    assert code(own.post("/v1/sessions/nobody/save", {})) == (404, "session_not_found")
    assert code(own.post("/v1/sessions/nobody/restore", {})) == (404, "session_not_found")
    assert code(httpx.delete(own.url + "/v1/sessions/nobody")) == (404, "session_not_found")


def test_without_a_folder_the_option_is_named(server):
    chat(server, ask("What is 3 + 4?"), session_id="a", id_slot=2)
    for method, path in [
        ("POST", "/v1/sessions/a/save"), ("POST", "/v1/sessions/a/restore"), ("GET", "/v1/sessions"),
        ("DELETE", "/v1/sessions/a"), ("POST", "/slots/2?action=save")]:
        response = httpx.request(method, server.url + path)
        assert response.status_code == 400 and "--session-dir" in response.json()["error"]["message"]


def test_altered_and_foreign_files_are_refused(start, own, folder, tmp_path):
    chat(own, ask("What is 8 + 9?"), session_id="whole")
    assert own.post("/v1/sessions/whole/save", {}).status_code == 200
    whole = (folder / "whole.session").read_bytes()
    for name, content in {
        "cut": whole[:-1], "short": whole[:40], "flipped": whole[:-100] + bytes([whole[-100] ^ 8]) + whole[-99:],
        "header": whole[:30] + bytes([whole[30] ^ 8]) + whole[31:], "text": b"hello", "empty": b"",
        "long": whole + b"x"}.items():
        (folder / f"{name}.session").write_bytes(content)
        before = own.metric("prefix_cache_entries", kind="kv")
        response = own.post(f"/v1/sessions/{name}/restore", {})
        assert code(response) == (422, "session_damaged") and str(folder) not in response.text, response.text
        assert own.metric("prefix_cache_entries", kind="kv") == before
        (folder / f"{name}.session").unlink()
    (folder / "directory.session").mkdir()
    assert own.post("/v1/sessions/directory/restore", {}).status_code == 500
    (folder / "directory.session").rmdir()
    with start("--session-dir", str(folder), "--kv-type", "f32") as other:
        response = other.post("/v1/sessions/whole/restore", {})
        assert code(response) == (409, "session_mismatch") and "f16" in response.json()["error"]["message"]
    with start("--session-dir", str(folder), "--quantize", "Q8_0") as other:
        response = other.post("/v1/sessions/whole/restore", {})
        assert code(response) == (409, "session_mismatch") and "model" in response.json()["error"]["message"]


def test_salts_are_apart(own):
    chat(own, ask("What is 1 + 9?"), session_id="shared-name", cache_salt="alice")
    assert code(own.post("/v1/sessions/shared-name/save", {})) == (404, "session_not_found")
    assert own.post("/v1/sessions/shared-name/save", {"cache_salt": "alice"}).status_code == 200
    for body in ({}, {"cache_salt": "bob"}):
        assert code(own.post("/v1/sessions/shared-name/restore", body)) == (404, "session_not_found")
    reset(own)
    assert own.post("/v1/sessions/shared-name/restore", {"cache_salt": "alice"}).status_code == 200
    assert chat(own, ask("What is 1 + 9?"))[1] > 200
    assert chat(own, ask("What is 1 + 9?"), cache_salt="bob")[1] > 200
    assert chat(own, ask("What is 1 + 9?"), cache_salt="alice")[1] <= 32
    names = [session["id"] for session in httpx.get(own.url + "/v1/sessions").json()["data"]]
    assert "shared-name" not in names
    names = [session["id"] for session in httpx.get(own.url + "/v1/sessions?cache_salt=alice").json()["data"]]
    assert names == ["shared-name"]


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(start, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with start("--session-dir", str(blocked)) as server:
        chat(server, ask("What is 3 + 4?"), session_id="a")
        response = server.post("/v1/sessions/a/save", {})
        assert code(response) == (500, "session_not_written") and str(tmp_path) not in response.text, response.text
        assert blocked.read_text() == "not a folder" and sorted(tmp_path.iterdir()) == [blocked]


def test_a_full_disk_is_told(start, tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("no file system of 64 KiB can be mounted here")
    try:
        with start("--session-dir", str(tmp_path)) as server:
            chat(server, ask("What is 3 + 4?"), session_id="a")
            assert code(server.post("/v1/sessions/a/save", {})) == (507, "insufficient_storage")
            assert not list(tmp_path.iterdir())
            assert chat(server, ask("What is 3 + 4?"))[1] <= 32
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_requests_run_on_while_sessions_are_saved(own):
    expected = chat(own, ask("What is 20 + 30?"), session_id="busy")[0]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        saves = [pool.submit(own.post, "/v1/sessions/busy/save", {}) for _ in range(8)]
        restores = [pool.submit(own.post, "/v1/sessions/busy/restore", {}) for _ in range(4)]
        answers = [pool.submit(chat, own, ask("What is 20 + 30?")) for _ in range(6)]
        assert all(answer.result()[0] == expected for answer in answers)
        assert all(save.result().status_code == 200 for save in saves)
        assert all(restore.result().status_code in (200, 404) for restore in restores)


def test_wrong_types_in_requests_are_refused(own):
    for field, value in [("session_id", 7), ("id_slot", "one"), ("id_slot", -2)]:
        response = own.post(CHAT, own.chat() | {field: value})
        assert response.status_code == 400 and response.json()["error"]["param"] == field
    # Other clients' notes.
    assert own.post(CHAT, own.chat() | {"session_id": "user/12:34", "max_tokens": 1}).status_code == 200


def test_generate_goes_on_from_a_file(binary, model, tmp_path):
    def generate(*options, **more):
        return subprocess.run(
            [binary, "generate", "--model", model, "--prompt", "One, two, three, four, five, six, " * 20,
             "--max-tokens", "8", "--temperature", "0", "--json", *options],
            capture_output=True, text=True, timeout=120, **more)

    file = tmp_path / "state"
    plain = json.loads(generate().stdout)
    first = json.loads(generate("--session", file).stdout)
    size = file.stat().st_size
    second = json.loads(generate("--session", file).stdout)
    assert plain["tokens"] == first["tokens"] == second["tokens"]
    assert first["timings"]["cache_n"] == 0 and second["timings"]["prompt_n"] == 1 and size > 1000
    assert sorted(tmp_path.iterdir()) == [file]
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    result = generate("--session", file)
    assert result.returncode == 1 and "--session" in result.stderr and "damaged" in result.stderr
    assert file.read_bytes() == content[:-1]
    file.write_bytes(content)
    result = generate("--session", file, "--kv-type", "f32")
    assert result.returncode == 1 and "f16" in result.stderr
    result = generate("--session", tmp_path / "none" / "state")
    assert result.returncode == 1 and "--session" in result.stderr
    assert generate("--session", file, "--no-prefix-caching").returncode == 64
