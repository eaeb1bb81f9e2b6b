"""Log-probabilities of prompts and completions, and choosing by them."""
import math

import openai
import pytest

from server import CONTEXT

TEXT = "/v1/completions"
PROMPT = "🤖 é 雞兔同籠: 2+2=4, 4+5="


def complete(client, server, prompt, **options):
    options = {"temperature": 0, **options}
    return client.completions.create(model=server.model, prompt=prompt, **options)


def tokenize(server, text):
    return server.post("/tokenize", {"prompt": text}).json()["tokens"]


def test_a_prompt_alone_is_scored(client, server):
    tokens = tokenize(server, PROMPT)
    answer = complete(client, server, PROMPT, max_tokens=0, echo=True, logprobs=2)
    choice, logprobs = answer.choices[0], answer.choices[0].logprobs
    assert choice.text == PROMPT and choice.finish_reason == "length"
    assert answer.usage.prompt_tokens == len(tokens) and answer.usage.completion_tokens == 0
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset) == len(tokens)
    assert logprobs.token_logprobs[0] is None and logprobs.top_logprobs[0] is None
    for token, logprob, top in list(zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs))[1:]:
        assert top[token] == logprob <= 0 and len(top) in (2, 3)
        assert list(top.values()) == sorted(top.values(), reverse=True)


def test_offsets_are_places_in_the_text(client, server):
    answer = complete(client, server, PROMPT, max_tokens=4, echo=True, logprobs=0)
    choice = answer.choices[0]
    raw = b""
    for token, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset):
        # Where a token begins within a character, the place is that character's.
        assert offset == len(raw.decode(errors="ignore"))
        if token.startswith("bytes:"):
            raw += bytes.fromhex(token.removeprefix("bytes:").replace("\\x", ""))
        else:
            assert choice.text[offset:].startswith(token)
            raw += token.encode()
    assert raw.decode() == choice.text and any(token.startswith("bytes:") for token in choice.logprobs.tokens)


def test_a_stream_tells_the_same(client, server):
    options = {"max_tokens": 6, "echo": True, "logprobs": 3}
    whole = complete(client, server, PROMPT, **options).choices[0]
    told = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    text = ""
    for chunk in complete(client, server, PROMPT, stream=True, **options):
        text += chunk.choices[0].text
        if chunk.choices[0].logprobs:
            for name, values in told.items():
                values += getattr(chunk.choices[0].logprobs, name)
    assert text == whole.text and told == whole.logprobs.model_dump()


def test_scores_are_those_of_generating(client, server):
    prompt = tokenize(server, "What is 47 + 85?")
    answer = complete(client, server, prompt, max_tokens=12, logprobs=1, extra_body={
        "ignore_eos": True, "return_tokens_as_token_ids": True})
    generated = answer.choices[0].logprobs
    ids = [int(token.removeprefix("token_id:")) for token in generated.tokens]
    assert len(ids) == 12
    # Chunks of few rows: the prompt is read in several steps.
    scored = complete(client, server, [prompt + ids, prompt], max_tokens=0, echo=True, logprobs=1)
    for choice, length in zip(scored.choices, (len(prompt) + 12, len(prompt))):
        assert len(choice.logprobs.tokens) == length
    for own, again in zip(generated.token_logprobs, scored.choices[0].logprobs.token_logprobs[len(prompt):]):
        assert own == pytest.approx(again, abs=2e-3)


def test_a_token_that_ends_the_answer_is_told(client, server):
    """Harnesses of evaluations ask for one token and drop it."""
    prompt = tokenize(server, "2 + 2")
    answer = complete(client, server, prompt, max_tokens=1, echo=True, logprobs=1, extra_body={
        "stop_token_ids": list(range(1024))})
    choice = answer.choices[0]
    assert choice.finish_reason == "stop" and choice.text == "2 + 2"
    assert len(choice.logprobs.token_logprobs) == len(prompt) + 1
    assert choice.logprobs.text_offset[-1] == len("2 + 2")


def test_prompt_logprobs_are_those_of_vllm(client, server):
    tokens = tokenize(server, PROMPT)
    choice = complete(client, server, PROMPT, max_tokens=1, echo=True, logprobs=2, extra_body={
        "prompt_logprobs": 2}).choices[0]
    prompt = choice.model_extra["prompt_logprobs"]
    assert prompt[0] is None and len(prompt) == len(tokens)
    for token, logprob, members in list(zip(tokens, choice.logprobs.token_logprobs, prompt))[1:]:
        own = members[str(token)]
        assert own["logprob"] == logprob and set(own) == {"logprob", "rank", "decoded_token"}
        ranks = {member["rank"]: member["logprob"] for member in members.values()}
        assert {1, 2} <= set(ranks) and len(members) in (2, 3)
        assert [ranks[rank] for rank in sorted(ranks)] == sorted(ranks.values(), reverse=True)
    alone = complete(client, server, PROMPT, max_tokens=1, extra_body={"prompt_logprobs": 0}).choices[0]
    assert alone.logprobs is None and all(len(member) == 1 for member in alone.model_extra["prompt_logprobs"][1:])
    assert "prompt_logprobs" not in complete(client, server, PROMPT, max_tokens=1).choices[0].model_extra


def test_the_best_of_several(client, server):
    options = {"temperature": 1.0, "seed": 7, "max_tokens": 10, "logprobs": 0, "extra_body": {"ignore_eos": True}}

    def likelihood(choice):
        return sum(choice.logprobs.token_logprobs)

    every = complete(client, server, ["2 + 2", "Hello"], n=6, **options)
    best = complete(client, server, ["2 + 2", "Hello"], n=2, best_of=6, **options)
    assert [choice.index for choice in best.choices] == [0, 1, 2, 3]
    for prompt in (0, 1):
        ranked = sorted(every.choices[6 * prompt:6 * prompt + 6], key=likelihood, reverse=True)
        kept = best.choices[2 * prompt:2 * prompt + 2]
        assert [choice.text for choice in kept] == [choice.text for choice in ranked[:2]]
    assert best.usage.completion_tokens == every.usage.completion_tokens == 120
    silent = complete(client, server, "2 + 2", n=1, best_of=6, **{**options, "logprobs": None}).choices[0]
    assert silent.text == best.choices[0].text and silent.logprobs is None


def test_tokens_that_print_alike_have_names_of_their_own(client, server):
    answer = complete(client, server, "雞", max_tokens=4, logprobs=20, temperature=2.0, seed=3)
    for top in answer.choices[0].logprobs.top_logprobs:
        assert len(top) in (20, 21) and "\ufffd" not in "".join(top)
    numbered = complete(client, server, "雞", max_tokens=4, logprobs=20, temperature=2.0, seed=3, extra_body={
        "return_tokens_as_token_ids": True})
    for top, named in zip(numbered.choices[0].logprobs.top_logprobs, answer.choices[0].logprobs.top_logprobs):
        assert all(name.startswith("token_id:") for name in top)
        assert list(top.values()) == list(named.values())


def test_prompts_of_chats_are_scored(server):
    chat = server.chat(n=2, max_tokens=2, temperature=0)
    answer = server.post("/v1/chat/completions", {**chat, "prompt_logprobs": 1}).json()
    tokens = server.post("/tokenize", {"messages": chat["messages"]}).json()["tokens"]
    raw = server.post(TEXT, {"prompt": tokens, "max_tokens": 0, "prompt_logprobs": 1}).json()["choices"][0]
    assert len(answer["prompt_logprobs"]) == len(tokens) == answer["usage"]["prompt_tokens"]
    for one, other in zip(answer["prompt_logprobs"][1:], raw["prompt_logprobs"][1:]):
        assert {key: member["logprob"] for key, member in one.items()} == pytest.approx(
            {key: member["logprob"] for key, member in other.items()}, abs=1e-3)
    assert "prompt_logprobs" not in server.post("/v1/chat/completions", chat).json()
    for field, value in (("best_of", 2), ("prompt_logprobs", 1)):
        refused = server.post("/v1/chat/completions", {**chat, field: value, "stream": True})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == field


@pytest.mark.parametrize("fields, field", [
    ({"best_of": 2, "n": 3}, "best_of"), ({"best_of": 2, "stream": True}, "best_of"), ({"best_of": 0}, "best_of"),
    ({"prompt_logprobs": 2, "stream": True}, "prompt_logprobs"), ({"prompt_logprobs": 21}, "prompt_logprobs"),
    ({"prompt_logprobs": -1}, "prompt_logprobs"), ({"prompt_logprobs": "all"}, "prompt_logprobs"),
    ({"echo": True, "logprobs": 21}, "logprobs"), ({"prompt": [[5] * 2000] * 30, "prompt_logprobs": 20}, "logprobs"), ({"max_tokens": 0, "min_tokens": 1}, "min_tokens"),
])
def test_what_cannot_be_told_is_refused(server, fields, field):
    response = server.post(TEXT, {"prompt": "2 + 2", **fields})
    assert response.status_code == 400 and response.json()["error"]["param"] == field


def test_a_prompt_that_is_only_read_may_fill_the_context(client, server):
    full = complete(client, server, [[5] * CONTEXT], max_tokens=0, echo=True, logprobs=1).choices[0]
    assert len(full.logprobs.tokens) == CONTEXT and not math.isnan(sum(full.logprobs.token_logprobs[1:]))
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, server, [[5] * (CONTEXT + 1)], max_tokens=0)
    assert caught.value.code == "context_length_exceeded"


def test_lm_eval_scores_continuations(server):
    """EleutherAI's harness, where it is installed, against what a request of one's own tells."""
    completions = pytest.importorskip("lm_eval.models.openai_completions")
    instance = pytest.importorskip("lm_eval.api.instance").Instance
    pairs = [("What is 2 + 2?", " 4"), ("雞兔同籠", "，問雞兔各幾何"), ("What is 47 + 85?", " 132"), ("a", "b")]
    requests = [
        instance(request_type="loglikelihood", doc={}, arguments=pair, idx=index) for index, pair in enumerate(pairs)]
    for options in ({"batch_size": 1}, {"batch_size": 4}, {"batch_size": 1, "tokenized_requests": False}):
        harness = completions.LocalCompletionsAPI(
            base_url=server.url + TEXT, model=server.model, tokenizer_backend="remote", **options)
        for (context, continuation), (score, is_greedy) in zip(pairs, harness.loglikelihood(requests)):
            length = len(tokenize(server, context))
            whole = server.post(TEXT, {
                "prompt": tokenize(server, context) + tokenize(server, continuation)
                if options.get("tokenized_requests", True) else context + continuation,
                "max_tokens": 0, "echo": True, "logprobs": 1}).json()["choices"][0]["logprobs"]
            own, tops = whole["token_logprobs"][length:], whole["top_logprobs"][length:]
            assert score == pytest.approx(sum(own), abs=1e-3)
            assert is_greedy == all(value == max(top.values()) for value, top in zip(own, tops))
