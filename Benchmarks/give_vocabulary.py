"""Lends a model without a tokenizer that of another, so that both servers can be given text.

usage: give_vocabulary.py MODEL.gguf DONOR.gguf OUT.gguf

OUT.gguf has MODEL's weights and DONOR's tokenizer and chat template; rows of the embedding beyond DONOR's tokens become
unused ones. Needs the package gguf.
"""

import sys
from typing import Any

import gguf

PREFIX = "tokenizer."


def add(writer: gguf.GGUFWriter, name: str, field: gguf.ReaderField, value: Any) -> None:
    kind = field.types[0]
    writer.add_key_value(name, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)


def padded(name: str, value: list[Any], count: int) -> list[Any]:
    """A list that has an entry a token, with entries for the tokens that are missing."""
    fillers = {
        "tokenizer.ggml.tokens": lambda index: f"[PAD{index}]",
        "tokenizer.ggml.token_type": lambda _: int(gguf.TokenType.UNUSED),
        "tokenizer.ggml.scores": lambda _: -1000.0}
    filler = fillers.get(name)
    return value + [filler(index) for index in range(len(value), count)] if filler else value


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, donor = gguf.GGUFReader(sys.argv[1]), gguf.GGUFReader(sys.argv[2])
    rows = next(tensor.shape[1] for tensor in model.tensors if tensor.name == "token_embd.weight")
    tokens = len(donor.fields["tokenizer.ggml.tokens"].data)
    if tokens > rows:
        sys.exit(f"{sys.argv[2]} has {tokens} tokens, and the embedding of {sys.argv[1]} {rows} rows")
    writer = gguf.GGUFWriter(sys.argv[3], model.fields["general.architecture"].contents())
    for name, field in model.fields.items():
        if not name.startswith(("GGUF.", PREFIX)) and name != "general.architecture":
            add(writer, name, field, field.contents())
    for name, field in donor.fields.items():
        if name.startswith(PREFIX):
            add(writer, name, field, padded(name, field.contents(), int(rows)))
    for tensor in model.tensors:
        writer.add_tensor_info(
            tensor.name, tensor.data.shape, tensor.data.dtype, tensor.data.nbytes, tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in model.tensors:
        writer.write_tensor_data(tensor.data)
    writer.close()


if __name__ == "__main__":
    main()
