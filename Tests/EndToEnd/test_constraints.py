"""Answers that must be JSON of a schema, a match of an expression or one of some texts, in every client's words."""
import json
import re

import anthropic
import jsonschema
import ollama
import pydantic
import pytest

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["human", "robot"]},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,8}$"}, "maxItems": 3},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}
NODE = {
    "$ref": "#/$defs/node",
    "$defs": {"node": {"type": "object", "properties": {
        "value": {"type": "number", "multipleOf": 0.5, "minimum": -4, "maximum": 4},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["value", "next"], "additionalProperties": False}},
}
SCHEMAS = [
    PERSON, NODE, {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 5},
    {"type": "array", "items": {"enum": [1, 2, 3, "x"]}, "uniqueItems": True, "minItems": 3},
    {"oneOf": [{"type": "string", "format": "date"}, {"type": "integer", "exclusiveMinimum": 10, "maximum": 99}]},
    {"type": "object", "patternProperties": {"^[ab]$": {"type": "null"}}, "additionalProperties": False,
     "minProperties": 1, "maxProperties": 3},
    {"type": "object", "properties": {"t": {"const": "n"}, "v": {"type": "number"}}, "required": ["t", "v"],
     "additionalProperties": False, "if": {"properties": {"v": {"minimum": 0}}}, "then": {"required": ["v"]}},
    {"allOf": [{"$ref": "#/$defs/base"}], "properties": {"x": {"type": "integer"}}, "required": ["x"], "if": {
        "properties": {"kind": {"const": "a"}}}, "then": {"properties": {"y": {"type": "null"}}},
     "unevaluatedProperties": False, "$defs": {"base": {
         "type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"]}}},
    {"type": "array", "prefixItems": [{"type": "integer"}], "contains": {"const": None}, "maxItems": 4,
     "unevaluatedItems": {"type": "boolean"}},
]


def formatted(schema, name="answer"):
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def events(server, body):
    response = server.post("/v1/chat/completions", {**body, "stream": True})
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_answers_are_valid_at_any_temperature(server, schema):
    """Several at once, of which the model itself ends some, and a limit others."""
    answer = server.post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Say something."}], "response_format": formatted(schema), "n": 8,
        "temperature": 1, "seed": 3, "max_tokens": 400}).json()
    ended = [choice for choice in answer["choices"] if choice["finish_reason"] == "stop"]
    assert ended, [choice["message"] for choice in answer["choices"]]
    for choice in ended:
        jsonschema.validate(json.loads(choice["message"]["content"]), schema)


def test_streams_batches_and_cached_prefixes_say_the_same(server):
    body = {"messages": [{"role": "user", "content": "Name one."}], "response_format": formatted(PERSON),
            "temperature": 1, "seed": 5, "max_tokens": 300}
    whole = server.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    again = server.post("/v1/chat/completions", {**body, "n": 3}).json()["choices"]
    assert again[0]["message"]["content"] == whole
    streamed = "".join(
        event["choices"][0]["delta"].get("content") or ""
        for event in events(server, body) if event["choices"])
    assert streamed == whole


def test_a_limit_cuts_with_length(server):
    answer = server.post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Go."}], "response_format": formatted(PERSON),
        "max_tokens": 3}).json()["choices"][0]
    assert answer["finish_reason"] == "length"


@pytest.mark.parametrize("fields", [
    {"structured_outputs": {"regex": "[a-c]{2,6}-\\d+"}}, {"guided_regex": "[a-c]{2,6}-\\d+"},
    {"regex": "[a-c]{2,6}-\\d+"}])
def test_expressions(server, fields):
    for path, prompt in [("/v1/completions", {"prompt": "abc"}),
                         ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]})]:
        answer = server.post(path, {**prompt, **fields, "temperature": 1, "seed": 1, "max_tokens": 300}).json()
        choice = answer["choices"][0]
        text = choice["text"] if "text" in choice else choice["message"]["content"]
        if choice["finish_reason"] == "stop":
            assert re.fullmatch("[a-c]{2,6}-\\d+", text)
        else:
            assert re.match("[a-c]{0,6}", text or "")


def test_what_must_come_is_not_asked_for(server):
    """A text without a choice takes few steps, and is the same as with log-probabilities, for which each token takes one."""
    text = "The quick brown fox jumps over the lazy dog."
    body = {"prompt": "Say it.", "structured_outputs": {"choice": [text]}, "max_tokens": 200, "temperature": 0}

    def answer(**options):
        steps = server.metric("iteration_tokens_total_count")
        answer = server.post("/v1/completions", {**body, **options}).json()
        assert answer["choices"][0]["text"] == text and answer["choices"][0]["finish_reason"] == "stop"
        return answer["usage"]["completion_tokens"], server.metric("iteration_tokens_total_count") - steps

    (tokens, few), (as_many, steps) = answer(), answer(logprobs=1)
    assert tokens == as_many == steps and few <= 3


@pytest.mark.parametrize("fields", [
    {"structured_outputs": {"choice": ["left", "right", "left or right"]}},
    {"guided_choice": ["left", "right", "left or right"]}])
def test_choices(server, fields):
    seen = set()
    for seed in range(4):
        answer = server.post("/v1/completions", {
            "prompt": "Turn", **fields, "temperature": 2, "seed": seed, "max_tokens": 30}).json()["choices"][0]
        assert answer["finish_reason"] == "stop"
        seen.add(answer["text"])
    assert seen <= {"left", "right", "left or right"}


@pytest.mark.parametrize("fields", [
    {"guided_json": PERSON}, {"guided_json": json.dumps(PERSON)}, {"json_schema": PERSON},
    {"structured_outputs": {"json": PERSON}}, {"response_format": {"type": "json_object", "schema": PERSON}},
    {"response_format": {"type": "json_schema", "schema": PERSON}}, {"format": PERSON}])
def test_spellings_of_schemas(server, fields):
    answer = server.post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Hello."}], **fields, "max_tokens": 400}).json()["choices"][0]
    if answer["finish_reason"] == "stop":
        jsonschema.validate(json.loads(answer["message"]["content"]), PERSON)
    else:
        assert (answer["message"]["content"] or "{").lstrip()[:1] in ("{", "")


def test_any_object(server):
    for fields in ({"response_format": {"type": "json_object"}}, {"structured_outputs": {"json_object": True}}):
        answer = server.post("/v1/chat/completions", {
            "messages": [{"role": "user", "content": "Hello."}], **fields, "n": 4, "temperature": 1, "seed": 2,
            "max_tokens": 400}).json()["choices"]
        for choice in answer:
            if choice["finish_reason"] == "stop":
                assert isinstance(json.loads(choice["message"]["content"]), dict)


class Point(pydantic.BaseModel, extra="forbid"):
    x: int
    y: int


def test_openai_parses_models(client):
    answer = client.chat.completions.parse(
        model="tiny", messages=[{"role": "user", "content": "Where?"}], response_format=Point, max_tokens=400)
    assert isinstance(answer.choices[0].message.parsed, Point)
    response = client.responses.parse(model="tiny", input="Where?", text_format=Point, max_output_tokens=400)
    assert isinstance(response.output_parsed, Point)


def test_anthropic_and_ollama(server):
    schema = Point.model_json_schema()
    claude = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
    message = claude.messages.create(
        model="tiny", max_tokens=400, messages=[{"role": "user", "content": "Where?"}],
        extra_body={"temperature": 0, "output_config": {"format": {"type": "json_schema", "schema": schema}}})
    Point.model_validate_json(message.content[-1].text)
    llama = ollama.Client(host=server.url)
    answer = llama.chat("tiny", [{"role": "user", "content": "Where?"}], format=schema, options={"num_predict": 400, "temperature": 0})
    Point.model_validate_json(answer.message.content)
    answer = llama.generate("tiny", "Where?", format="json", options={"num_predict": 400})
    if answer.done_reason == "stop":
        assert isinstance(json.loads(answer.response), dict)


@pytest.mark.parametrize("fields, field, words", [
    ({"response_format": formatted({"properties": {"a": {"type": "wrong"}}})},
     "response_format.json_schema.schema", "/properties/a: type: wrong is no type"),
    ({"response_format": formatted({"type": "number", "minimum": 3, "maximum": 2})},
     "response_format.json_schema.schema", "no number is valid"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
     "response_format.json_schema.schema", "required"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "required"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "'xml'"),
    ({"response_format": formatted({"items": {"$dynamicRef": "#a"}})},
     "response_format.json_schema.schema", "/items: $dynamicRef is not supported"),
    ({"guided_regex": "(a"}, "guided_regex", "( without )"),
    ({"guided_regex": "a?" * 5000}, "guided_regex", "too much of it is optional"),
    ({"structured_outputs": {"json": {}, "whitespace_pattern": " ?"}},
     "structured_outputs.whitespace_pattern", "not supported"),
    ({"structured_outputs": {"jsn": {}}}, "structured_outputs.jsn", "is unknown; there are 'json'"),
    ({"structured_outputs": {"regex": "a", "disable_any_whitespace": True}},
     "structured_outputs.disable_any_whitespace", "about JSON"),
    ({"verbosity": "short"}, "verbosity", "'low', 'medium' or 'high'"),
    ({"guided_choice": []}, "guided_choice", "empty"), ({"guided_choice": [1]}, "guided_choice[0]", "string"),
    ({"guided_json": "{"}, "guided_json", "not JSON"),
    ({"guided_json": {"enum": ["x" * 2_000_000]}}, "guided_json", "at most"),
    ({"guided_regex": "a", "response_format": {"type": "json_object"}}, "guided_regex", "both"),
    ({"guided_grammar": "root ::= a"}, "guided_grammar", "line 1, column 10: there is no rule 'a'"),
    ({"structured_outputs": {"grammar": "start: A"}}, "structured_outputs.grammar", "there is no rule 'A'"),
    ({"grammar": "root ::= root"}, "grammar", "no text can be made"), ({"ebnf": "root ::= (a"}, "ebnf", "expected ')'"),
    ({"grammar": "root ::= \"a\"", "grammar_lazy": True}, "grammar_lazy", "begins within"),
])
def test_errors_name_the_field(server, fields, field, words):
    response = server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], **fields})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == field and words in error["message"], error


SUMS = """
start: sum
sum: NUMBER | sum ("+" | "-") NUMBER
NUMBER: /[1-9][0-9]?/
"""


@pytest.mark.parametrize("fields", [
    {"grammar": 'root ::= sum\nsum ::= number | sum [+-] number\nnumber ::= [1-9] [0-9]?'},
    {"ebnf": 'root ::= number ([+-] number){0,9}\nnumber ::= [1-9] [0-9]?'}, {"guided_grammar": SUMS},
    {"structured_outputs": {"grammar": SUMS}}])
def test_grammars(server, fields):
    answer = server.post("/v1/completions", {
        "prompt": "1+2+", "max_tokens": 30, "temperature": 1, "seed": 3, "n": 3, **fields}).json()
    for choice in answer["choices"]:
        assert re.fullmatch(r"[1-9][0-9]?([+-][1-9][0-9]?)*[+-]?", choice["text"]), choice
        if choice["finish_reason"] == "stop":
            assert choice["text"][-1] not in "+-"


def test_vllms_options_of_json(server):
    """White space that nobody wants is not there, and neither are members that no schema names."""
    body = {"prompt": "{", "temperature": 1, "n": 4, "max_tokens": 60, "structured_outputs": {
        "json": {"type": "object", "properties": {
            "a": {"type": "array", "maxItems": 3, "items": {"type": "integer", "maximum": 99}}}},
        "disable_any_whitespace": True, "disable_additional_properties": True, "disable_fallback": True}}
    choices = [choice for seed in range(4)
               for choice in server.post("/v1/completions", {**body, "seed": seed}).json()["choices"]]
    ended = [choice["text"] for choice in choices if choice["finish_reason"] == "stop"]
    assert ended and not any(character.isspace() for choice in choices for character in choice["text"])
    assert all(set(json.loads(text)) <= {"a"} for text in ended)


def test_ten_thousand_values(server):
    values = [f"value number {index}" for index in range(10_000)]
    answer = server.post("/v1/completions", {
        "prompt": "v", "guided_json": {"enum": values}, "max_tokens": 60, "temperature": 1, "seed": 1}).json()
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert json.loads(answer["choices"][0]["text"]) in values


def test_a_constraint_that_becomes_too_large_is_the_requests_fault(server):
    """Alternatives that nothing tells apart before their end, each of which becomes another with every character."""
    regex = "|".join(f"[^{chr(0x4E00 + number)}]{{60}}{number:05}" for number in range(500))
    body = {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0, "max_tokens": 100,
            "structured_outputs": {"regex": regex}}
    response = server.post("/v1/chat/completions", body)
    error = response.json()["error"]
    assert response.status_code == 400 and error["code"] == "constraint_too_large"
    assert error["param"] == "structured_outputs.regex" and "more than 131072 states" in error["message"]
    # What comes before it has been told when it happens in a stream.
    *told, last = events(server, body)
    assert last["error"] == error
    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in told)
    assert text and re.match(r"[^\u4e00]{1,60}", text).group() == text
    # Nothing is left of it: another answer is held to another constraint.
    answer = server.post("/v1/chat/completions", {**body, "structured_outputs": {"regex": "[ab]{3}"}}).json()
    assert re.fullmatch("[ab]{3}", answer["choices"][0]["message"]["content"])
