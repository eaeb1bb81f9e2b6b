"""Themes, widths, keys, and what axe-core says."""
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import reaches_everything_by_keys, send

from server import wait_until


def check(page):
    found = Axe().run(page).response["violations"]
    serious = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found if rule["impact"] in ("serious", "critical")]
    assert serious == []


def fits(page, width):
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", ["en-US", "zh-TW"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_pages_are_accessible(visit, picture, scheme, width, locale):
    page = visit(color_scheme=scheme, width=width, height=740, locale=locale)
    name = f"{scheme}-{width}-{locale[:2]}"
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}[scheme]
    wait_until(lambda: page.locator("#model option").all_inner_texts() == ["tiny"])
    check(page)
    fits(page, width)
    picture(page, f"welcome-{name}")
    page.locator("#puzzles button").first.click()
    page.wait_for_selector(".statistics")
    send(page, "x" * 500)
    check(page)
    fits(page, width)
    picture(page, f"chat-{name}")
    page.click("#open-settings")
    check(page)
    picture(page, f"settings-{name}")
    page.keyboard.press("Escape")
    if width == 360:
        assert not page.locator("#search").is_visible()
        page.click("#menu")
        page.wait_for_timeout(300)
        check(page)
        picture(page, f"menu-{name}")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.id") == "menu"
    board = visit("/dashboard", color_scheme=scheme, width=width, locale=locale)
    board.wait_for_selector(".heat td")
    check(board)
    fits(board, width)
    picture(board, f"dashboard-{name}", full_page=True)


def test_everything_is_reached_by_keys(visit):
    page = visit()
    page.wait_for_selector("#model option[value=tiny]", state="attached")
    page.keyboard.press("Alt+m")
    assert page.evaluate("document.activeElement.id") == "message"
    page.keyboard.type("What is")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("47 + 85?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".statistics")
    page.evaluate("document.activeElement.blur(); document.body.focus()")
    reaches_everything_by_keys(page)
    page.keyboard.press("Alt+k")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Alt+Comma")
    assert page.locator("#settings").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#settings").is_hidden() and page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Alt+n")
    assert page.locator("#welcome").is_visible()


def test_the_dashboard_shows_what_happens(visit, server):
    board = visit("/dashboard")
    board.wait_for_selector(".is-live")
    chat = visit()
    send(chat, "What is 47 + 85?")
    wait_until(lambda: board.evaluate("[...document.querySelectorAll('.chart')][2].querySelectorAll('.legend b')[0].textContent !== '–'"), 30)
    assert board.locator(".heat tr").count() == 4 and board.locator(".heat td").count() == 32
    assert "Layer 1, expert 0: " in board.locator(".heat td").first.get_attribute("title")
    generated = server.metric("generation_tokens_total")
    wait_until(lambda: board.locator("#totals dd").nth(1).inner_text().replace(",", "") == str(int(generated)))
    # Lines were drawn, in colours of the theme.
    drawn = board.evaluate("""() => {
        const canvas = document.querySelector("canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let blue = 0;
        for (let at = 0; at < pixels.length; at += 4) blue += pixels[at + 2] > pixels[at] + 60 && pixels[at + 3] > 100;
        return blue;
    }""")
    assert drawn > 20
    board.select_option("#span", "3600")
    board.wait_for_timeout(200)
