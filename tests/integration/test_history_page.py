"""The page in a real browser: every link, filter and key does what it says, and the console stays silent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, complaints
from filled_history import fill
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from signalling import eventually

from mmio_bisect.adapters.history.sql_history import SqlHistory
from mmio_bisect.cli.app import main
from mmio_bisect.composition.history_database import open_history_database

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    database = f"sqlite:///{folder / 'history.db'}"
    with SqlHistory(open_history_database(database)) as history:
        fill(history)
    assert main(("history", "report", "--html", str(folder / "page.html"), "--database", database)) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["history.db", "page.html"]
    return (folder / "page.html").as_uri()


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def browser(driver: Chrome, page: str) -> Iterator[Chrome]:
    driver.get("about:blank")
    driver.get(page)
    yield driver
    assert complaints(driver) == []


def run(browser: Chrome, script: str) -> Any:
    return browser.execute_script(script)


def cells(browser: Chrome) -> int:
    return int(run(browser, "return document.querySelectorAll('#blocks button[data-line]').length"))


def choose(browser: Chrome, name: str, value: str) -> None:
    Select(browser.find_element(By.NAME, name)).select_by_value(value)


def title(browser: Chrome) -> str:
    return browser.find_element(By.ID, "cell-title").text


def test_every_cell_opens_its_code_and_says_what_it_is(browser: Chrome) -> None:
    assert cells(browser) == 40
    opened = run(
        browser,
        """return [...document.querySelectorAll('#blocks button[data-line]')].map((button) => {
            button.click();
            const told = [document.getElementById('cell').open, document.getElementById('cell-title').textContent,
                document.getElementById('cell-code').textContent, document.querySelectorAll('#cell-code mark').length,
                button.getAttribute('aria-label')];
            document.getElementById('cell').close();
            return told;
        })""",
    )
    assert len(opened) == 40
    for is_open, heading, code, marks, label in opened:
        assert is_open
        verdict = heading.rsplit(": ", 1)[1]
        assert f": {verdict}" in label
        assert marks == (1 if verdict == "bad" else 0)
        assert ("str" in code) is (verdict != "untestable")
    assert sum("rejected: error: no such target" in code for _, _, code, _, _ in opened) == 2


@pytest.mark.parametrize(
    ("name", "value", "rows"),
    [
        ("recipe", "store.c", 4),
        ("series", "zig", 4),
        ("target", "aarch64", 8),
        ("opt", "2", 4),
        ("verdict", "untestable", 2),
        ("defect", "writeback-post", 8),
    ],
)
def test_each_filter_narrows_everything_and_stands_in_the_address(
    browser: Chrome, name: str, value: str, rows: int
) -> None:
    choose(browser, name, value)
    assert browser.find_element(By.ID, "count").text == f"{rows} of 8 rows"
    assert len(browser.find_elements(By.CSS_SELECTOR, "#blocks tbody tr")) == rows
    address = browser.current_url
    assert address.endswith(f"#{name}={value}")
    browser.get("about:blank")
    browser.get(address)
    assert browser.find_element(By.ID, "count").text == f"{rows} of 8 rows"
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    assert browser.find_element(By.ID, "count").text == "8 of 8 rows"


def test_a_link_to_a_cell_opens_it(browser: Chrome) -> None:
    choose(browser, "series", "zig")
    run(browser, "[...document.querySelectorAll('#blocks button.bad')].pop().click()")
    link = browser.find_element(By.ID, "cell-link").get_attribute("href")
    assert link is not None
    assert "cell=zig%2F0.13.0%2Fstore.c%2Faarch64%2F2%2F" in link
    browser.get("about:blank")
    browser.get(link)
    assert title(browser) == "store.c -O2 on zig 0.13.0: bad"
    browser.find_element(By.ID, "older").click()
    assert title(browser) == "store.c -O2 on zig 0.12.0: good"
    assert not browser.find_element(By.ID, "close").get_attribute("disabled")
    browser.find_element(By.ID, "close").click()
    # The dialog tells of its end in a task of its own (HTML, "close the dialog"), which the click does not wait for.
    assert eventually(lambda: "cell=" not in browser.current_url)


def test_all_links_within_lead_somewhere(browser: Chrome) -> None:
    links = {
        link.get_attribute("href") or "" for link in browser.find_elements(By.CSS_SELECTOR, "main a, nav a, .skip")
    }
    assert len(links) > 6
    for link in links:
        fragment = link.partition("#")[2]
        if "=" not in fragment:
            assert browser.find_element(By.ID, fragment).is_displayed()
            continue
        browser.get(link)
        shown = browser.find_element(By.ID, "count").text
        assert 0 < int(shown.split()[0]) < 8, link


def test_keys_move_among_cells_open_one_and_come_back(browser: Chrome) -> None:
    def focused() -> str:
        return str(browser.switch_to.active_element.get_attribute("aria-label"))

    run(browser, "document.querySelector('#blocks button[data-line]').focus()")
    assert focused().startswith("loop.c -O1, clang 0.9.0: bad")
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert focused().startswith("loop.c -O1, clang 0.10.0")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert focused().startswith("loop.c -O2, clang 0.10.0")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert title(browser) == "loop.c -O2 on clang 0.10.0: bad"
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert focused().startswith("loop.c -O2, clang 0.10.0")


def test_tables_and_controls_have_names_for_screen_readers(browser: Chrome) -> None:
    assert run(browser, "return [...document.querySelectorAll('thead th')].every((th) => th.scope)")
    assert run(
        browser, "return [...document.querySelectorAll('tbody tr')].every((row) => row.querySelector('th[scope=row]'))"
    )
    assert run(browser, "return [...document.querySelectorAll('select')].every((one) => one.labels.length === 1)")
    assert run(
        browser,
        "return [...document.querySelectorAll('button')].every((one) => one.ariaLabel || one.textContent.trim())",
    )
    assert run(browser, "return document.documentElement.lang") == "en"


def test_light_dark_print_and_a_phone(browser: Chrome) -> None:
    def background() -> str:
        return str(run(browser, "return getComputedStyle(document.body).backgroundColor"))

    for scheme, colour in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 19, 24)")):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        assert background() == colour
    browser.find_element(By.ID, "theme").click()
    assert background() == "rgb(255, 255, 255)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    assert run(browser, "return getComputedStyle(document.getElementById('filters')).display") == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert run(browser, "return document.documentElement.scrollWidth") == 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_asks_for_nothing_else(browser: Chrome, page: str) -> None:
    assert run(browser, "return performance.getEntriesByType('resource').map((entry) => entry.name)") in (
        [],
        ["data:,"],
    )
    text = Path(page.removeprefix("file://")).read_text()
    assert '<link rel="stylesheet"' not in text
    assert "src=" not in text


def test_what_names_say_is_never_markup(tmp_path: Path, driver: Chrome) -> None:
    from dataclasses import replace  # noqa: PLC0415 - for this test alone

    from history_values import a_case, a_cell, a_judgement, a_point, a_toolchain, an_object  # noqa: PLC0415

    nasty = "</script><script>document.title='stolen'</script>&\"'"
    database = f"sqlite:///{tmp_path / 'history.db'}"
    cell = a_cell(case=a_case(recipe=nasty))
    judgement = a_judgement()
    function = replace(judgement.functions[0], function=nasty)
    with SqlHistory(open_history_database(database)) as history:
        history.remember_toolchain(a_point(), a_toolchain())
        history.record([(cell, an_object())])
        history.record([], [(cell, an_object(), replace(judgement, functions=(function,)))])
    file = tmp_path / "page.html"
    assert main(("history", "report", "--html", str(file), "--database", database)) == 0
    driver.get(file.as_uri())
    assert complaints(driver) == []
    assert driver.title == "Compilers and device accesses: what was measured"
    assert nasty in driver.find_element(By.CSS_SELECTOR, ".matrix tbody th").text
