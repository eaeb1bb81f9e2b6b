"""Has a model write JSON for many schemas at temperature 1, holds what it ended to them, and times it against free text.

usage: generate_json.py --model FOLDER_OR_FILE --data FILE.jsonl[.gz] [--schemas 100] [--each 10]

A line of the data has a "schema", as that of constraints.py. Schemas are taken at even distances. An answer that a limit cuts
off is counted and not looked at; one that ends otherwise must be valid by Python's jsonschema. Then the same number of tokens
is generated with and without a schema, in turn, and the speeds of generating are compared.
"""

import argparse
import gzip
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import jsonschema

# An answer that any number of tokens can be told of, and all of which differ.
LONG = {"type": "array", "minItems": 200, "items": {
    "type": "object", "properties": {"name": {"type": "string"}, "count": {"type": "integer"}, "kind": {"enum": ["a", "b"]}},
    "required": ["name", "count", "kind"], "additionalProperties": False}}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--schemas", type=int, default=100)
    parser.add_argument("--each", type=int, default=10, help="the number of answers for a schema")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5, help="the number of times that speeds are compared; 0 for none")
    return parser.parse_args()


class Server:
    def __init__(self, binary, model):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.process = subprocess.Popen(
            [binary, "serve", "--model", model, "--port", self.url.rsplit(":", 1)[1], "--log-level", "error"],
            stdout=subprocess.DEVNULL)
        while True:
            try:
                urllib.request.urlopen(self.url + "/ready")
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the server ended")
                time.sleep(0.1)

    def chat(self, **fields):
        body = {"messages": [{"role": "user", "content": "Answer with an example."}], "temperature": 1, **fields}
        request = urllib.request.Request(
            self.url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(request))
        except urllib.error.HTTPError as error:
            return json.load(error)


def formatted(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def judge(schema, answer, counts):
    """Counts the answers for a schema by what became of them."""
    if "error" in answer:
        counts["refused"] += 1
        print("refused:", answer["error"]["message"][:200], json.dumps(schema)[:300], file=sys.stderr)
        return
    counts["tokens"] += answer["usage"]["completion_tokens"]
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    for choice in answer["choices"]:
        if choice["finish_reason"] != "stop":
            counts[choice["finish_reason"]] = counts.get(choice["finish_reason"], 0) + 1
            continue
        text = choice["message"]["content"]
        try:
            validator(schema).validate(json.loads(text))
            counts["valid"] += 1
        except (ValueError, jsonschema.ValidationError) as error:
            counts["invalid"] += 1
            print("invalid:", str(error).splitlines()[0], json.dumps(schema)[:300], text[:300], file=sys.stderr)


def speed(server, **fields):
    """The tokens that one answer has in a second, after the first."""
    timings = server.chat(max_tokens=256, seed=1, **fields)["timings"]
    return timings["predicted_per_second"]


def main():
    arguments = parse()
    opened = gzip.open if arguments.data.endswith(".gz") else open
    schemas = [json.loads(line)["schema"] for line in opened(arguments.data, "rt")]
    schemas = schemas[::max(1, len(schemas) // arguments.schemas)][:arguments.schemas]
    server = Server(arguments.binary, arguments.model)
    try:
        counts = {"valid": 0, "invalid": 0, "refused": 0, "tokens": 0}
        start = time.perf_counter()

        def ask(numbered):
            number, schema = numbered
            return schema, server.chat(
                response_format=formatted(schema), n=arguments.each, seed=number, max_tokens=arguments.max_tokens)

        with ThreadPoolExecutor(2) as pool:
            for schema, answer in pool.map(ask, enumerate(schemas)):
                judge(schema, answer, counts)
        took = time.perf_counter() - start
        print(f"{len(schemas)} schemas, {arguments.each} answers each: {counts}, {counts['tokens'] / took:.0f} tokens/s")
        pairs = [(speed(server, response_format=formatted(LONG)), speed(server, ignore_eos=True))
                 for _ in range(arguments.rounds)]
        if pairs:
            held, free = (statistics.median(values) for values in zip(*pairs))
            ratio = statistics.median(held / free for held, free in pairs)
            print(f"one answer: {held:.1f} tokens/s with a schema, {free:.1f} without: {ratio:.3f}")
        if counts["invalid"]:
            sys.exit("some answers are invalid")
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
