"""A conversation on the page, with the bundled model."""
import json
import re
import threading

import httpx
from conftest import finished, send

from server import Server, wait_until, with_long_context

SUM = "What is 47 + 85?"


def answers(page):
    return page.locator(".turn.assistant .content").all_inner_texts()


def long_answers(page):
    """Has the answers of the page go on until they are stopped."""
    def longer(route):
        body = json.loads(route.request.post_data) | {"max_tokens": 30_000, "ignore_eos": True, "temperature": 1.0}
        route.continue_(post_data=json.dumps(body))

    page.route("**/v1/chat/completions", longer)


def test_the_puzzles_are_solved(visit):
    for locale, expected in (("en-US", ["23 chickens and 12 rabbits.", "132", "54"]), ("zh-TW", ["雞23隻，兔12隻。", "132", "54"])):
        page = visit(locale=locale)
        assert page.evaluate("document.documentElement.lang") == {"en-US": "en", "zh-TW": "zh-Hant"}[locale]
        for index, answer in enumerate(expected):
            page.click("#new")
            page.locator("#puzzles button").nth(index).click()
            finished(page)
            assert answers(page) == [answer]


def test_an_answer_tells_what_it_took(visit, picture):
    page = visit()
    page.locator("#puzzles button").first.click()
    finished(page)
    reasoning = page.locator("details")
    assert re.fullmatch(r"Reasoning · \d+ characters, \d+\.\d s", reasoning.locator("summary").inner_text())
    assert not page.locator(".reasoning").is_visible()
    reasoning.locator("summary").click()
    assert "35*2=70" in page.locator(".reasoning").inner_text()
    told = page.locator(".statistics").inner_text()
    assert re.fullmatch(r"\d+ tokens · [\d.,]+ tokens/s · first token \d+\.\d\d s · \d+ of 28 prompt tokens cached", told)
    # Screen readers hear of the end once, and not of each token.
    wait_until(lambda: page.locator("#status").inner_text() == "The answer is complete.")
    assert page.locator("[aria-live], [role=status], [role=log]").count() == 4
    send(page, SUM)
    assert answers(page)[-1] == "132"
    # What was opened stays open.
    assert page.locator(".reasoning").first.is_visible()
    page.locator(".turn.assistant footer button[aria-label=Copy]").last.click()
    wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == "132")
    picture(page, "chat")


def test_stopping_ends_the_request(visit, request, tmp_path):
    model = with_long_context(request.config.getoption("--model"), tmp_path / "model")
    with Server(request.config.getoption("--binary"), model, "--threads", "1") as server:
        page = visit(base=server.url)
        long_answers(page)
        for stop in (lambda: page.click("#stop"), lambda: page.keyboard.press("Escape")):
            page.fill("#message", SUM)
            page.press("#message", "Enter")
            wait_until(lambda: page.evaluate("document.querySelector('.turn:last-child [class=content]').textContent.length > 20"), 30)
            assert page.locator("#send").is_hidden()
            stop()
            finished(page)
            assert page.locator(".turn:last-child .note").inner_text() == "The answer was stopped."
            server.wait_until_idle(5)


def test_turns_have_versions(visit):
    page = visit()
    send(page, SUM)
    # Another answer, and back.
    page.click("button[aria-label='Answer again']")
    finished(page)
    assert page.locator(".versions").inner_text().strip() == "2/2"
    page.click("button[aria-label='Previous version']")
    assert page.locator(".versions").inner_text().strip() == "1/2" and answers(page) == ["132"]
    # Another question, whose answer stands alone, and back to both answers of the first.
    page.locator(".turn.user button[aria-label=Edit]").click()
    page.locator(".editor textarea").fill("What is 63 - 27 + 18?")
    page.locator(".editor textarea").press("Control+Enter")
    finished(page)
    assert answers(page) == ["54"] and page.locator(".turn.user .versions").inner_text().strip() == "2/2"
    page.locator(".turn.user button[aria-label='Previous version']").click()
    assert answers(page) == ["132"] and page.locator(".turn.assistant .versions").inner_text().strip() == "1/2"
    # An answer that is edited is what the model goes on from.
    page.locator(".turn.assistant button[aria-label=Edit]").click()
    page.locator(".editor textarea").fill("It is **132**.")
    page.locator(".editor button[type=submit]").click()
    assert answers(page) == ["It is 132."] and page.locator(".content strong").inner_text() == "132"
    bodies = []
    page.on("request", lambda request: request.method == "POST" and bodies.append(json.loads(request.post_data)))
    send(page, "Thanks")
    assert [message["content"] for message in bodies[0]["messages"]] == [SUM, "It is **132**.", "Thanks"]


def test_conversations_are_kept_found_and_carried_away(visit, tmp_path):
    page = visit()
    send(page, SUM)
    page.click("#new")
    send(page, "Hello there")
    page.reload()
    titles = page.locator("#conversations .title")
    wait_until(lambda: titles.all_inner_texts() == ["Hello there", SUM])
    # The one that was open is open again.
    assert page.locator(".turn.user .content").inner_text() == "Hello there"
    page.fill("#search", "132")
    wait_until(lambda: titles.all_inner_texts() == [SUM])
    titles.first.click()
    assert answers(page) == ["132"]
    page.fill("#search", "nowhere")
    page.wait_for_selector("#nothing", state="visible")
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "conversations.json")
    # Another browser.
    other = visit()
    other.set_input_files("#file", tmp_path / "conversations.json")
    wait_until(lambda: other.locator("#conversations .title").all_inner_texts() == ["Hello there", SUM])
    other.locator("#conversations .title").last.click()
    assert answers(other) == ["132"] and "tokens/s" in other.locator(".statistics").inner_text()
    other.once("dialog", lambda dialog: dialog.accept())
    other.locator("#conversations li").last.locator("button.icon").click()
    wait_until(lambda: other.locator("#conversations .title").all_inner_texts() == ["Hello there"])
    assert other.locator("#welcome").is_visible()
    # What is no such file is refused.
    other.on("dialog", lambda dialog: dialog.accept())
    (tmp_path / "other.json").write_text('{"conversations": 3}')
    with other.expect_event("dialog") as dialog:
        other.set_input_files("#file", tmp_path / "other.json")
    assert dialog.value.message == "This file holds no conversations of this page."


def test_settings_are_sent(visit):
    page = visit()
    bodies = []
    page.on("request", lambda request: request.method == "POST" and bodies.append(json.loads(request.post_data)))
    page.click("#open-settings")
    # The model's own defaults.
    wait_until(lambda: page.locator("#max_tokens").get_attribute("placeholder") == "512")
    assert page.locator("#temperature").get_attribute("placeholder") == "0"
    page.fill("#temperature", "0.5")
    page.fill("#max_tokens", "60")
    page.fill("#system", "Be brief.")
    page.check("#structured")
    page.locator("#fields input[type=text]").first.fill("sum")
    page.locator("#fields select").select_option("integer")
    page.keyboard.press("Escape")
    page.select_option("#thinking", "off")
    send(page, SUM)
    body = bodies[-1]
    assert body["temperature"] == 0.5 and body["max_tokens"] == 60 and body["enable_thinking"] is False
    assert body["messages"][0] == {"role": "system", "content": "Be brief."} and body["model"] == "tiny"
    # The answer may be cut off by its limit, but not be another.
    assert re.match(r'\{\s*"sum"\s*:', answers(page)[0]) and page.locator("details").is_hidden()
    page.reload()
    page.select_option("#thinking", "high")
    page.click("#open-settings")
    assert page.locator("#fields input[type=text]").first.input_value() == "sum"
    # A schema that fields cannot show is edited as it is; what is no JSON is told.
    page.fill("#schema", '{"type": "array", "items": {"type": "integer"}, "maxItems": 2}')
    assert page.locator("#fields").is_hidden()
    page.keyboard.press("Escape")
    send(page, SUM)
    assert bodies[-1]["reasoning_effort"] == "high" and answers(page)[-1].lstrip().startswith("[")
    page.click("#open-settings")
    page.fill("#schema", "{")
    assert page.locator("#schema-note").inner_text().startswith("Not valid")


def test_the_page_works_while_64_streams_run(visit, server):
    stop = threading.Event()

    def stream():
        body = server.chat(stream=True, max_tokens=200, ignore_eos=True, temperature=1.0)
        while not stop.is_set():
            with httpx.stream("POST", server.url + "/v1/chat/completions", json=body, timeout=120) as response:
                for _ in response.iter_lines():
                    if stop.is_set():
                        return

    threads = [threading.Thread(target=stream) for _ in range(64)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: server.metric("num_requests_running") + server.metric("num_requests_waiting") > 60)
        page = visit()
        # The answer waits for its turn, the page for nothing.
        page.fill("#message", SUM)
        page.press("#message", "Enter")
        took = page.evaluate("""async () => {
            const start = performance.now();
            for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
            return performance.now() - start;
        }""")
        assert took < 5000
        finished(page, 120)
        assert answers(page) == ["132"]
        board = visit("/dashboard")
        wait_until(lambda: board.evaluate("[...document.querySelectorAll('.legend b')].some((value) => Number(value.textContent) > 20)"), 30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    server.wait_until_idle()
