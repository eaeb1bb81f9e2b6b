"""Text completions and the list of models."""
import openai
import pytest

from server import CONTEXT


def complete(client, server, prompt, **options):
    return client.completions.create(model=server.model, prompt=prompt, temperature=0, **options)


def test_text_and_tokens_are_the_same_prompt(client, server):
    # Greedy, so that the same prompt has the same continuation.
    by_text = complete(client, server, "2 + 2", max_tokens=8)
    assert by_text.object == "text_completion" and by_text.usage.completion_tokens <= 8
    many = complete(client, server, ["2 + 2", "3 + 4"], max_tokens=8, n=2)
    assert [choice.index for choice in many.choices] == [0, 1, 2, 3]
    assert many.choices[0].text == many.choices[1].text == by_text.choices[0].text
    tokens = complete(client, server, [5, 17, 9], max_tokens=8)
    lists = complete(client, server, [[5, 17, 9], [5, 17, 9, 11]], max_tokens=8)
    assert lists.choices[0].text == tokens.choices[0].text
    assert lists.usage.prompt_tokens == 7


def test_default_length_is_sixteen(client, server):
    answer = complete(client, server, "2 + 2", extra_body={"ignore_eos": True})
    assert answer.usage.completion_tokens == 16


def test_a_default_length_yields_to_the_context(client, server):
    long = complete(client, server, [[5] * (CONTEXT - 8)], extra_body={"ignore_eos": True})
    assert long.usage.completion_tokens == 8 and long.choices[0].finish_reason == "length"


def test_echo_and_stream(client, server):
    whole = complete(client, server, "2 + 2", max_tokens=8, echo=True)
    assert whole.choices[0].text.startswith("2 + 2")
    chunks = list(complete(client, server, "2 + 2", max_tokens=8, echo=True, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_logprobs(client, server):
    answer = complete(client, server, "2 + 2", max_tokens=5, logprobs=2, extra_body={"ignore_eos": True})
    logprobs = answer.choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset) == 5
    for token, logprob, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs):
        assert top[token] == logprob == max(top.values())


def test_stop_tokens(client, server):
    free = complete(client, server, "2 + 2", max_tokens=5, logprobs=0, extra_body={"ignore_eos": True})
    assert free.usage.completion_tokens == 5
    stopped = complete(client, server, "2 + 2", max_tokens=5, extra_body={"stop_token_ids": list(range(1024))})
    assert stopped.usage.completion_tokens == 1 and stopped.choices[0].text == ""
    assert stopped.choices[0].finish_reason == "stop"


def test_models(client, server):
    models = list(client.models.list())
    assert [model.id for model in models] == [server.model]
    assert client.models.retrieve(server.model).id == server.model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
