"""Files of `quantize` as the package reads them that llama.cpp's converters write with."""
import json
import os
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest

from tensors import tensors

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "parity"
ARCHITECTURES = {
    "falcon_h1": "falcon-h1", "granitemoehybrid": "granitehybrid", "hunyuan_v1_moe": "hunyuan-moe", "jamba": "jamba",
    "lfm2_moe": "lfm2moe", "llama": "llama", "mamba2": "mamba2", "qwen3_next": "qwen3next"}


def quantize(binary, model, output, name):
    command = [binary, "quantize", "--model", str(model), "--format", name, "--output", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def known_names(architecture, layers):
    """All names that tensors of an architecture may have."""
    kind = next(kind for kind, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = [gguf.TENSOR_NAMES[tensor] for tensor in gguf.MODEL_TENSORS[kind]]
    names = [name.format(bid=layer) for name in names for layer in range(layers)]
    return {name + suffix for name in names for suffix in ("", ".weight", ".bias")}


@pytest.mark.parametrize("name, architecture", ARCHITECTURES.items())
def test_names_and_numbers(binary, tmp_path, name, architecture):
    file = tmp_path / "model.gguf"
    assert f"llama.cpp loads too, as {architecture}\n" in quantize(binary, FIXTURES / name, file, "Q8_0")
    reader = gguf.GGUFReader(file)
    fields = {key: field.contents() for key, field in reader.fields.items()}
    assert fields["general.architecture"] == architecture and fields["general.file_type"] == 7
    assert fields["tokenizer.ggml.model"] == "no_vocab"
    source = tensors(FIXTURES / name / "model.safetensors")
    known = known_names(architecture, fields[f"{architecture}.block_count"])
    written = {tensor.name: tensor for tensor in reader.tensors}
    assert len(written) > 10 and set(written) <= known
    config = json.loads((FIXTURES / name / "config.json").read_text())
    embedding = next(values for key, values in source.items() if "embed" in key and values.ndim == 2)
    embedding = embedding * config.get("embedding_multiplier", 1) if name == "falcon_h1" else embedding
    table = written["token_embd.weight"]
    values = gguf.quants.dequantize(table.data, table.tensor_type).reshape(embedding.shape)
    # Half a step of a block's 255, and the rounding of its scale.
    assert np.abs(values - embedding).max() <= np.abs(embedding).max() * 0.51 / 127
    for tensor in written.values():
        assert tensor.tensor_type.name in ("F32", "BF16", "Q8_0", "F16"), tensor.name
        assert np.isfinite(gguf.quants.dequantize(tensor.data, tensor.tensor_type)).all(), tensor.name


def test_what_llama_cpp_lacks_is_told(binary, tmp_path):
    output = quantize(binary, FIXTURES / "qwen3_moe", tmp_path / "model.gguf", "Q8_0")
    assert "for infer-serve alone: llama.cpp's qwen3moe cannot say that isDense.1 is true" in output


def generate(binary, *arguments, environment=None):
    command = [
        binary, "generate", "--tokens", "5,17,9", "--max-tokens", "12", "--temperature", "0", "--ignore-eos", "--json",
        *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **(environment or {})})


def test_panels_are_used_in_place(binary, model, tmp_path):
    file = tmp_path / "panels.gguf"
    command = [binary, "quantize", "--model", str(model), "--format", "Q8_0", "--output", str(file), "--panels"]
    written = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert written.returncode == 0 and "for infer-serve alone: its weights lie in panels, as " in written.stdout
    expected = generate(binary, "--model", str(model), "--quantize", "Q8_0")
    found = generate(binary, "--model", str(file))
    assert expected.returncode == found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["tokens"] == json.loads(expected.stdout)["tokens"]
    assert "panels" not in found.stderr
    # Other instruction sets read it as well, whether they turn its panels or not.
    plain = generate(binary, "--model", str(file), environment={"INFER_SERVE_ISA": "plain"})
    assert plain.returncode == 0 and len(json.loads(plain.stdout)["tokens"]) == 12, plain.stderr
    inspected = subprocess.run(
        [binary, "inspect", "--model", str(file), "--json"], capture_output=True, text=True, timeout=120)
    report = json.loads(inspected.stdout)
    assert report["non_finite_tensors"] == [] and report["formats"]["Q8_0"]["tensors"] > 10
    # Others see that it is not theirs.
    with pytest.raises(ValueError, match="is not a valid GGMLQuantizationType"):
        gguf.GGUFReader(file)
    again = subprocess.run(
        [*command[:3], str(file), "--format", "Q8_0", "--output", str(tmp_path / "again.gguf")],
        capture_output=True, text=True, timeout=120)
    assert again.returncode != 0 and "expected the model that the file was made of" in again.stderr
    file.write_bytes(file.read_bytes()[:-5000])
    cut = generate(binary, "--model", str(file))
    assert cut.returncode == 1 and cut.stderr.startswith("infer-serve: tensor model."), cut.stderr
    assert ": truncated, in " in cut.stderr
