"""Lists the architectures of transformers that write text, alone or beside other things, and those of llama.cpp's files.

usage: make_lists.py FOLDER      (pip install transformers==5.24.0 torch gguf==0.19.0)
"""
import sys
from pathlib import Path

import gguf
from transformers.models.auto import modeling_auto

folder = Path(sys.argv[1])
models = set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) | set(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
(folder / "transformers.txt").write_text("\n".join(sorted(models)) + "\n")
(folder / "llama.cpp.txt").write_text("\n".join(sorted(gguf.MODEL_ARCH_NAMES.values())) + "\n")
