"""The page of usage: what keys have used of models, when, and what it cost; and keys on the dashboard."""
import json
import re
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest
from conftest import reaches_everything_by_keys
from test_looks import check, fits

from server import LONG, wait_until

HOSTILE = "<img src=x onerror=alert(1)>"
PRICES = "currency: EUR\nmodels: {tiny: {input: 1, cached: 0.5, output: 10}, big: {input: 100, output: 1000}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("usage")


@pytest.fixture(scope="module")
def counted(start, folder):
    """A server with prices and with usage of four weeks: (hours ago, key, model, requests, tokens)."""
    prices = folder / "prices.yaml"
    prices.write_text(PRICES)
    with start("--usage-db", str(folder / "usage.db"), "--prices", str(prices)) as server:
        put(folder / "usage.db", [
            (0, "ann", "tiny", 3, 3000, 1000, 500), (1, "ann", "big", 1, 200, 0, 100), (30, "bob", "tiny", 7, 700, 0, 70),
            (24 * 20, "", HOSTILE, 2, 10, 0, 20)])
        yield server


def put(path, rows):
    now = int(time.time()) // 3600
    with sqlite3.connect(path) as database:
        database.executemany("INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)", [
            (now - hours, key, model, requests, prompt, cached, generated, requests * 1.5)
            for hours, key, model, requests, prompt, cached, generated in rows])


def texts(page, rows="#sums tbody tr"):
    """The cells of a table's rows, all at the same time."""
    return page.locator(rows).evaluate_all("(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText))")


def test_sums_are_told_by_key_and_model(visit, counted):
    page = visit("/usage", base=counted.url)
    page.wait_for_selector("#sums tbody tr")
    # The dearest first. The price is 0.002 + 0.0005 + 0.005, and so on.
    assert texts(page) == [
        ["ann", "big", "1", "200", "0", "100", "1.5", "0.12"],
        ["ann", "tiny", "3", "3,000", "1,000", "500", "4.5", "0.0075"],
        ["bob", "tiny", "7", "700", "0", "70", "10.5", "0.0014"]]
    assert texts(page, "#sums tfoot tr") == [["All", "11", "3,900", "1,000", "670", "16.5", "0.1289"]]
    assert texts(page, "#sums thead tr")[0][-1] == "Cost, EUR"
    assert page.locator("#note").inner_text() == ""
    # By the headings, with the keys alone, each way.
    heading = page.locator("#sums th button", has_text="Requests")
    heading.focus()
    for key, wanted, direction in (("Enter", ["7", "3", "1"], "descending"), ("Space", ["1", "3", "7"], "ascending")):
        page.keyboard.press(key)
        assert [row[2] for row in texts(page)] == wanted
        assert page.locator("#sums [aria-sort]").get_attribute("aria-sort") == direction
        assert page.evaluate("document.activeElement.dataset.column") == "requests"
    # The same over time: two hours of today, one of yesterday or the day before.
    assert page.locator(".legend b").all_inner_texts() == ["1,000", "2,900", "670"]
    page.select_option("#measure", "requests")
    assert page.locator(".legend b").all_inner_texts() == ["11"]
    assert page.locator(".bars g").count() == 7
    heights = page.locator(".bars g").evaluate_all(
        "(bars) => bars.map((bar) => Number(bar.querySelector('.fill-1').getAttribute('height')))")
    assert sum(height > 0 for height in heights) in (2, 3) and max(heights) <= 100


def test_ranges_are_kept_in_the_address(visit, counted):
    page = visit("/usage", base=counted.url)
    page.wait_for_selector("#sums tbody tr")
    page.select_option("#range", "day")
    wait_until(lambda: len(texts(page)) == 2)
    assert page.locator(".bars g").count() == 24
    page.select_option("#range", "month")
    wait_until(lambda: len(texts(page)) == 4)
    assert page.url.endswith("#month") and page.locator(".bars g").count() == 30
    # Names are texts, and a model without a price is told of.
    assert texts(page)[-1][:2] == ["no key", HOSTILE] and texts(page)[-1][-1] == "–"
    assert "have a price" in page.locator("#note").inner_text()
    page.reload()
    wait_until(lambda: len(texts(page)) == 4)
    # Days of one's own.
    page.select_option("#range", "custom")
    page.fill("#from", "2026-01-01")
    page.fill("#to", "2025-12-01")
    assert page.locator("#to").evaluate("(field) => field.validationMessage") == "The last day lies before the first."
    page.fill("#to", "2026-01-02")
    page.wait_for_function("location.hash === '#2026-01-01/2026-01-02'")
    wait_until(lambda: page.locator("#note").inner_text() == "Nothing was used in this time.")
    page.fill("#from", "2022-01-01")
    today = page.evaluate("new Date().toLocaleDateString('sv')")
    page.fill("#to", today)
    wait_until(lambda: len(texts(page)) == 4)
    assert "2022" in page.locator(".ends").inner_text() and page.locator(".bars g").count() > 48


def test_a_spreadsheet_gets_the_sums(visit, counted):
    page = visit("/usage#month", base=counted.url)
    wait_until(lambda: len(texts(page)) == 4)
    with page.expect_download() as download:
        page.click("#csv")
    assert re.fullmatch(r"usage-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename)
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "key,model,requests,prompt_tokens,cached_tokens,generated_tokens,reasoning_tokens,seconds,cost"
    assert "bob,tiny,7,700,0,70,0,10.500,0.001400" in lines and len(lines) == 5


@pytest.mark.parametrize("locale, words", [("en-US", "does not keep"), ("zh-TW", "不記錄")])
def test_a_server_that_does_not_count_says_so(visit, server, picture, locale, words):
    page = visit("/usage", locale=locale, permits=["400"])
    page.wait_for_selector("#off:visible")
    assert words in page.locator("#off").inner_text() and "--usage-db" in page.locator("#off").inner_text()
    assert page.locator("#shown").is_hidden()
    check(page)
    picture(page, f"usage-off-{locale[:2]}")


def test_no_prices_are_told_of(visit, start, tmp_path):
    with start("--usage-db", str(tmp_path / "usage.db")) as server:
        server.post("/v1/chat/completions", server.chat(max_tokens=3))
        page = visit("/usage", base=server.url, permits=["ERR_"])
        page.wait_for_selector("#sums tbody tr")
        assert texts(page)[0][:3] == ["no key", "tiny", "1"] and texts(page)[0][-1] == "–"
        assert "--prices" in page.locator("#note").inner_text()
        assert page.locator("#measure option[value=cost]").count() == 0


@pytest.mark.parametrize("locale", ["en-US", "zh-TW"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_the_page_of_usage_is_accessible(visit, counted, picture, scheme, width, locale):
    page = visit("/usage#month", base=counted.url, color_scheme=scheme, width=width, locale=locale)
    wait_until(lambda: len(texts(page)) == 4)
    page.click("summary")
    check(page)
    fits(page, width)
    picture(page, f"usage-{scheme}-{width}-{locale[:2]}", full_page=True)


def test_everything_of_usage_is_reached_by_keys(visit, counted):
    page = visit("/usage#2026-01-01/2026-01-02", base=counted.url)
    page.wait_for_selector("#sums tfoot tr")
    reaches_everything_by_keys(page)


def test_keys_have_their_own_usage_and_their_place_on_the_dashboard(visit, start, request, tmp_path, picture):
    file, binary = tmp_path / "keys.json", request.config.getoption("--binary")

    def add(name, *scopes):
        options = [part for scope in scopes for part in ("--scope", scope)]
        command = [binary, "keys", "add", "--file", str(file), name, *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]

    ann, bob = add("ann"), add("bob")
    root, watcher = add("root", "inference", "metrics", "admin"), add("watcher", "metrics")
    with start("--usage-db", str(tmp_path / "usage.db"), "--api-key-file", str(file)) as server:
        for key, tokens in ((ann, 3), (bob, 5)):
            body = server.chat(max_tokens=tokens, ignore_eos=True)
            assert server.post("/v1/chat/completions", body, headers={"x-api-key": key}).status_code == 200
        page = visit("/usage", base=server.url, permits=["401", "403", "ERR_"])
        for key, words in ((None, "API key"), ("sk-never", "API key")):
            if key:
                page.fill("#key", key)
                page.press("#key", "Enter")
            wait_until(lambda: page.locator("#key-form").is_visible() and words in page.locator("#state").inner_text())
            assert page.locator("#shown").is_hidden()
        check(page)
        # Any key has usage of its own, though it be none. What it may not do is refused, and counted.
        for _ in range(2):
            refused = server.post("/v1/chat/completions", server.chat(), headers={"x-api-key": watcher})
            assert refused.status_code == 403
        page.fill("#key", watcher)
        page.press("#key", "Enter")
        wait_until(lambda: "Nothing" in page.locator("#note").inner_text())
        assert page.locator("#shown").is_visible() and page.locator("#key-form").is_hidden() and not texts(page)
        for key, names in ((ann, ["ann"]), (root, ["ann", "bob"])):
            page.evaluate("(key) => localStorage.setItem('infer-serve.key', key)", key)
            page.reload()
            wait_until(lambda: sorted(row[0] for row in texts(page)) == names)
            assert page.locator("#key-form").is_hidden()

        # While bob's answers are written, the dashboard tells of them.
        board = page
        board.goto(server.url + "/dashboard")
        stop = threading.Event()

        def read():
            while not stop.is_set():
                with httpx.stream("POST", server.url + "/v1/chat/completions", json=server.chat(stream=True, **LONG),
                                  headers={"x-api-key": bob}, timeout=60) as response:
                    for _ in response.iter_lines():
                        if stop.is_set():
                            return

        reader = threading.Thread(target=read)
        reader.start()

        def bobs():
            return next((row for row in texts(board, "#key-rows tr") if row[0] == "bob"), [""] * 8)

        try:
            wait_until(lambda: bobs()[4] == "1" and float(bobs()[7].replace(",", "")) > 1, 40)
            assert bobs()[2:4] == ["0", "tiny"]
            assert [row[0] for row in texts(board, "#key-rows tr")] == ["ann", "bob", "root", "watcher"]
            # One that was only refused, and one that has only looked.
            assert next(row for row in texts(board, "#key-rows tr") if row[0] == "watcher")[2:] == ["2", "–", "–", "–", "–", "–"]
            check(board)
            picture(board, "dashboard-keys", full_page=True)
        finally:
            stop.set()
            reader.join()
        wait_until(lambda: bobs()[4] == "0", 20)
        told = next(row for row in json.loads(httpx.get(
            server.url + "/usage?by=key", headers={"x-api-key": root}).text)["data"] if row["key"] == "bob")
        assert bobs()[6].replace(",", "") == str(told["generated_tokens"])
