import json

from infer_serve_ray.messages import end_to_end, lost


def test_streams_end_in_their_own_form():
    plain = lost("text/event-stream; charset=utf-8", named=False).decode()
    assert json.loads(plain.removeprefix("data: "))["error"]["code"] == "replica_lost" and plain.endswith("\n\n")
    name, data, *_ = lost("text/event-stream", named=True).decode().split("\n")
    assert name == "event: error" and json.loads(data.removeprefix("data: "))["type"] == "error"
    assert "can be repeated" in json.loads(lost("application/x-ndjson", named=False))["error"]
    assert lost("application/json", named=False) is None


def test_headers_of_one_hop_stay_there():
    headers = [("Connection", "close"), ("X-Request-ID", "a"), ("Transfer-Encoding", "chunked"), ("Retry-After", "2")]
    assert end_to_end(headers) == [("X-Request-ID", "a"), ("Retry-After", "2")]
