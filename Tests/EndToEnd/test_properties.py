"""What the server tells of itself as llama-server does, and of whether it is ready."""
import httpx
import pytest

from server import CONTEXT, LONG, events, wait_until


def test_it_is_ready_while_it_takes_requests(start):
    with start("--drain-timeout", "30") as server:
        assert httpx.get(server.url + "/ready").json()["status"] == "ok"
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=server.chat(stream=True, **LONG), timeout=60) as busy:
            running = events(busy)
            next(running)
            server.signal()
            wait_until(lambda: httpx.get(server.url + "/ready").status_code == 503, what="the end of readiness")
            answer = httpx.get(server.url + "/ready")
            assert answer.json()["status"] == "draining" and answer.headers["retry-after"]


def test_properties(server):
    told = httpx.get(server.url + "/props").json()
    info = httpx.get(server.url + "/tokenizer_info").json()
    assert told["chat_template"] == info["chat_template"] and told["eos_token"] == info["eos_token"]
    settings = told["default_generation_settings"]
    assert settings["n_ctx"] == CONTEXT and settings["params"]["repeat_last_n"] == -1
    assert told["total_slots"] == len(httpx.get(server.url + "/slots").json()) > 0
    assert told["model_alias"] == server.model and "/" not in told["model_path"]
    # They are what a request can say that says the same.
    taken = {name: settings["params"][name] for name in (
        "seed", "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "n_predict",
        "presence_penalty", "frequency_penalty", "mirostat", "stop", "n_keep", "ignore_eos", "stream", "grammar")}
    assert server.post("/v1/completions", {"prompt": "1", **taken, "n_predict": 1}).status_code == 200


def test_slots_are_taken_and_free(start):
    with start("--max-running", "2") as server:
        slots = lambda: httpx.get(server.url + "/slots").json()
        assert [slot["is_processing"] for slot in slots()] == [False, False]
        both = {**server.chat(stream=True, **LONG), "n": 2}
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=both, timeout=60) as busy:
            running = events(busy)
            next(running)
            wait_until(lambda: all(slot["is_processing"] for slot in slots()), what="busy slots")
            full = httpx.get(server.url + "/slots", params={"fail_on_no_slot": 1})
        assert full.status_code == 503 and full.json()["error"]["code"] == "no_slot_available"
        server.wait_until_idle()
        assert httpx.get(server.url + "/slots", params={"fail_on_no_slot": 1}).status_code == 200
        assert httpx.post(server.url + "/slots").status_code == 405


def test_a_template_is_applied(server):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    prompt = server.post("/apply-template", {"messages": messages}).json()
    assert prompt == {"prompt": "<|bos|><|system|>Be brief.<|user|>Hi<|assistant|>"}
    closed = server.post("/apply-template", {"messages": messages, "add_generation_prompt": False}).json()["prompt"]
    assert closed == "<|bos|><|system|>Be brief.<|user|>Hi"
    assert server.post("/apply-template", {"messages": []}).json()["error"]["param"] == "messages"


def test_prompts_are_rendered_as_vllm_does(server):
    chat = server.chat("What is 47 + 85?", max_tokens=1)
    told = server.post("/v1/chat/completions/render", chat).json()
    assert len(told["token_ids"]) == server.post("/v1/chat/completions", chat).json()["usage"]["prompt_tokens"]
    assert told["token_ids"] == server.post("/tokenize", {"messages": chat["messages"]}).json()["tokens"]
    # llm-d's router leaves out what is empty.
    assert server.post("/v1/chat/completions/render", {**chat, "add_generation_prompt": True}).json() == told
    texts = ["Hello", "What is 47 + 85?"]
    told = server.post("/v1/completions/render", {"model": server.model, "prompt": texts}).json()
    assert [each["token_ids"] for each in told] == [server.post("/tokenize", {"prompt": text}).json()["tokens"] for text in texts]
    assert server.post("/v1/completions/render", {"prompt": [5, 6, 7]}).json()[0]["token_ids"] == [5, 6, 7]
    assert server.post("/v1/completions/render", {"prompt": "a", "suffix": "b"}).json()["error"]["param"] == "suffix"
    assert server.post("/v1/chat/completions/render", {"messages": []}).json()["error"]["param"] == "messages"


def test_the_last_message_is_continued(server, client):
    turns = [{"role": "user", "content": "What is 47 + 85?"}, {"role": "assistant", "content": "47 + 85 ="}]
    begun = {"messages": turns, "continue_final_message": True}
    prompt = server.post("/apply-template", begun).json()["prompt"]
    assert prompt.startswith("<|bos|><|user|>What is 47 + 85?<|assistant|>") and prompt.endswith("47 + 85 =")
    options = {"model": server.model, "temperature": 0, "max_tokens": 8}
    answer = client.chat.completions.create(
        messages=turns, extra_body={"continue_final_message": True, "add_generation_prompt": False}, **options)
    text = server.post("/v1/completions", {"prompt": prompt, "add_special_tokens": False, **options}).json()
    assert answer.choices[0].message.content == text["choices"][0]["text"]
    assert answer.usage.prompt_tokens == text["usage"]["prompt_tokens"]
    marked = client.chat.completions.create(messages=[turns[0], {**turns[1], "prefix": True}], **options)
    assert marked.choices[0].message.content == answer.choices[0].message.content
    for more in ({"add_generation_prompt": True}, {"messages": [turns[0], {"role": "assistant", "content": ""}]}):
        assert server.post("/v1/chat/completions", {**begun, **more}).status_code == 400
