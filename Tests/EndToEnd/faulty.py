"""A server of completions that misbehaves as it is told."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultyServer(ThreadingHTTPServer):
    """Answers the first request, which is a trial, well, and request `n` after it as `behaviours[n]`; those beyond well."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, *behaviours, refuses=(), pause=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours = ["well", *behaviours]
        self.refuses, self.pause = refuses, pause
        self.bodies, self.headers_seen = [], []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def next_behaviour(self, body, headers):
        with self.lock:
            if any(name in body for name in self.refuses):
                return "refuse"
            self.bodies.append(body)
            self.headers_seen.append(headers)
            number = len(self.bodies) - 1
            return self.behaviours[number] if number < len(self.behaviours) else "well"

    @property
    def prompts(self):
        """The prompts, or last messages, behind the trial's."""
        return [body["prompt"] if "prompt" in body else body["messages"] for body in self.bodies[1:]]

    def handle_error(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(200, {"data": [{"id": "faulty"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            # As llama-server: a word is two tokens, and a field it does not know counts as absent.
            return self.answer(200, {"tokens": [1, 2] * len(body.get("content", "").split())})
        if not self.path.endswith("/completions"):
            return self.answer(404, {"error": {"message": f"no {self.path} here"}})
        getattr(self, self.server.next_behaviour(body, dict(self.headers)))(body)

    def answer(self, status, value, kind="application/json"):
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, value):
        data = f"data: {value if isinstance(value, str) else json.dumps(value)}\r\n\r\n".encode()
        # In two pieces, as a network may cut them.
        for piece in (data[:9], data[9:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def text(self, body, text, finish=None):
        choice = {"delta": {"content": text}} if "messages" in body else {"text": text}
        self.event({"choices": [{"index": 0, "finish_reason": finish, **choice}]})

    def well(self, body):
        prompt = body.get("prompt") or " ".join(message["content"] for message in body["messages"])
        count, cached = 2 * len(prompt.split()), 6
        self.begin()
        for index in range(body["max_tokens"]):
            time.sleep(self.server.pause)
            self.text(body, f"t{index} ")
        self.text(body, "", "length")
        self.event({"choices": [], "usage": {
            "prompt_tokens": count, "completion_tokens": body["max_tokens"],
            "prompt_tokens_details": {"cached_tokens": cached}}})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def refuse(self, _):
        self.answer(400, {"error": {"message": "unknown field", "type": "invalid_request_error"}})

    def fail(self, _):
        self.answer(500, {"error": {"message": "out of memory"}})

    def page(self, _):
        self.answer(200, "<html>welcome</html>", "text/html")

    def complain(self, body):
        self.begin()
        self.text(body, "a")
        self.event({"error": {"message": "the engine died"}})
        self.wfile.write(b"0\r\n\r\n")

    def garble(self, _):
        self.begin()
        self.event("{nothing")
        self.wfile.write(b"0\r\n\r\n")

    def stop_short(self, body):
        self.begin()
        self.text(body, "a")
        self.wfile.write(b"0\r\n\r\n")

    def cut(self, body):
        self.begin()
        self.text(body, "a")
        self.close_connection = True

    def hang_up(self, _):
        self.close_connection = True

    def hang(self, body):
        self.begin()
        self.text(body, "a")
        time.sleep(60)
