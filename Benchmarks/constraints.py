"""Holds texts to JSON schemas with infer-serve and with other engines, and times their masks.

usage: constraints.py --tokenizer FOLDER/tokenizer.json --data FILE.jsonl[.gz] [--engine NAME …] [--count N]

A line of the data is {"name": …, "schema": …, "tests": [{"data": …, "valid": true}, …]}, as MaskBench has it
(github.com/guidance-ai/jsonschemabench). Every engine reads the same texts with the same tokens, one schema after another on
one thread: ours is `infer-serve constrain`, whose times are from within; those of the others are taken around their own calls
from Python, which adds a microsecond or two. Members of objects are put in the order of each `properties` of the schema that
holds of them first, which is one that all engines generate. Some engines take minutes for a schema, or for its masks: the
others have a limit of time for each schema, and texts that it leaves out count for nothing but the number of such schemas.

Engines: infer-serve, llguidance, xgrammar, outlines-core; those that are not installed are left out, and named. llguidance
needs numpy, xgrammar torch.
"""

import argparse
import gzip
import json
import signal
import subprocess
import sys
import time

from schema_order import ordered


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--engine", action="append", help="may be given several times; all of them by default")
    parser.add_argument("--count", type=int, help="the number of schemas; all of them by default")
    parser.add_argument("--limit", type=float, default=10, help="seconds for a schema and its texts, of the others' engines")
    return parser.parse_args()


class Llguidance:
    def __init__(self, tokenizer, path):
        import llguidance
        import llguidance.numpy as masks
        self.lib, self.masks = llguidance, masks
        self.tokenizer = llguidance.LLTokenizer(open(path).read())
        self.mask = masks.allocate_token_bitmask(1, self.tokenizer.vocab_size)

    def compile(self, schema):
        self.grammar = self.lib.LLMatcher.grammar_from_json_schema(schema)
        matcher = self.lib.LLMatcher(self.tokenizer, self.grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())

    def begin(self):
        self.matcher = self.lib.LLMatcher(self.tokenizer, self.grammar)

    def fill(self):
        self.masks.fill_next_token_bitmask(self.matcher, self.mask)

    def accept(self, token):
        return bool(self.mask[0][token >> 5] >> (token & 31) & 1) and self.matcher.consume_token(token)

    def may_end(self):
        return self.matcher.is_accepting()


class Xgrammar:
    def __init__(self, tokenizer, path):
        import xgrammar
        self.lib = xgrammar
        size = tokenizer.get_vocab_size(with_added_tokens=True)
        vocabulary = [tokenizer.id_to_token(i) or "" for i in range(size)]
        self.info = xgrammar.TokenizerInfo(vocabulary, xgrammar.VocabType.BYTE_LEVEL, vocab_size=size,
                                           stop_token_ids=[size - 1])
        self.compiler = xgrammar.GrammarCompiler(self.info, max_threads=1, cache_enabled=False)
        self.mask = xgrammar.allocate_token_bitmask(1, size)

    def compile(self, schema):
        self.grammar = self.compiler.compile_json_schema(json.dumps(schema), strict_mode=False)

    def begin(self):
        self.matcher = self.lib.GrammarMatcher(self.grammar, terminate_without_stop_token=False)

    def fill(self):
        self.matcher.fill_next_token_bitmask(self.mask)

    def accept(self, token):
        return self.matcher.accept_token(token)

    def may_end(self):
        self.matcher.fill_next_token_bitmask(self.mask)
        token = self.info.stop_token_ids[0]
        return bool(int(self.mask[0][token >> 5]) >> (token & 31) & 1)


class OutlinesCore:
    def __init__(self, tokenizer, path):
        import outlines_core
        self.lib = outlines_core
        alphabet = byte_alphabet()
        size = tokenizer.get_vocab_size(with_added_tokens=True)
        tokens = {}
        for i in range(size - 1):
            text = tokenizer.id_to_token(i)
            if text and all(character in alphabet for character in text):
                tokens.setdefault(bytes(alphabet[character] for character in text), []).append(i)
        self.vocabulary = outlines_core.Vocabulary(size - 1, tokens)

    def compile(self, schema):
        expression = self.lib.json_schema.build_regex_from_schema(json.dumps(schema))
        self.index = self.lib.Index(expression, self.vocabulary)

    def begin(self):
        self.guide = self.lib.Guide(self.index)

    def fill(self):
        self.allowed = self.guide.get_tokens()

    def accept(self, token):
        if token not in self.allowed:
            return False
        self.guide.advance(token)
        return True

    def may_end(self):
        return self.guide.is_finished()


def byte_alphabet():
    """The characters that stand for bytes in vocabularies of GPT-2's kind."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + index): byte for index, byte in enumerate(others)}


def late(*_):
    raise TimeoutError("the limit of time")


def run_other(engine, cases, tokenizer, limit):
    """Yields (compile time or None, error, [(accepted, mask times)], whether the limit was met) of each case, times in
    microseconds."""
    signal.signal(signal.SIGALRM, late)
    for case in cases:
        took, error, results = None, None, []
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            start = time.perf_counter()
            engine.compile(case["schema"])
            took = (time.perf_counter() - start) * 1e6
            for text in case["texts"]:
                results.append(hold(engine, tokenizer.encode(text, add_special_tokens=False).ids))
        except KeyboardInterrupt:
            raise
        except BaseException as exception:  # Engines of Rust panic.
            error = exception
        signal.setitimer(signal.ITIMER_REAL, 0)
        is_late = isinstance(error, TimeoutError)
        if took is not None and error is not None and not is_late:
            raise error
        yield took, error, results, is_late


def hold(engine, tokens):
    """Whether a text is accepted, and the times of its masks."""
    engine.begin()
    times = []
    for token in tokens:
        start = time.perf_counter()
        engine.fill()
        times.append((time.perf_counter() - start) * 1e6)
        if not engine.accept(token):
            return False, times
    return engine.may_end(), times


def run_ours(binary, path, cases):
    lines = "".join(json.dumps({"schema": case["schema"], "texts": case["texts"]}) + "\n" for case in cases)
    process = subprocess.run([binary, "constrain", "--tokenizer", path], input=lines, capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr)
    for line in process.stdout.splitlines():
        answer = json.loads(line)
        if not answer["compiled"]:
            yield None, answer["error"], [], False
            continue
        yield answer["compile_us"], None, [(text["accepted"], text["mask_us"]) for text in answer["texts"]], False


def quantile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))] if values else float("nan")


def main():
    arguments = parse()
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(arguments.tokenizer)
    opened = gzip.open if arguments.data.endswith(".gz") else open
    cases = [json.loads(line) for line in opened(arguments.data, "rt")][:arguments.count]
    for case in cases:
        case["texts"] = [json.dumps(ordered(test["data"], case["schema"]), ensure_ascii=False) for test in case["tests"]]
    engines = {"infer-serve": None, "llguidance": Llguidance, "xgrammar": Xgrammar, "outlines-core": OutlinesCore}
    print("| | compiled | cut off | invalid accepted | valid refused | mask p50 | p99 | worst | compile p50 | p99 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in arguments.engine or engines:
        if engines[name] is None:
            results = run_ours(arguments.binary, arguments.tokenizer, cases)
        else:
            try:
                results = run_other(
                    engines[name](tokenizer, arguments.tokenizer), cases, tokenizer, arguments.limit)
            except ImportError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
        compiles, masks, accepted, refused, late_count = [], [], 0, 0, 0
        for case, (took, _, texts, is_late) in zip(cases, results):
            late_count += is_late
            if took is None:
                continue
            compiles.append(took)
            for test, (is_accepted, times) in zip(case["tests"], texts):
                masks += times
                accepted += is_accepted and not test["valid"]
                refused += test["valid"] and not is_accepted
        print(f"| {name} | {len(compiles)} of {len(cases)} | {late_count} | {accepted} | {refused} | {quantile(masks, .5):.1f} us"
              f" | {quantile(masks, .99):.0f} us | {max(masks, default=0) / 1e3:.1f} ms"
              f" | {quantile(compiles, .5) / 1e3:.2f} ms | {quantile(compiles, .99) / 1e3:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
