"""Has llama.cpp's converter write GGUF from a checkpoint that has weights and no tokenizer.

usage: peer_convert.py LLAMA_CPP CHECKPOINT OUT.gguf TYPE [OPTION …]

LLAMA_CPP is its source folder; TYPE is f32, f16 or bf16; options are the converter's. Needs the packages of requirements.txt.
"""

import argparse
import sys
from typing import Any


def write_no_vocabulary(model: Any) -> None:
    """Stands in for the converter's search for a tokenizer: so many tokens, and no text for them."""
    model.gguf_writer.add_tokenizer_model("no_vocab")
    model.gguf_writer.add_vocab_size(model.hparams["vocab_size"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "checkpoint", "output", "type"):
        parser.add_argument(name)
    arguments, options = parser.parse_known_args()
    sys.path.insert(0, arguments.source)
    import convert_hf_to_gguf as converter

    find_class = converter.get_model_class

    def find_class_without_vocabulary(*names: Any, **options: Any) -> Any:
        found = find_class(*names, **options)
        # Some only choose among classes of their own.
        for kind in [found, *(inner for inner in vars(found).values() if isinstance(inner, type))]:
            kind.set_vocab = write_no_vocabulary
            if hasattr(kind, "_get_suppress_tokens"):
                kind._get_suppress_tokens = lambda model: None
        return found

    converter.get_model_class = find_class_without_vocabulary
    sys.argv = [
        "convert_hf_to_gguf.py", arguments.checkpoint, "--outfile", arguments.output, "--outtype", arguments.type,
        *options]
    converter.main()


if __name__ == "__main__":
    main()
