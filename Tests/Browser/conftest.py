"""Drives Debian's Chromium. Options: --binary, --model, --browser and --screenshots."""
import json
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from server import Server, wait_until  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--binary", default=str(ROOT / ".build/debug/infer-serve"), help="the built command")
    parser.addoption("--model", default=str(ROOT / "Models/tiny"), help="the bundled model")
    parser.addoption("--browser", default="/usr/bin/chromium", help="Chromium")
    parser.addoption("--screenshots", help="a folder for pictures of what is tested")


@pytest.fixture(scope="session")
def start(request):
    """Starts a server with options of its own."""
    return lambda *options: Server(request.config.getoption("--binary"), request.config.getoption("--model"), *options)


@pytest.fixture(scope="session")
def server(start):
    with start() as server:
        yield server


@pytest.fixture(scope="session")
def browser(request):
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs more rights than a container gives.
        browser = playwright.chromium.launch(
            executable_path=request.config.getoption("--browser"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, server):
    """Opens pages, each in a profile of its own, and looks at the end that nothing went wrong in any: no error, nothing
    that the policy forbids, and no request to anywhere else."""
    contexts, faults, expected = [], [], []

    def visit(path="/", *, base=server.url, width=1200, height=800, locale="en-US", permits=(), prepare=None, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, permissions=["clipboard-read", "clipboard-write"],
            **options)
        contexts.append(context)
        expected.extend(permits)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((base, "data:", "blob:")) else faults.append(request.url))
        if prepare:
            prepare(page)
        page.goto(base + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [fault for fault in faults if not any(part in fault for part in expected)] == []


@pytest.fixture
def picture(request):
    """Keeps a picture of a page, where a folder is named for them."""
    folder = request.config.getoption("--screenshots")

    def picture(page, name, **options):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", **options)

    return picture


def send(page, text, timeout=30):
    """Sends a message and waits for the end of the answer."""
    page.fill("#message", text)
    page.press("#message", "Enter")
    finished(page, timeout)


def finished(page, timeout=30):
    over = "!document.querySelector('[aria-busy]') && document.querySelector('.turn.assistant') !== null"
    wait_until(lambda: page.evaluate(over), timeout, "the end of an answer")
    page.wait_for_selector("#stop", state="hidden")


def answer_with(page, *deltas, finish="stop", status=200):
    """Has the page's next requests answered by a stream of these deltas. Returns the list of the requests' bodies."""
    bodies = []

    def answer(route):
        bodies.append(json.loads(route.request.post_data) | {"authorization": route.request.headers.get("authorization")})
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        route.fulfill(status=status, content_type="text/event-stream", body=body)

    page.route("**/v1/chat/completions", answer)
    return bodies


def reaches_everything_by_keys(page):
    """Every control comes along with Tab, and shows that it has the focus."""
    wanted = page.locator("button:visible, a:visible, select:visible, textarea:visible, input:visible, summary:visible")
    names = set(wanted.evaluate_all("(all) => all.map((one, index) => (one.dataset.test = String(index)))"))
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.dataset.test")
        if name:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            reached.add(name)
    assert reached == names
