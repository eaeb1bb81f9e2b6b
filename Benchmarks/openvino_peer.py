"""OpenVINO GenAI, to measure against: writes its models of a checkpoint's weights, and times them.

usage: openvino_peer.py convert CHECKPOINT FOLDER BITS
           FOLDER holds the checkpoint's weights in 8 or in 4 bits, for architectures that optimum-intel knows
       openvino_peer.py bench FOLDER [--prompts 512] [--generate 32] [--repetitions 2] [--threads N]
           a line of JSON a test: tokens a second with the model's own precision and with 32-bit floats, and the better

Needs openvino-genai, openvino-tokenizers, optimum-intel, nncf and torch, best in an environment of their own. Without a
tokenizer of its own the model gets one whose tokens are numbers: only lengths matter here.
"""

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

# Of each precision the name in the output, and what the pipeline is asked for.
PRECISIONS: dict[str, dict[str, str]] = {"default": {}, "f32": {"INFERENCE_PRECISION_HINT": "f32"}}


def convert(checkpoint: Path, folder: Path, bits: int) -> None:
    from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig

    # By groups of 32 columns as in Q4_0; eight bits have a scale a row, as OpenVINO's own models do.
    options = dict(bits=8) if bits == 8 else dict(bits=4, sym=True, group_size=32, ratio=1.0)
    model = OVModelForCausalLM.from_pretrained(
        checkpoint, export=True, compile=False, quantization_config=OVWeightQuantizationConfig(**options))
    model.save_pretrained(folder)
    write_tokenizer(folder, model.config.vocab_size)


def write_tokenizer(folder: Path, size: int) -> None:
    """Makes a tokenizer of so many tokens, which nothing goes through: the pipeline wants to load one."""
    import openvino
    from openvino_tokenizers import convert_tokenizer
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = letters + [f"{index}" * 2 for index in range(10, 10 + size - len(letters))]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=words[0])
    for model, name in zip(convert_tokenizer(fast, with_detokenizer=True), ("tokenizer", "detokenizer"), strict=True):
        openvino.save_model(model, folder / f"openvino_{name}.xml")


def bench(folder: Path, prompts: list[int], generate: int, repetitions: int, threads: int) -> None:
    speeds: dict[str, dict[str, float]] = {}
    for precision, hint in PRECISIONS.items():
        for test, speed in measure(folder, prompts, generate, repetitions, threads, hint).items():
            speeds.setdefault(test, {})[precision] = speed
    for test, by_precision in speeds.items():
        print(json.dumps({"test": test, **by_precision, "best": max(by_precision.values())}))


def measure(
    folder: Path, prompts: list[int], generate: int, repetitions: int, threads: int, hint: dict[str, str],
) -> dict[str, float]:
    """Tokens a second of each test: the median of the repetitions, after one that is not counted."""
    import numpy as np
    import openvino
    import openvino_genai

    pipeline = openvino_genai.LLMPipeline(str(folder), "CPU", INFERENCE_NUM_THREADS=threads, **hint)
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    random = np.random.default_rng(0)

    def run(prompt: int, tokens: int) -> Any:
        # Other tokens each time, so that no cache of prefixes has seen them.
        ids = random.integers(0, vocabulary, (1, prompt), dtype=np.int64)
        inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        config = openvino_genai.GenerationConfig(max_new_tokens=tokens, ignore_eos=True, do_sample=False)
        return pipeline.generate(inputs, config).perf_metrics

    results = {}
    for prompt in prompts:
        times = [run(prompt, 1).get_ttft().mean / 1e3 for _ in range(repetitions + 1)]
        results[f"pp{prompt}"] = prompt / statistics.median(times[1:])
    if generate > 0:
        # The first token is the prompt's.
        times = [run(1, generate + 1).get_tpot().mean / 1e3 for _ in range(repetitions + 1)]
        results[f"tg{generate}"] = 1 / statistics.median(times[1:])
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    converting = verbs.add_parser("convert", help="write a model")
    converting.add_argument("checkpoint", type=Path)
    converting.add_argument("folder", type=Path)
    converting.add_argument("bits", type=int, choices=[4, 8])
    timing = verbs.add_parser("bench", help="time a model")
    timing.add_argument("folder", type=Path)
    timing.add_argument("--prompts", type=lambda text: [int(part) for part in text.split(",") if int(part) > 0],
                        default=[512], help="lengths of prompts; 0 for none")
    timing.add_argument("--generate", type=int, default=32, help="tokens that are generated; 0 for none")
    timing.add_argument("--repetitions", type=int, default=2)
    timing.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    if arguments.verb == "convert":
        convert(arguments.checkpoint, arguments.folder, arguments.bits)
    else:
        bench(arguments.folder, arguments.prompts, arguments.generate, arguments.repetitions, arguments.threads)


if __name__ == "__main__":
    main()
