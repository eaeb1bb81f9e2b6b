"""Importance matrices: `imatrix` against the same sums in NumPy, and files that `quantize --imatrix` makes with them."""
import json
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest

from tensors import tensors

CONTEXT, PIECES = 128, 3


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    # Of many kinds, so that every expert has rows.
    words = 'the cat sat on 47 mats, 85 - 12 = 73; 雞兔同籠 {"city": "Oslo"} <think> f(x: integer) far over the sea 幾何'.split()
    file.write_text(" ".join(words[i * i % 19] for i in range(1500)) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def imatrix(binary, source, text, tmp_path_factory):
    file = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    result = run(binary, "imatrix", "--model", source, "--text", text, "--output", file, "--context", CONTEXT,
                 "--chunks", PIECES)
    assert result.returncode == 0, result.stderr
    assert f"{PIECES} pieces of text" in result.stdout
    return file


@pytest.fixture(scope="module")
def source(request):
    return request.config.getoption("--model")


def entries(file):
    return {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(file).tensors}


def test_sums_are_those_of_numpy(binary, source, text, imatrix):
    fields = {key: field.contents() for key, field in gguf.GGUFReader(imatrix).fields.items()}
    assert fields["general.type"] == "imatrix" and fields["imatrix.datasets"] == [str(text)]
    assert fields["imatrix.chunk_count"] == PIECES and fields["imatrix.chunk_size"] == CONTEXT
    found = entries(imatrix)
    command = [binary, "tokenize", "--model", source, "--add-special-tokens"]
    lines = subprocess.run(
        command, input=json.dumps(text.read_text(encoding="utf-8")) + "\n", capture_output=True, text=True, timeout=120)
    assert lines.returncode == 0, lines.stderr
    tokens = np.array(json.loads(lines.stdout))[:CONTEXT * PIECES]
    if tokens[0] == 1:
        tokens[::CONTEXT] = 1
    weights = tensors(Path(source) / "model.safetensors")
    x = weights["model.embed_tokens.weight"].astype(np.float64)[tokens]
    x *= weights["model.layers.0.norm.weight"] / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    name = "model.layers.0.mamba.in_proj.weight"
    np.testing.assert_allclose(found[f"{name}.in_sum2"].ravel(), (x * x).sum(0), rtol=1e-4)
    assert found[f"{name}.counts"].ravel() == [len(tokens)]
    # Every row goes to two of the experts.
    counts = [found[f"model.layers.1.mlp.experts.{e}.up_proj.weight.counts"].item() for e in range(8)
              if f"model.layers.1.mlp.experts.{e}.up_proj.weight.counts" in found]
    assert sum(counts) == 2 * len(tokens)
    # Of the head nothing was asked.
    assert "model.embed_tokens.weight.counts" not in found


def test_texts_add_up(binary, source, text, imatrix, tmp_path):
    parts = []
    for first, count in ((0, 1), (1, PIECES - 1)):
        parts.append(tmp_path / f"{first}.gguf")
        result = run(binary, "imatrix", "--model", source, "--text", text, "--output", parts[-1], "--context", CONTEXT,
                     "--skip-chunks", first, "--chunks", count)
        assert result.returncode == 0, result.stderr
    both = tmp_path / "both.gguf"
    result = run(binary, "imatrix", "--model", source, "--in-file", parts[0], "--in-file", parts[1], "--output", both)
    assert result.returncode == 0, result.stderr
    whole, sums = entries(imatrix), entries(both)
    assert whole.keys() == sums.keys()
    for name in whole:
        np.testing.assert_allclose(sums[name], whole[name], rtol=1e-3)


@pytest.mark.parametrize("name", ["IQ3_XXS", "IQ2_S", "IQ1_M", "Q4_K_M"])
def test_models_are_quantised_with_it(binary, source, text, imatrix, tmp_path, name):
    file = tmp_path / "model.gguf"
    result = run(binary, "quantize", "--model", source, "--format", name, "--imatrix", imatrix, "--output", file)
    assert result.returncode == 0, result.stderr
    fields = {key: field.contents() for key, field in gguf.GGUFReader(file).fields.items()}
    assert fields["quantize.imatrix.chunks_count"] == PIECES
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    wanted = "Q4_K" if name == "Q4_K_M" else name
    assert tensors["model.layers.0.mamba.in_proj.weight"].tensor_type.name == wanted
    again = run(binary, "perplexity", "--model", file, "--file", text, "--context", CONTEXT, "--windows", 1)
    assert again.returncode == 0, again.stderr


def test_what_is_missing_is_named(binary, source, text, imatrix, tmp_path):
    file = tmp_path / "model.gguf"
    command = ["quantize", "--model", source, "--format", "IQ2_XS", "--output", file]
    result = run(binary, *command)
    assert result.returncode != 0 and "infer-serve imatrix" in result.stderr and not file.exists()
    result = run(binary, "quantize", "--model", source, "--format", "Q8_0", "--head-format", "IQ1_S", "--output", file)
    assert result.returncode != 0 and "--head-format IQ1_S needs --imatrix" in result.stderr and not file.exists()
    result = run(binary, "generate", "--model", source, "--quantize", "IQ2_XS", "--prompt", "a")
    assert result.returncode != 0 and "infer-serve imatrix" in result.stderr
    # One of another model.
    other = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(other, "none")
    writer.add_tensor("blk.0.attn_q.weight.in_sum2", np.ones((1, 8), np.float32))
    writer.add_tensor("blk.0.attn_q.weight.counts", np.ones((1, 1), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    result = run(binary, *command, "--imatrix", other)
    assert result.returncode == 1 and "infer-serve imatrix" in result.stderr and not file.exists(), result.stderr
    other.write_bytes(imatrix.read_bytes()[:-100])
    result = run(binary, *command, "--imatrix", other)
    assert result.returncode == 1 and "truncated" in result.stderr
    result = run(binary, "imatrix", "--model", source, "--text", text, "--output", imatrix)
    assert result.returncode == 1 and "--force" in result.stderr
