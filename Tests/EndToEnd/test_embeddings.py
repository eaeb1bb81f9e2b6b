"""Embeddings through the official client with its defaults, and what is made of them."""
import base64
import json
import math
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest

from server import CONTEXT, Server

TEXTS = ["2+2=4", "雞兔同籠，上有35頭", "What is 47 + 85?", "a" * 300]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def embed(client, server, texts, **options):
    response = client.embeddings.create(model=server.model, input=texts, **options)
    assert [entry.index for entry in response.data] == list(range(len(response.data)))
    return [entry.embedding for entry in response.data]


def test_vectors(client, server):
    response = client.embeddings.create(model=server.model, input=TEXTS)
    vectors = [entry.embedding for entry in response.data]
    assert {len(vector) for vector in vectors} == {256}
    counts = [server.post("/tokenize", {"prompt": text}).json()["count"] for text in TEXTS]
    assert response.usage.prompt_tokens == response.usage.total_tokens == sum(counts)
    for vector, text in zip(vectors, TEXTS):
        assert math.isclose(sum(x * x for x in vector), 1, rel_tol=1e-5)
        # Alone and beside others it is the same, as numbers and as bytes.
        (alone,) = embed(client, server, text, encoding_format="float")
        assert cosine(alone, vector) > 0.9999
    told = server.post("/v1/embeddings", {"input": TEXTS[0], "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert list(struct.unpack("<256f", base64.b64decode(told))) == pytest.approx(vectors[0], abs=1e-3)
    assert cosine(vectors[0], vectors[1]) < 0.999


def test_tokens_are_texts(client, server):
    tokens = [server.post("/tokenize", {"prompt": text}).json()["tokens"] for text in TEXTS]
    vectors = embed(client, server, TEXTS)
    for given, expected in zip(embed(client, server, tokens) + embed(client, server, tokens[0]), vectors + vectors[:1]):
        assert cosine(given, expected) > 0.9999


def test_names_of_special_tokens_are_those_tokens(client, server):
    text = "a <|user|> b"
    ids = server.post("/tokenize", {"prompt": text}).json()["tokens"]
    plain = sum((server.post("/tokenize", {"prompt": c, "add_special_tokens": False}).json()["tokens"] for c in text), [])
    assert len(ids) < len(plain)
    (told,), (given,), (other,) = (embed(client, server, each) for each in (text, ids, plain))
    assert cosine(told, given) > 0.9999 > cosine(told, other)


def test_forms(client, server):
    (whole,) = embed(client, server, TEXTS[1])
    (short,) = embed(client, server, TEXTS[1], dimensions=16)
    assert len(short) == 16 and math.isclose(sum(x * x for x in short), 1, rel_tol=1e-5)
    assert cosine(short, whole[:16]) > 0.9999
    (mean,) = embed(client, server, TEXTS[1], extra_body={"pooling": "mean"})
    (last,) = embed(client, server, TEXTS[1], extra_body={"pooling": "last"})
    assert cosine(last, whole) > 0.9999 > cosine(mean, whole)
    (long,) = embed(client, server, TEXTS[1], extra_body={"normalize": False})
    assert cosine(long, whole) > 0.9999 and not math.isclose(sum(x * x for x in long), 1, rel_tol=1e-2)


def test_a_model_says_how(binary, model, tmp_path_factory):
    """Pooling and normalisation come from sentence-transformers' files, and pooling from the option before them."""
    from pathlib import Path
    folder = tmp_path_factory.mktemp("models") / "described"
    (folder / "1_Pooling").mkdir(parents=True)
    for file in Path(model).iterdir():
        (folder / file.name).symlink_to(file.resolve())
    modules = [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
               {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    pooling = {"word_embedding_dimension": 256, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))

    def vector(server, **options):
        return server.post("/v1/embeddings", {"input": TEXTS[1], **options}).json()["data"][0]["embedding"]

    with Server(binary, str(folder)) as server:
        mean = vector(server)
        assert mean == pytest.approx(vector(server, pooling="mean", normalize=False), abs=1e-3)
        assert not math.isclose(sum(x * x for x in mean), 1, rel_tol=1e-2)
    with Server(binary, str(folder), "--pooling", "last") as server:
        assert cosine(vector(server), mean) < 0.9999 < cosine(vector(server, pooling="mean"), mean)
    pooling = {"pooling_mode_max_tokens": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    with Server(binary, str(folder)) as server:
        refused = server.post("/v1/embeddings", {"input": "x"})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "pooling"
        assert len(vector(server, pooling="last")) == 256


def test_many_inputs_share_a_small_server(start):
    """More than run and wait at once; answers go on beside them."""
    with start("--max-running", "2", "--max-queue", "1") as server, ThreadPoolExecutor() as pool:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)
        many = pool.submit(embed, client, server, [f"text {i}" for i in range(60)])
        vectors = many.result()
        assert len(vectors) == 60 and cosine(vectors[7], embed(client, server, "text 7")[0]) > 0.999


REFUSALS = [
    ({"input": ""}, "input"), ({"input": []}, "input"), ({"input": 7}, "input"), ({}, "input"),
    ({"input": ["a", 7]}, "input[1]"), ({"input": ["a", ""]}, "input[1]"), ({"input": [1, 99999]}, "input"),
    ({"input": [[1], [-1]]}, "input[1][0]"), ({"input": ["a"] * 3000}, "input"),
    ({"input": ["a", "word " * CONTEXT]}, "input[1]"), ({"input": "a", "dimensions": 257}, "dimensions"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"), ({"input": "a", "pooling": "max"}, "pooling"),
    ({"input": "a", "truncate_prompt_tokens": 5}, "truncate_prompt_tokens"),
]


@pytest.mark.parametrize("body, param", REFUSALS, ids=range(len(REFUSALS)))
def test_refusals_name_what_is_wrong(server, body, param):
    refused = server.post("/v1/embeddings", body)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == param, refused.text


def test_a_time_limit(start):
    with start() as server:
        late = server.post("/v1/embeddings", {"input": [TEXTS[3] * 2] * 500, "timeout": 0.05})
        assert late.status_code == 504
        assert server.post("/v1/embeddings", {"input": "a"}).status_code == 200


def test_reranking(server):
    documents = ["What is 47 + 85?", {"text": "雞兔同籠，上有35頭"}, "47 + 85 = 132"]
    body = {"query": "What is 47 + 85?", "documents": documents}
    answer = server.post("/v1/rerank", body).json()
    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2]
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    best = answer["results"][0]
    assert best["index"] == 0 and best["relevance_score"] > 0.999 and best["document"] == {"text": documents[0]}
    (only,) = server.post("/v1/rerank", {**body, "top_n": 1, "return_documents": False}).json()["results"]
    assert only["index"] == 0 and "document" not in only
    pairs = {"text_1": body["query"], "text_2": [documents[0], documents[1]["text"], documents[2]]}
    told = server.post("/v1/score", pairs).json()
    by_index = {result["index"]: result["relevance_score"] for result in answer["results"]}
    assert [entry["score"] for entry in told["data"]] == pytest.approx([by_index[i] for i in range(3)], abs=1e-3)
    same = server.post("/score", {"queries": TEXTS[:2], "documents": TEXTS[:2]}).json()["data"]
    assert [entry["score"] for entry in same] == pytest.approx([1, 1], abs=1e-3)
    for path, wrong, param in [
            ("/v1/rerank", {"query": "x"}, "documents"), ("/v1/rerank", {"documents": ["x"]}, "query"),
            ("/v1/rerank", {"query": "x", "documents": ["a", {}]}, "documents[1].text"),
            ("/v1/rerank", {"query": "x", "documents": ["a", ""]}, "documents[1]"),
            ("/v1/score", {"text_1": ["a", "b"], "text_2": ["c"]}, "text_2"), ("/v1/score", {"text_1": "a"}, "text_2")]:
        refused = httpx.post(server.url + path, json=wrong)
        assert refused.status_code == 400 and refused.json()["error"]["param"] == param, refused.text


def test_a_model_without_a_head_embeds_and_answers_nothing(binary, model, server, tmp_path):
    for file in Path(model).iterdir():
        (tmp_path / file.name).symlink_to(file)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config |= {"tie_word_embeddings": False, "architectures": ["HunyuanT1Model"]}
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with Server(binary, str(tmp_path)) as bare:
        told = [s.post("/v1/embeddings", {"input": TEXTS[0]}).json()["data"][0]["embedding"] for s in (server, bare)]
        assert told[0] == pytest.approx(told[1], abs=1e-4)
        for path, body in [
            ("/v1/completions", {"prompt": "2+2="}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "2+2="}]}),
        ]:
            refused = bare.post(path, {"model": bare.model} | body)
            assert refused.status_code == 400 and refused.json()["error"]["code"] == "no_head"
