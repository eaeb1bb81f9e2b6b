"""`infer-serve chat`: in a terminal and in pipes, with a model of its own and with a server."""
import json
import os
import re
import signal
import struct
import subprocess
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pexpect
import pyte
import pytest

from server import Server, wait_until
from test_commands import uniform

COLUMNS, ROWS = 60, 24


class Terminal:
    """The command in a terminal whose screen can be read."""

    def __init__(self, binary, *arguments, **environment):
        environment = {**os.environ, "TERM": "xterm", "HOME": "/nonexistent", **environment}
        for name in ("XDG_STATE_HOME", "NO_COLOR"):
            environment.setdefault(name, "")
        self.screen = pyte.HistoryScreen(COLUMNS, ROWS, history=2000, ratio=1)
        self.stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(
            binary, ["chat", *map(str, arguments)], env=environment, dimensions=(ROWS, COLUMNS), timeout=60)
        self.raw = b""

    def take(self):
        try:
            data = self.child.read_nonblocking(65_536, timeout=0.05)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += data
        self.stream.feed(data)

    def text(self):
        """All that was shown, without the spaces at the ends of lines."""
        above = ["".join(line[x].data for x in range(COLUMNS)) for line in self.screen.history.top]
        return "\n".join(line.rstrip() for line in [*above, *self.screen.display]).rstrip()

    def wait(self, condition, what="the screen"):
        def check():
            self.take()
            return condition(self.text())
        try:
            return wait_until(check, 60, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen shows:\n{self.text()}") from None

    def prompts(self):
        return sum(line.startswith(">>>") for line in self.text().splitlines())

    def wait_for_prompt(self, count=None):
        """Until an empty prompt is there: the one of that number, where that is given."""
        self.wait(lambda text: text.endswith(">>>") and (count is None or self.prompts() >= count), "a prompt")

    def send(self, keys):
        self.child.send(keys)

    def say(self, line):
        """Enters a line and returns what is shown up to the next prompt."""
        before = self.prompts()
        start = len(self.text())
        self.send(line + "\r")
        self.wait(lambda text: text.endswith(">>>") and self.prompts() > before, "the next prompt")
        return self.text()[start:]

    def end(self):
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)


@pytest.fixture(params=["process", "server", "socket"])
def place(request, model, tmp_path_factory):
    """Arguments for a model in the process, for one behind a port, and for one behind a socket."""
    if request.param == "process":
        return [model, "--kv-cache-mib", "64"]
    if request.param == "server":
        return ["--server", request.getfixturevalue("server").url]
    return ["--server", "unix:" + request.getfixturevalue("socket_server")]


@pytest.fixture(scope="module")
def socket_server(binary, model, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("socket") / "s")
    with Server(binary, model, address=("--unix-socket", path)):
        yield path


GREEDY = ["--set", "temperature=0"]


def test_two_turns_keep_their_context(binary, place):
    with Terminal(binary, *place, *GREEDY) as terminal:
        terminal.wait_for_prompt()
        first = terminal.say("What is 3 + 4?")
        assert "7" in first, first
        terminal.say("What is 5 + 4?")
        # The second prompt held the first with its answer.
        stats = terminal.say("/stats")
        tokens = int(re.search(r"prompt +(\d+) tokens", stats).group(1))
        assert "2 answers" in stats
        assert "taken back: What is 5 + 4?" in terminal.say("/undo")
        terminal.say("What is 5 + 4?")
        again = terminal.say("/stats")
        assert int(re.search(r"prompt +(\d+) tokens", again).group(1)) == tokens
        terminal.say("/clear")
        terminal.say("What is 5 + 4?")
        assert int(re.search(r"prompt +(\d+) tokens", terminal.say("/stats")).group(1)) < tokens
        assert "nothing to take back" not in terminal.say("/undo") and "nothing to take back" in terminal.say("/undo")
        terminal.send("\x04")
        assert terminal.end() == 0


@pytest.fixture(scope="module")
def endless(model, tmp_path_factory):
    """A model that says any token with the same probability, but for the one that ends an answer, which it never says."""
    folder = uniform(model, tmp_path_factory.mktemp("endless"))
    one, minus_one, width = b"\x80\x3f", b"\x80\xbf", 256
    with open(folder / "model.safetensors", "r+b") as file:
        begin = 8 + struct.unpack("<Q", file.read(8))[0]
        tensors = json.loads(file.read(begin - 8))

        def write(name, values):
            first, last = tensors[name]["data_offsets"]
            assert len(values) == last - first, name
            file.seek(begin + first)
            file.write(values)

        # Whatever is read, the state is one in all its places, and so are the weights of all tokens but <|eos|>, the third.
        write("model.norm.weight", width * one)
        rows = tensors["model.embed_tokens.weight"]["shape"][0]
        write("model.embed_tokens.weight", 2 * width * one + width * minus_one + (rows - 3) * width * one)
    return folder


@pytest.mark.parametrize("is_served", [False, True])
def test_control_c_stops_the_answer_and_not_the_program(binary, endless, is_served):
    with Server(binary, endless) if is_served else nullcontext() as server:
        place = ["--server", server.url] if is_served else [endless, "--kv-cache-mib", 64]
        with Terminal(binary, *place, "--set", "temperature=1", "--set", "seed=1", "--set", "max_tokens=30000") as terminal:
            terminal.wait_for_prompt()
            terminal.send("Hello\r")
            terminal.wait(lambda text: len(text.splitlines()) > 8, "the answer's beginning")
            terminal.send("\x03")
            terminal.wait_for_prompt()
            assert "(stopped" in terminal.text()
            if is_served:
                server.wait_until_idle()
            assert "(ctrl-D or /exit leaves)" in say_control_c(terminal)
            # The program goes on, and what is typed during an answer is the next entry.
            terminal.say("/set max_tokens 300")
            terminal.send("Hello\r/think high\r")
            terminal.wait(lambda text: text.endswith(">>>") and "(think high)" in text, "the command")
            assert "(cut off" in terminal.text()


def say_control_c(terminal):
    before = terminal.prompts()
    terminal.send("\x03")
    terminal.wait(lambda text: text.endswith(">>>") and terminal.prompts() > before)
    return terminal.text()


def test_entries_are_edited(binary, model):
    with Terminal(binary, model, "--kv-cache-mib", 64) as terminal:
        terminal.wait_for_prompt()
        # What is shown after keys: over the edge of the screen, wide characters, a second line, and all of it undone.
        terminal.send("/system 雞兔同籠，上有35頭，下有94足，問雞兔各幾何？雞兔同籠，上有35頭，下有94足")
        terminal.wait(lambda text: text.endswith("足") and len(text.splitlines()[-2]) > 20)
        terminal.send("\x01\x1b[C\x1b[CX\x1b[3~")
        terminal.wait(lambda text: ">>> /sXstem 雞兔" in text)
        terminal.send("\x08y\x05\x1b\rsecond line\x1b[A\x1b[F!")
        terminal.wait(lambda text: text.endswith("94足!\n... second line"))
        terminal.send("\r")
        terminal.wait_for_prompt(2)
        assert "(the system message is set)" in terminal.text()
        told = terminal.say("/system")
        assert "雞兔同籠，上有35頭，下有94足，問雞兔各幾何？雞兔同籠，上有35頭，下有94足!\nsecond line" in re.sub(
            r"(?<=[^!])\n(?=\S)", "", told), told
        # Up brings entries again, ctrl-C drops what was written, and a tab completes a command.
        terminal.send("\x1b[A\x1b[A\x1b[A")
        terminal.wait(lambda text: text.endswith("second line"))
        terminal.send("\x03")
        terminal.wait_for_prompt()
        terminal.send("/exi\t\r")
        assert terminal.end() == 0


def test_several_lines_are_one_message(binary, model, tmp_path):
    saved = tmp_path / "chat.json"
    with Terminal(binary, model, "--kv-cache-mib", 64, "--set", "max_tokens=4") as terminal:
        terminal.wait_for_prompt()
        for keys in ('"""one\rtwo\r"""\r', "one\\\rtwo\r", "one\x1b\rtwo\r", "\x1b[200~one\ntwo\x1b[201~\r"):
            before = terminal.prompts()
            terminal.send(keys)
            terminal.wait(lambda text: text.endswith(">>>") and terminal.prompts() > before)
        terminal.say(f"/save {saved}")
    messages = json.loads(saved.read_text())["messages"]
    assert [message["content"] for message in messages if message["role"] == "user"] == ["one\ntwo"] * 4


def test_history_outlives_the_program(binary, model, tmp_path):
    options = [model, "--kv-cache-mib", 64]
    for expected in (">>>", "/set seed 5"):
        with Terminal(binary, *options, XDG_STATE_HOME=str(tmp_path)) as terminal:
            terminal.wait_for_prompt()
            terminal.send("\x1b[A")
            terminal.wait(lambda text: text.endswith(expected))
            terminal.send("\x15")
            terminal.say("/set seed 5")
            terminal.send("\x04")
            assert terminal.end() == 0
    file = tmp_path / "infer-serve/chat-history"
    assert file.read_text() == "/set seed 5\n" and file.stat().st_mode & 0o777 == 0o600
    with Terminal(binary, *options, "--no-history", XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait_for_prompt()
        terminal.say("/set seed 6")
    assert "6" not in file.read_text()


def test_the_terminal_is_as_it_was(binary, model, tmp_path):
    command = f"stty -g > {tmp_path}/before; {binary} chat {model} --kv-cache-mib 64; stty -g > {tmp_path}/after; echo over"
    for ending in ("\x04", "term"):
        child = pexpect.spawn("bash", ["-c", command], dimensions=(ROWS, COLUMNS), timeout=60)
        child.expect_exact(">>> ")
        if ending == "term":
            children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGTERM)
        else:
            child.send(ending)
        child.expect_exact("over")
        child.close()
        assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


def test_control_z_gives_the_terminal_back_to_the_shell(binary, model):
    shell = pexpect.spawn("bash", ["--norc", "-i"], env={**os.environ, "PS1": "SHELL ", "TERM": "xterm"}, timeout=60)
    shell.expect_exact("SHELL ")
    shell.send(f"{binary} chat {model} --kv-cache-mib 64 --no-history\r")
    shell.expect_exact(">>> ")
    shell.send("abc")
    shell.expect_exact("abc")
    shell.send("\x1a")
    shell.expect_exact("Stopped")
    shell.expect_exact("SHELL ")
    shell.send("stty -a\r")
    shell.expect(" icanon ")
    shell.expect_exact("SHELL ")
    # What was being written is still there.
    shell.send("fg\r")
    shell.expect_exact(">>> abc")
    shell.send("\x15/exit\r")
    shell.expect_exact("SHELL ")
    shell.close(force=True)


def chat(binary, *arguments, text, **environment):
    return subprocess.run([binary, "chat", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})


def test_pipes_carry_answers_alone(binary, place, tmp_path):
    saved = tmp_path / "chat.json"
    text = f'What is 34 + 58?\n\n"""\nWhat is\n5 + 4?\n"""\n/save {saved}\n'
    result = chat(binary, *place, *GREEDY, text=text)
    assert result.returncode == 0, result.stderr
    assert result.stderr == f"(written to {saved})\n"
    messages = json.loads(saved.read_text())["messages"]
    assert [message["content"] for message in messages[::2]] == ["What is 34 + 58?", "What is\n5 + 4?"]
    assert result.stdout == "".join(message["content"] + "\n" for message in messages[1::2])
    assert "92" in messages[1]["content"] and messages[1]["reasoning_content"] not in result.stdout
    # It goes on from there, as if it had not ended.
    more = chat(binary, *place, *GREEDY, text=f"/load {saved}\n/undo\n/retry\n/save {saved}\n")
    assert more.returncode == 0, more.stderr
    assert json.loads(saved.read_text())["messages"] == messages


def test_what_goes_wrong_in_a_pipe_is_told_and_counted(binary, model, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("data")
    text = f"/udno\n/save {kept}\n/set temperature warm\n/load /nowhere\n/undo\n/model other\n"
    result = chat(binary, model, "--kv-cache-mib", 64, text=text)
    assert result.returncode == 1 and result.stdout == "" and kept.read_text() == "data"
    lines = result.stderr.splitlines()
    assert lines[0] == "infer-serve: there is no command /udno; did you mean '/undo'?"
    assert "exists; /save -f" in lines[1] and "must be a number" in lines[2] and "/nowhere" in lines[3]
    assert "nothing to take back" in lines[4] and "--server" in lines[5] and "6 lines had no answer" in lines[6]


def test_a_full_disk_ends_the_chat(binary, place):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [binary, "chat", *place, *GREEDY], input="What is 3 + 4?\nWhat is 5 + 4?\n", stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode != 0 and "standard output" in result.stderr and result.stderr.count("\n") == 1


def test_the_home_folder_is_known(binary, model, tmp_path):
    result = chat(binary, model, "--kv-cache-mib", 64, text="/save ~/chat.json\n/load ~/chat.json\n", HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "chat.json").read_text()) == {"messages": []}


WRONG = [
    ([], "give a model, or --server"), (["MODEL", "--model", "x"], "give a model, or --server"),
    (["MODEL", "--server", "http://127.0.0.1:1"], "not both"), (["MODEL", "--api-key", "x"], "--api-key needs --server"),
    (["--server", "http://127.0.0.1:1", "--threads", "1"], "--threads is for a model in this process"),
    (["--server", "http://127.0.0.1:1", "--kv-type=f32"], "--kv-type is for a model in this process"),
    (["--server", "nowhere"], "--server must be a URL"), (["--server", "http://127.0.0.1:1"], "cannot connect to http://127"),
    (["--server", "unix:/nowhere"], "cannot connect to unix:/nowhere"), (["MODEL", "--set", "x"], "--set must be"),
    (["MODEL", "--set", "top_p=7"], "top_p must be"), (["MODEL", "--think", "hard"], "how to think must be"),
    (["/nowhere"], "/nowhere"),
]


@pytest.mark.parametrize("arguments, names", WRONG, ids=str)
def test_wrong_options_are_one_clear_line(binary, model, arguments, names):
    result = chat(binary, *(model if a == "MODEL" else a for a in arguments), text="")
    assert result.returncode != 0 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and names in result.stderr, result.stderr


class Hostile(BaseHTTPRequestHandler):
    """A server whose answers, names and errors would change the terminal."""
    ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r"

    def do_GET(self):
        self.answer("application/json", json.dumps({"data": [{"id": "bad" + self.ESCAPE}]}))

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "fail" in asked["messages"][-1]["content"]:
            self.answer("application/json", json.dumps({"error": {"message": self.ESCAPE}}), 500)
            return
        deltas = [{"reasoning_content": self.ESCAPE}, {"content": self.ESCAPE}]
        events = [json.dumps({"choices": [{"delta": delta}]}) for delta in deltas] + ["[DONE]"]
        self.answer("text/event-stream", "".join(f"data: {event}\n\n" for event in events))

    def answer(self, kind, body, status=200):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def test_hostile_text_does_not_reach_the_terminal(binary):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Terminal(binary, "--server", f"http://127.0.0.1:{server.server_port}") as terminal:
            terminal.wait_for_prompt()
            assert "evil" in terminal.say("hello")
            assert "evil" in terminal.say("/model")
            assert "evil" in terminal.say("fail")
            for part in (b"\x1b]", b"\x1b[2J", b"\xc2\x9b", b"\x07", "\u202e".encode()):
                assert part not in terminal.raw, part
            assert terminal.screen.title != "owned"
    finally:
        server.shutdown()
        server.server_close()


def test_the_key_of_a_server_is_sent(binary, start):
    with start("--api-key", "secret") as server:
        options = ["--server", server.url, "--set", "max_tokens=2"]
        assert chat(binary, *options, text="Hi\n", INFER_SERVE_API_KEY="secret").returncode == 0
        assert chat(binary, *options, "--api-key", "secret", text="Hi\n").returncode == 0
        refused = chat(binary, *options, "--api-key", "wrong", text="Hi\n")
        assert refused.returncode != 0 and "401" in refused.stderr and refused.stderr.count("\n") == 1
