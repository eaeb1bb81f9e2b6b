"""Documents ranked by a model's judgement, against a plain computation of the same model.

The model is small and random. Its tokens are those of transformers' tokenizer, its numbers numpy's in double precision.
"""
import json
import math
from pathlib import Path

import httpx
import numpy
import pytest

import reciter
from server import Server

WIDTH, HEADS, KEYS, SIZE, HIDDEN, LAYERS, THETA, EPSILON = 64, 4, 2, 16, 96, 2, 10_000.0, 1e-6
QUERY = "What is 47 + 85?"
DOCUMENTS = ["47 + 85 = 132", "雞兔同籠，上有35頭", "No idea.", "{query} {document}", "a" * 100]
TASK = "Find what is wrong"
USUAL = "Given a web search query, retrieve relevant passages that answer the query"
JUDGE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: %s\n<Query>: %s\n'
    "<Document>: %s<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")
CONTENT = "{{ messages | selectattr('role', 'eq', '%s') | map(attribute='content') | first | default('anything') }}"
ROLES = f"T: {CONTENT}\nQ: {CONTENT}\nD: {CONTENT}<|im_end|>\n<|im_start|>A:" % ("system", "query", "document")


class Judge:
    """The model's files, and what it computes."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        tokenizer = json.loads(reciter.TOKENIZER.read_text(encoding="utf-8"))
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary |= {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        for word in ("yes", "no", "<|im_start|>", "<|im_end|>"):
            vocabulary.setdefault(word, max(vocabulary.values()) + 1)
        for name in ("<|im_start|>", "<|im_end|>"):
            tokenizer["added_tokens"].append({
                "id": vocabulary[name], "content": name, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True})
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(reciter.tokenizer_settings()))
        self.size = (max(vocabulary.values()) + 64) // 64 * 64
        self.yes, self.no = vocabulary["yes"], vocabulary["no"]
        random = numpy.random.default_rng(7)
        shapes = {"model.embed_tokens.weight": (self.size, WIDTH)}
        for layer in range(LAYERS):
            name = f"model.layers.{layer}."
            shapes |= {
                name + "self_attn.q_proj.weight": (HEADS * SIZE, WIDTH), name + "self_attn.k_proj.weight": (KEYS * SIZE, WIDTH),
                name + "self_attn.v_proj.weight": (KEYS * SIZE, WIDTH), name + "self_attn.o_proj.weight": (WIDTH, HEADS * SIZE),
                name + "mlp.gate_proj.weight": (HIDDEN, WIDTH), name + "mlp.up_proj.weight": (HIDDEN, WIDTH),
                name + "mlp.down_proj.weight": (WIDTH, HIDDEN), name + "input_layernorm.weight": (WIDTH,),
                name + "post_attention_layernorm.weight": (WIDTH,), name + "self_attn.q_norm.weight": (SIZE,),
                name + "self_attn.k_norm.weight": (SIZE,)}
        shapes["model.norm.weight"] = (WIDTH,)
        self.weights = {
            name: (random.normal(0, 0.2, shape) + (len(shape) == 1)).astype(numpy.float32) for name, shape in shapes.items()}
        self.tensors = dict(self.weights)
        self.config = {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": self.size, "hidden_size": WIDTH,
            "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "num_key_value_heads": KEYS, "head_dim": SIZE, "hidden_act": "silu", "rms_norm_eps": EPSILON,
            "tie_word_embeddings": True, "attention_bias": False, "max_position_embeddings": 4096, "rope_theta": THETA,
            "eos_token_id": 2}

    def write(self):
        tensors = {name: (list(values.shape), values.tobytes()) for name, values in self.tensors.items()}
        reciter.write_tensors(self.folder / "model.safetensors", tensors)
        (self.folder / "config.json").write_text(json.dumps(self.config))
        return str(self.folder)

    def score(self, prompt):
        from transformers import AutoTokenizer

        tokens = AutoTokenizer.from_pretrained(self.folder)(prompt, add_special_tokens=False)["input_ids"]
        weights = {name: values.astype(numpy.float64) for name, values in self.weights.items()}
        norm = lambda x, name: x / numpy.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weights[name]
        count = len(tokens)
        angles = numpy.outer(numpy.arange(count), THETA ** (-numpy.arange(0, SIZE, 2) / SIZE))
        cosines, sines = (numpy.concatenate([f(angles)] * 2, -1)[:, None] for f in (numpy.cos, numpy.sin))

        def turn(x):
            return x * cosines + numpy.concatenate([-x[..., SIZE // 2:], x[..., :SIZE // 2]], -1) * sines

        x = weights["model.embed_tokens.weight"][tokens]
        for layer in range(LAYERS):
            name = f"model.layers.{layer}."
            y = norm(x, name + "input_layernorm.weight")
            q, k, v = ((y @ weights[f"{name}self_attn.{kind}_proj.weight"].T).reshape(count, -1, SIZE) for kind in "qkv")
            q, k = turn(norm(q, name + "self_attn.q_norm.weight")), turn(norm(k, name + "self_attn.k_norm.weight"))
            k, v = (numpy.repeat(each, HEADS // KEYS, 1) for each in (k, v))
            scores = numpy.einsum("qhd,khd->hqk", q, k) / math.sqrt(SIZE)
            scores = numpy.where(numpy.tril(numpy.ones((count, count), bool)), scores, -numpy.inf)
            scores = numpy.exp(scores - scores.max(-1, keepdims=True))
            mixed = numpy.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(count, -1)
            x = x + mixed @ weights[name + "self_attn.o_proj.weight"].T
            y = norm(x, name + "post_attention_layernorm.weight")
            gate = y @ weights[name + "mlp.gate_proj.weight"].T
            y = gate / (1 + numpy.exp(-gate)) * (y @ weights[name + "mlp.up_proj.weight"].T)
            x = x + y @ weights[name + "mlp.down_proj.weight"].T
        logits = weights["model.embed_tokens.weight"] @ norm(x[-1], "model.norm.weight")
        return 1 / (1 + math.exp(logits[self.no] - logits[self.yes]))


def told_by_an_option(judge):
    return ["--ranking", "judge"]


def told_by_its_tokens(judge):
    judge.config |= {"classifier_from_token": ["no", "yes"], "method": "from_2_way_softmax"}
    return []


def told_by_its_head(judge):
    head = judge.weights["model.embed_tokens.weight"]
    judge.tensors["score.weight"] = (head[judge.yes] - head[judge.no])[None]
    # Converted files may say nothing of the embedding, which is the head no more.
    del judge.config["tie_word_embeddings"]
    judge.config |= {"architectures": ["Qwen3ForSequenceClassification"], "num_labels": 1}
    return []


def told_by_a_module(judge):
    modules = ["base.modules.transformer.Transformer", "cross_encoder.modules.logit_score.LogitScore"]
    (judge.folder / "modules.json").write_text(json.dumps([
        {"idx": i, "path": "1_LogitScore" if i else "", "type": f"sentence_transformers.{name}"}
        for i, name in enumerate(modules)]))
    (judge.folder / "1_LogitScore").mkdir()
    (judge.folder / "1_LogitScore/config.json").write_text(
        json.dumps({"true_token_id": judge.yes, "false_token_id": judge.no}))
    (judge.folder / "chat_template.jinja").write_text(ROLES)
    return []


def prompt(form, document, task=None):
    if form is told_by_a_module:
        return f"T: {task or 'anything'}\nQ: {QUERY}\nD: {document}<|im_end|>\n<|im_start|>A:"
    return JUDGE % (task or USUAL, QUERY, document)


@pytest.mark.parametrize("form", [told_by_an_option, told_by_its_tokens, told_by_its_head, told_by_a_module])
def test_scores_are_the_models(binary, tmp_path, form):
    judge = Judge(tmp_path / "judge")
    options = form(judge)
    expected = [judge.score(prompt(form, document)) for document in DOCUMENTS]
    assert max(expected) - min(expected) > 0.01
    with Server(binary, judge.write(), "--kv-type", "f32", *options) as server:
        body = {"query": QUERY, "documents": DOCUMENTS}
        answer = server.post("/v1/rerank", body).json()
        scores = {result["index"]: result["relevance_score"] for result in answer["results"]}
        assert [scores[i] for i in range(len(DOCUMENTS))] == pytest.approx(expected, abs=1e-4)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        pairs = {"text_1": [QUERY] * 2, "text_2": DOCUMENTS[:2]}
        told = [entry["score"] for entry in server.post("/v1/score", pairs).json()["data"]]
        assert told == pytest.approx(expected[:2], abs=1e-4)
        own = server.post("/v1/rerank", {**body, "documents": DOCUMENTS[:1], "instruction": TASK}).json()
        assert own["results"][0]["relevance_score"] == pytest.approx(judge.score(prompt(form, DOCUMENTS[0], TASK)), abs=1e-4)
        # What prompts begin with is computed once.
        cache = httpx.get(server.url + "/cache").json()
        assert cache["hit_tokens"] > cache["queried_tokens"] / 4 or form is told_by_a_module
        for field, value in [("pooling", "mean"), ("normalize", True), ("add_special_tokens", False)]:
            refused = server.post("/v1/rerank", {**body, field: value})
            assert refused.status_code == 400 and refused.json()["error"]["param"] == field
        long = server.post("/v1/rerank", {"query": "x", "documents": ["a", "word " * 5000]})
        assert long.status_code == 400 and long.json()["error"]["param"] == "documents[1]"
        # It is a model like any other all the same, as far as its files say nothing else.
        assert server.post("/v1/completions", {"prompt": "x", "max_tokens": 2}).status_code == 200


def test_a_file_for_llama_cpp_is_a_judge(binary, tmp_path):
    """The prompt stands in the file as llama.cpp's converter writes it: as a template of its own."""
    import subprocess

    judge = Judge(tmp_path / "judge")
    (judge.folder / "additional_chat_templates").mkdir()
    words = "<|im_start|>Query: {query}\nDocument: {document}<|im_end|>"
    (judge.folder / "additional_chat_templates/rerank.jinja").write_text(words)
    file = tmp_path / "judge.gguf"
    subprocess.run(
        [binary, "quantize", "--model", judge.write(), "--format", "F32", "--output", file], check=True, timeout=60)
    assert b"tokenizer.chat_template.rerank" in file.read_bytes()
    expected = [judge.score(words.format(query=QUERY, document=document)) for document in DOCUMENTS]
    with Server(binary, str(file), "--kv-type", "f32", "--ranking", "judge") as server:
        answer = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS}).json()
        scores = {result["index"]: result["relevance_score"] for result in answer["results"]}
        assert [scores[i] for i in range(len(DOCUMENTS))] == pytest.approx(expected, abs=1e-4)
        refused = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "instruction": TASK})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "instruction"


def test_embeddings_are_compared_without_a_judge(binary, tmp_path, server):
    body = {"query": QUERY, "documents": DOCUMENTS, "instruction": TASK}
    refused = server.post("/v1/rerank", body)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "instruction"
    judge = Judge(tmp_path / "judge")
    told_by_its_tokens(judge)
    with Server(binary, judge.write(), "--ranking", "cosine") as other:
        best = other.post("/v1/rerank", {"query": QUERY, "documents": [*DOCUMENTS, QUERY]}).json()["results"][0]
        assert best["index"] == len(DOCUMENTS) and best["relevance_score"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("change, complaint", [
    ({"classifier_from_token": ["no", "maybe"], "is_original_qwen3_reranker": True}, "names 'maybe', which is no token"),
    ({"classifier_from_token": ["no", "yes"]}, "method: is missing, expected from_2_way_softmax"),
    ({"classifier_from_token": "yes"}, "classifier_from_token: is \"yes\", expected one or two tokens")])
def test_files_that_describe_no_judge(binary, tmp_path, change, complaint):
    import subprocess

    judge = Judge(tmp_path / "judge")
    judge.config |= change
    run = subprocess.run([binary, "serve", "--model", judge.write(), "--port", "0"], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and complaint in run.stderr, run.stderr


def test_a_judge_needs_its_words(binary, model):
    import subprocess

    command = [binary, "serve", "--model", model, "--port", "0", "--ranking", "judge"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and "--ranking judge" in run.stderr and "no token 'yes'" in run.stderr, run.stderr
