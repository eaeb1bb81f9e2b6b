"""The description of the API, against a server that is asked whatever the description allows and forbids."""
import os
import subprocess
import sys

import httpx
import pytest

# Of all checks, positive_data_acceptance is left out: a body whose fields are right one by one may still be refused as a
# whole (`top_logprobs` without `logprobs`, a tool_choice without tools).
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "negative_data_rejection", "unsupported_method", "missing_required_header",
    "allow_header_conformance",
]
# A request may itself ask for less time than it takes.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "504"]
[checks.negative_data_rejection]
expected-statuses = ["400", "403", "404", "405", "408", "409", "413", "415", "422", "429", "504"]
"""


@pytest.fixture(scope="module")
def document(server):
    response = httpx.get(server.url + "/openapi.json")
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    return response.json()


def test_the_document_tells_types_and_bounds(document):
    assert document["openapi"] == "3.1.0"
    chat = document["paths"]["/v1/chat/completions"]["post"]
    fields = chat["requestBody"]["content"]["application/json"]["schema"]
    assert fields["required"] == ["messages"]
    assert fields["properties"]["temperature"].items() >= {"minimum": 0, "maximum": 2}.items()
    assert fields["properties"]["n"].items() >= {"type": ["integer", "null"], "minimum": 1, "maximum": 128}.items()
    assert fields["properties"]["overflow"]["enum"] == ["error", "shift", None]
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert document["paths"]["/chat/completions"] == {"$ref": "#/paths/~1v1~1chat~1completions"}


def test_the_page_loads_nothing_from_elsewhere(server):
    response = httpx.get(server.url + "/docs")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "http:" not in response.text and "https:" not in response.text


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "OPTIONS", "QUERY", "PROPFIND"])
def test_other_methods_are_refused_with_those_there_are(server, method):
    response = httpx.request(method, server.url + "/v1/chat/completions")
    assert response.status_code == 405 and response.headers["allow"] == "POST"
    assert f"does not accept {method}" in response.json()["error"]["message"]


def test_methods_that_nobody_knows_are_told_apart_from_paths(server):
    assert httpx.request("PROPFIND", server.url + "/nothing").status_code == 501
    # What the parser of HTTP does not know is no request to it.
    assert httpx.request("FOO", server.url + "/health").status_code == 400
    assert httpx.request("PUT", server.url + "/nothing").status_code == 404


def test_the_server_keeps_to_its_description(start, document, tmp_path):
    """schemathesis, with a fixed seed and a bound on its requests."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    spellings = [path for path, item in document["paths"].items() if "$ref" in item]
    with start("--session-dir", str(tmp_path / "sessions"), "--max-context", "64") as server:
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml"), "run",
            server.url + "/openapi.json", "--seed", "1", "--max-examples", os.environ.get("SCHEMATHESIS_EXAMPLES", "15"),
            "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--request-timeout", "60",
            "--generation-database", "none", "--no-color", "--output-sanitize", "false",
            *(option for path in spellings for option in ("--exclude-path", path)),
        ]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
        assert server.process.poll() is None
