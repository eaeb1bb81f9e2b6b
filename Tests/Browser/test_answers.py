"""Answers of every kind: markdown, hostile ones, calls of tools, refusals."""
import json
import re

from conftest import answer_with, finished, send

from server import wait_until

HOSTILE = """<img src=x onerror="window.hit = 1"> <script>window.hit = 2</script>

<div onclick="window.hit = 3">

[link](javascript:window.hit=4) [data](data:text/html,<script>window.hit=5</script>) <javascript:window.hit=6>
[entity](&#106;avascript:window.hit=7) [tab](java\tscript:window.hit=8) ![image](https://example.com/spy.png)
[good](https://example.com/a?b=1&c=2) $\\href{javascript:window.hit=9}{x}$ `<b>code</b>` &lt;b&gt; &amp;amp;

```html"><script>window.hit = 10</script>
<iframe src="javascript:window.hit=11">
```

| a | b |
|---|:-:|
| <svg onload=alert(1)> | **x** |
"""

MARKDOWN = """# Heading

Some *text* with **weight**, `code` and a [link](https://example.com).
Another line

- one
- two

  more of two

1. first
   ```swift
   let x = 1

   let y = "<b>"
   ```
2. second

> quoted
> text

| left | right |
|:-----|------:|
| 1    | 2     |

$$
\\frac{a}{b} = \\sqrt{x}
$$

Before a formula
\\[ c \\]
Inline $x^2$ and \\(y_1\\), but 5 $ and 6 $ are money.

```
unfinished"""


def test_hostile_answers_stay_text(visit, picture):
    page = visit(permits=["KaTeX"])
    answer_with(page, *[{"content": HOSTILE[at:at + 7]} for at in range(0, len(HOSTILE), 7)])
    send(page, "x")
    page.wait_for_selector(".formula.source, math")
    for link in page.locator(".content a").all():
        link.evaluate("(link) => link.dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))")
    assert page.evaluate("window.hit") is None
    assert page.locator(".content :is(img, script, iframe, svg:not(.copy svg), div[onclick])").count() == 0
    links = page.locator(".content a").evaluate_all("(all) => all.map((link) => [link.textContent, link.getAttribute('href'), link.rel])")
    assert [(text, href) for text, href, _ in links] == [
        ("image", "https://example.com/spy.png"), ("good", "https://example.com/a?b=1&c=2")]
    assert all("noopener" in rel and "noreferrer" in rel for _, _, rel in links)
    text = page.locator(".turn.assistant .content").inner_text()
    assert '<img src=x onerror="window.hit = 1">' in text and "<b>code</b>" in text and "<b> &amp;" in text
    picture(page, "hostile")


def test_a_megabyte_without_a_space_is_shown(visit):
    page = visit(width=360)
    answer_with(page, *[{"content": "x" * 1000}] * 1000)
    send(page, "x")
    assert page.evaluate("document.querySelector('.turn.assistant .content').textContent.length") == 1_000_000
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    # The page still answers.
    page.unroute("**/v1/chat/completions")
    page.click("#menu")
    page.click("#new")
    send(page, "What is 47 + 85?")
    assert page.locator(".turn.assistant .content").inner_text() == "132"


def test_markdown_is_shown_and_grows_to_what_it_is(visit, picture):
    page = visit()
    answer_with(page, {"content": MARKDOWN})
    send(page, "x")
    page.wait_for_selector("math mfrac")
    content = page.locator(".turn.assistant .content")
    assert content.locator("h3").inner_text() == "Heading" and content.locator("ol > li").count() == 2
    assert content.locator("ul > li").count() == 2 and content.locator("math").count() == 4
    assert content.locator("td").evaluate_all("(all) => all.map((cell) => cell.className)") == ["align-left", "align-right"]
    assert "5 $ and 6 $ are money" in content.inner_text()
    assert content.locator("pre").last.inner_text().strip() == "unfinished"
    content.locator("button.copy").first.click()
    wait_until(lambda: page.evaluate("navigator.clipboard.readText()") == 'let x = 1\n\nlet y = "<b>"')
    picture(page, "markdown")
    # However it comes, the end is the same; blocks that are complete are not made again.
    kept = page.evaluate("""async (text) => {
        const { MarkdownView } = await import("./page/markdown.js");
        const whole = document.createElement("div");
        new MarkdownView(whole).update(text, true);
        const results = [];
        for (const size of [1, 3, 17]) {
            const grown = document.createElement("div");
            const view = new MarkdownView(grown);
            let heading;
            for (let end = size; end < text.length; end += size) {
                view.update(text.slice(0, end), false);
                if (end > 30) heading ??= grown.querySelector("h3");
            }
            view.update(text, true);
            await new Promise((resolve) => setTimeout(resolve, 100));
            results.push([grown.innerHTML === whole.innerHTML, grown.contains(heading)]);
        }
        return results;
    }""", MARKDOWN)
    assert kept == [[True, True]] * 3


def test_odd_markdown_takes_no_time(visit):
    page = visit()
    texts = [">" * 9000, "[" * 9000, "*a" * 4000, "`" * 9000, "- " * 5000, "|" * 9000, "$" * 9000, "\\(" * 4000, "<" * 9000,
             "![" * 4000, "_" * 9000 + "a", "    " * 3000, "1. " * 4000, "&" * 9000, "\\[" * 4000]
    took = page.evaluate("""async (texts) => {
        const { MarkdownView } = await import("./page/markdown.js");
        return texts.map((text) => {
            const start = performance.now();
            const element = document.createElement("div");
            new MarkdownView(element).update(text, true);
            return performance.now() - start;
        });
    }""", texts)
    assert max(took) < 3000, took


def test_calls_of_tools_are_shown_and_answered(visit, picture):
    page = visit()
    calls = [{"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]},
             {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Shen'}}]},
             {"tool_calls": [{"index": 0, "function": {"arguments": 'zhen"}'}}]}]
    bodies = answer_with(page, *calls, finish="tool_calls")
    page.click("#open-settings")
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    page.fill("#tools", json.dumps(tools))
    page.keyboard.press("Escape")
    send(page, "The weather?")
    assert bodies[0]["tools"] == tools
    assert page.locator(".call h3").inner_text() == "Call of weather"
    assert json.loads(page.locator(".call code").inner_text()) == {"city": "Shenzhen"}
    page.unroute("**/v1/chat/completions")
    bodies = answer_with(page, {"content": "It rains."})
    page.fill(".results textarea", "rain")
    picture(page, "tools")
    page.click(".results button")
    wait_until(lambda: page.locator(".turn.assistant .content").last.inner_text() == "It rains.")
    assert [message["role"] for message in bodies[0]["messages"]] == ["user", "assistant", "tool"]
    assert bodies[0]["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Shenzhen"}'
    assert bodies[0]["messages"][2] == {"role": "tool", "content": "rain", "tool_call_id": "call_1"}


def test_turns_with_calls_are_edited(visit):
    page = visit()
    calls = [{"reasoning_content": "Two places."},
             {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function",
                              "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
                             for index, city in enumerate(["Oslo", "Rome"])]}]
    answer_with(page, *calls, finish="tool_calls")
    send(page, "The weather?")
    page.unroute("**/v1/chat/completions")
    bodies = answer_with(page, {"content": "So be it."})
    for field, text in zip(page.locator(".results textarea").all(), ["rain", "sun"]):
        field.fill(text)
    page.click(".results button")
    wait_until(lambda: len(bodies) == 1 and page.locator(".turn.assistant .content").last.inner_text() == "So be it.")

    def edit(turn, text):
        turn.locator("button[aria-label=Edit]").click()
        page.locator(".editor textarea").fill(text)
        page.locator(".editor button[type=submit]").click()

    # The result of one call: that of the other stays, and the model answers anew.
    edit(page.locator(".turn.tool").first, "snow")
    wait_until(lambda: len(bodies) == 2)
    assert bodies[1]["messages"][:2] == bodies[0]["messages"][:2]
    assert bodies[1]["messages"][2:] == [{"role": "tool", "content": "snow", "tool_call_id": "call_0"},
                                         {"role": "tool", "content": "sun", "tool_call_id": "call_1"}]
    # The answer that calls keeps its calls and its reasoning, and waits for results.
    edit(page.locator(".turn.assistant").first, "I ask.")
    for field in page.locator(".results textarea").all():
        field.fill("fog")
    page.click(".results button")
    wait_until(lambda: len(bodies) == 3)
    before = bodies[0]["messages"][1]
    assert bodies[2]["messages"][1] == before | {"content": "I ask."} and before["reasoning_content"] == "Two places."
    assert [message["content"] for message in bodies[2]["messages"][2:]] == ["fog", "fog"]


def test_a_key_is_asked_for_and_sent(visit):
    page = visit(permits=["401"])
    refusal = {"error": {"message": "A key is needed.", "type": "authentication_error", "param": None, "code": None}}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(status=401, json=refusal))
    send(page, "x")
    assert page.locator(".turn.assistant .error").inner_text() == "No answer: A key is needed."
    assert page.locator("#key").is_visible() and page.locator("#key-note").inner_text() == "The server wants an API key."
    page.fill("#key", "secret")
    page.press("#key", "Enter")
    page.keyboard.press("Escape")
    page.unroute("**/v1/chat/completions")
    bodies = answer_with(page, {"content": "Welcome."})
    page.click("button[aria-label='Answer again']")
    finished(page)
    assert bodies[0]["authorization"] == "Bearer secret"
    page.reload()
    assert page.locator("#key").input_value() == "secret"


def test_refusals_and_lost_connections_are_told(visit):
    page = visit(permits=["400", "ERR_FAILED", "ERR_CONNECTION"])
    page.click("#open-settings")
    page.fill("#max_tokens", "1")
    page.keyboard.press("Escape")
    page.route("**/v1/chat/completions", lambda route: route.continue_(
        post_data=json.dumps(json.loads(route.request.post_data) | {"temperature": 7})))
    send(page, "x")
    assert re.search("No answer: .*temperature", page.locator(".turn.assistant .error").inner_text())
    page.unroute("**/v1/chat/completions")
    page.route("**/v1/chat/completions", lambda route: route.abort())
    page.click("button[aria-label='Answer again']")
    finished(page)
    assert page.locator(".turn.assistant .error").inner_text().startswith("No answer: ")
    page.unroute("**/v1/chat/completions")
    page.click("button[aria-label='Answer again']")
    finished(page)
    assert page.locator(".turn.assistant .note").inner_text() == "The answer ended at the limit of its length."


def test_a_server_with_keys_is_used_with_one(visit, start):
    with start("--api-key", "sk-page") as server:
        # The server ends before the page does.
        board = visit("/dashboard", base=server.url, permits=["401", "ERR_"])
        wait_until(lambda: board.locator("#key-form").is_visible())
        wait_until(lambda: "API key" in board.locator("#state").inner_text())
        board.fill("#key", "sk-page")
        board.press("#key", "Enter")
        board.wait_for_selector(".is-live")
        # The chat of the same browser has the key already.
        board.goto(server.url + "/")
        wait_until(lambda: board.locator("#model option").all_inner_texts() == ["tiny"])
        send(board, "What is 47 + 85?")
        assert board.locator(".turn.assistant .content").inner_text() == "132"
        board.click("header a")
        board.wait_for_selector("#key-rows th")
        assert board.locator("#key-rows th").all_inner_texts() == ["api-key#1", "tiny"]
