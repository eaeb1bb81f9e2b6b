"""The tokens that keys and models use."""
import json
import random
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import anthropic
import httpx
import openai

CHAT = "/v1/chat/completions"


def usage(server, **query):
    key = query.pop("key", None)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.get(server.url + "/usage", params=query, headers=headers)


def totals(server, **query):
    data = usage(server, by="", **query).json()["data"]
    return data[0] if data else {"requests": 0, "prompt_tokens": 0, "generated_tokens": 0}


def test_every_way_of_asking_is_counted(start, tmp_path):
    with start("--usage-db", str(tmp_path / "u.db")) as server:
        told = []
        answer = server.post(CHAT, server.chat("What is 47 + 85?", max_tokens=30)).json()["usage"]
        told.append((answer["prompt_tokens"], answer["completion_tokens"]))
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
        stream = client.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hello"}], stream=True, max_tokens=9,
            stream_options={"include_usage": True})
        last = [chunk for chunk in stream][-1].usage
        told.append((last.prompt_tokens, last.completion_tokens))
        answer = client.responses.create(model=server.model, input="x", max_output_tokens=5).usage
        told.append((answer.input_tokens, answer.output_tokens))
        answer = client.responses.create(model=server.model, input="y", max_output_tokens=5, background=True)
        while answer.status in ("queued", "in_progress"):
            answer = client.responses.retrieve(answer.id)
        told.append((answer.usage.input_tokens, answer.usage.output_tokens))
        answer = anthropic.Anthropic(base_url=server.url, api_key="none").messages.create(
            model=server.model, max_tokens=5, messages=[{"role": "user", "content": "x"}]).usage
        told.append((answer.input_tokens + (answer.cache_read_input_tokens or 0), answer.output_tokens))
        told.append((client.embeddings.create(model=server.model, input="a b c").usage.prompt_tokens, 0))
        counted = totals(server)
        assert counted["requests"] == len(told)
        assert counted["prompt_tokens"] == sum(prompt for prompt, _ in told)
        assert counted["generated_tokens"] == sum(generated for _, generated in told)
        assert counted["reasoning_tokens"] > 0 and counted["seconds"] > 0 and counted["cost"] is None
        # What is refused costs nothing.
        server.post(CHAT, server.chat(temperature=-1))
        assert totals(server)["requests"] == len(told)


def test_keys_see_their_own_and_prices_apply(start, binary, tmp_path):
    keys, prices, database = tmp_path / "keys.json", tmp_path / "prices.yaml", tmp_path / "u.db"
    add = [binary, "keys", "add", "--file", str(keys)]
    ann, bob, root = (
        subprocess.run([*add, name, *more], capture_output=True, text=True, check=True).stdout.split()[-1]
        for name, more in (("ann", []), ("bob", []), ("root", ["--scope", "admin", "--scope", "inference"])))
    prices.write_text("currency: EUR\nmodels: {'*': {input: 1000000, output: 2000000}}")
    with start("--usage-db", str(database), "--prices", str(prices), "--api-key-file", str(keys)) as server:
        for key, tokens in ((ann, 3), (bob, 5), (ann, 4)):
            body = server.chat(max_tokens=tokens, ignore_eos=True)
            assert server.post(CHAT, body, headers={"x-api-key": key}).status_code == 200
        mine = usage(server, key=ann).json()
        assert [(row["key"], row["generated_tokens"]) for row in mine["data"]] == [("ann", 7)]
        assert mine["currency"] == "EUR" and mine["data"][0]["cost"] == mine["data"][0]["prompt_tokens"] + 14
        everything = usage(server, key=root, by="key").json()["data"]
        assert [(row["key"], row["requests"]) for row in everything] == [("ann", 2), ("bob", 1)]
        assert usage(server).status_code == 401
        table = usage(server, key=root, format="csv", by="key,model")
        assert table.headers["content-type"].startswith("text/csv")
        assert table.text.splitlines()[1].startswith(f"ann,{server.model},2,")
        assert usage(server, key=root, by="colour").json()["error"]["param"] == "by"
        assert usage(server, key=root, **{"from": "2999-01-01T00:00:00Z"}).json()["data"] == []
        backwards = {"from": "2999-01-01T00:00:00Z", "to": "1950-01-01T00:00:00Z"}
        assert usage(server, key=root, **backwards).json()["data"] == []
        printed = subprocess.run(
            [binary, "usage", "--usage-db", str(database), "--by", "key", "--format", "csv"],
            capture_output=True, text=True, check=True).stdout
        assert printed.splitlines()[1].startswith("ann,2,")


def whole(server, tokens):
    """The tokens of an answer."""
    return server.post(CHAT, server.chat(max_tokens=tokens, ignore_eos=True)).json()["usage"]["completion_tokens"]


def streamed(server, tokens):
    """The tokens of a stream, once its end is read."""
    body = server.chat(max_tokens=tokens, ignore_eos=True, stream=True, stream_options={"include_usage": True})
    usage = None
    with httpx.stream("POST", server.url + CHAT, json=body, timeout=60) as stream:
        for line in stream.iter_lines():
            if line == "data: [DONE]":
                return usage["completion_tokens"]
            if line:
                usage = json.loads(line.removeprefix("data: "))["usage"] or usage
    raise ValueError("the stream was cut off")


def test_a_killed_server_has_lost_nothing_that_was_answered(start, tmp_path, pytestconfig):
    """`--kills` says how often."""
    database, answered = tmp_path / "u.db", 0
    for _ in range(pytestconfig.getoption("--kills")):
        server = start("--usage-db", str(database))
        done, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    done.append(random.choice((whole, streamed))(server, random.randint(1, 20)))
                except (httpx.HTTPError, ValueError):
                    return

        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(load)
            stop.wait(random.uniform(0.05, 0.4))
            server.signal(signal.SIGKILL)
            stop.set()
        server.__exit__()
        answered += sum(done)
        with start("--usage-db", str(database)) as server:
            counted = totals(server)
        # At most what was under way is counted and was not read.
        assert answered <= counted["generated_tokens"] <= answered + 4 * 20
        answered = counted["generated_tokens"]


def test_serving_goes_on_while_the_file_cannot_be_used(start, tmp_path):
    import sqlite3
    database = tmp_path / "u.db"
    with start("--usage-db", str(database)) as server:
        ask = server.chat(max_tokens=3, ignore_eos=True)
        assert server.post(CHAT, ask).status_code == 200
        with sqlite3.connect(database, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            for _ in range(3):
                assert server.post(CHAT, ask).status_code == 200
            assert server.wait_for_event("database cannot be used")["contents"] == "usage"
            other.execute("COMMIT")
        assert totals(server)["requests"] == 4
