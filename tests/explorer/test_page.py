"""The page in a real browser: clicks, brushes, keys, addresses, a phone; and not one request."""

import re
import shutil

import pytest

from paradoxlib import explorer, results
from paradoxlib.explorer import gathering
from paradoxlib.explorer.page import as_module, as_payload
from paradoxlib.studies import sessions

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="no Playwright: pip install -e '.[browser]'"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOUND = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(FOUND is None, reason=f"no browser: none of {', '.join(BROWSERS)}")


@pytest.fixture(scope="module")
def session():
    return sessions.start("cifar10-20")


@pytest.fixture(scope="module")
def address(session, tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    path.write_text(explorer.as_page(gathering.gather(session)))
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Open the page; in the end it has asked for nothing and complained of nothing."""
    opened, asked, said = [], [], []

    def opening(fragment="", width=1440, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.add_init_script(
            "window.shifts = []; new PerformanceObserver((list) => list.getEntries().forEach("
            "(e) => shifts.push(e.value))).observe({ type: 'layout-shift', buffered: true });"
        )
        page.goto(address + fragment)
        page.wait_for_selector(".explorer:not(.waiting) .status:not(:empty)")
        opened.append(context)
        return page

    yield opening
    assert {url.partition("#")[0] for url in asked} == {address} and said == []
    for context in opened:
        context.close()


def click_cell(page, row, column, networks=20):
    """Click a cell of the matrix in its present order."""
    box = page.locator(".matrix").bounding_box()
    edge = page.evaluate(
        "() => { const c = document.createElement('canvas').getContext('2d');"
        "c.font = '11px system-ui, sans-serif'; return Math.ceil(c.measureText('N20').width) + 8; }"
    )
    cell = (box["width"] - edge) / networks
    page.mouse.click(box["x"] + edge + (column + 0.5) * cell, box["y"] + edge + (row + 0.5) * cell)


def numbers(page):
    """Return {measure: the number that the panel shows for our pair}."""
    shown = page.locator("dd[data-value]")
    named = {one.get_attribute("data-value"): one.inner_text() for one in shown.all()}
    first = {name: re.match(r"−?[\d.]+", text)[0] for name, text in named.items()}
    return {name: float(text.replace("−", "-")) for name, text in first.items()}


def test_a_click_shows_the_numbers_of_the_tables(open_page, session):
    page = open_page()
    order = [name for family in session.study.families.values() for name in family]
    row, column = order.index("N14"), order.index("N20")
    click_cell(page, row, column)
    assert page.locator("h2").inner_text().split(" × ") == ["N14", "N20"]
    pair = results.pairs(session).set_index(["a", "b"]).loc[("N14", "N20")]
    shown = numbers(page)
    assert page.locator(".relation").inner_text() == pair["relation"]
    for measure in ("compatibility", "difference", "agreement", "compatibility_conditions"):
        assert shown[measure] == pytest.approx(pair[measure], abs=0.00501)
    assert shown["similarity"] == pytest.approx(pair["similarity"], abs=1e-5)
    accuracy = results.accuracies(session).set_index("network")
    page.click("summary")
    page.click(".unfold")
    cells = page.locator(".accuracies tr").all_inner_texts()[1:]
    for k, network in enumerate(("N14", "N20"), start=1):
        read = [float(line.split("\t")[k]) for line in cells]
        assert read == pytest.approx(accuracy.loc[network, "accuracy"].tolist(), abs=1e-4)
    assert page.locator(".layers circle").count() == 21
    assert page.locator(".profile .spot").count() == 2 * 34


def test_a_lasso_and_the_presets_select_pairs(open_page, session):
    page = open_page("#x=similarity&y=compatibility")
    box = page.locator(".scatter").bounding_box()
    corners = [(0.6, 0.01), (0.999, 0.01), (0.999, 0.9), (0.6, 0.9), (0.6, 0.05)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    pairs = results.pairs(session)
    relatives = int((pairs["relation"] != "strangers").sum())
    told = page.locator(".selected")
    sync_api.expect(told).to_have_text(
        re.compile(f"^{relatives} of {len(pairs)} pairs in the lasso")
    )
    page.keyboard.press("Escape")
    sync_api.expect(told).to_have_text(re.compile(f"^{len(pairs)} of"))
    page.click("text=deep red")
    red = (pairs["relation"] == "strangers") & (pairs["compatibility"] > 0.95)
    sync_api.expect(told).to_have_text(re.compile(f"^{int(red.sum())} of"))
    assert page.get_attribute("[data-brush='deep red']", "aria-pressed") == "true"


def test_keys_move_through_cells_and_find_networks(open_page, session):
    page = open_page("#a=N01&b=N03")
    page.focus(".matrix")
    page.keyboard.press("ArrowRight")
    order = [name for family in session.study.families.values() for name in family]
    after = order[order.index("N03") + 1]
    sync_api.expect(page.locator("h2")).to_have_text(f"N01 × {after}")
    page.keyboard.press("ArrowDown")
    below = order[order.index("N01") + 1]
    sync_api.expect(page.locator("h2")).to_have_text(f"{below} × {after}")
    assert f"{below} × {after}" in page.get_attribute(".matrix", "aria-label")
    page.keyboard.press("/")
    page.keyboard.type("N11, N02")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("h2")).to_have_text("N11 × N02")


def test_an_address_is_a_view(open_page):
    page = open_page("#a=N14&b=N20&order=behaviour&measure=similarity&brush=yellow&unfolded=1")
    assert page.input_value("[data-key=order]") == "behaviour"
    assert page.locator(".profile .spot").count() == 2 * 34
    page.select_option("[data-key=measure]", "agreement")
    page.wait_for_function("location.hash.includes('agreement')")
    again = open_page(page.evaluate("location.hash"))
    assert again.input_value("[data-key=measure]") == "agreement"
    assert again.locator(".status").inner_text() == page.locator(".status").inner_text()
    broken = open_page("#a=nobody&b=N20&order=none&view=[1,&condition=x")
    assert broken.input_value("[data-key=order]") == "family"


def test_published_pairs_stand_beside_ours(open_page):
    page = open_page("#a=N14&b=N16")
    assert "published 0" in page.locator("[data-value=compatibility]").inner_text()
    page.select_option("[data-key=source]", "published")
    shown = numbers(page)
    assert (shown["compatibility"], shown["similarity"]) == (0, 0.99)
    assert page.locator(".known").is_hidden()


def test_a_pair_s_rows_are_downloaded(open_page, session):
    page = open_page("#a=N08&b=N14")
    with page.expect_download() as waiting:
        page.click(".download")
    assert waiting.value.suggested_filename == "cifar10-20 N08 N14.csv"
    text = waiting.value.path().read_text().splitlines()
    kinds = [line.split(",")[0] for line in text]
    assert [kinds.count(kind) for kind in ("accuracy", "layers", "shares")] == [34, 21, 5]


def test_examples_show_what_both_networks_take_them_for(open_page, session):
    page = open_page("#a=N01&b=N02")
    classes = results.shown_examples(session).classes
    seen = results.example_predictions(session).query("distortion == 'blur' and network == 'N02'")
    level = seen["level"].max()
    page.select_option(".condition", label=f"blur {level:g}")
    read = [text[2:] for text in page.locator("figcaption .b").all_inner_texts()]
    expected = seen.query("level == @level")["predicted"].map(dict(enumerate(classes))).tolist()
    assert read == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_shifts(open_page, scheme):
    page = open_page(width=380, height=800, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.evaluate("shifts.reduce((sum, v) => sum + v, 0)") == 0
    widths = [page.locator(name).bounding_box()["width"] for name in (".matrix", ".scatter")]
    assert all(300 < width <= 380 for width in widths)
    page.locator(".families button").last.scroll_into_view_if_needed()


def test_a_frame_of_the_page_works(browser, session):
    page = browser.new_page()
    page.set_content(explorer.as_frame(session))
    inner = page.frame_locator("iframe")
    inner.locator(".explorer:not(.waiting) h2").wait_for()
    inner.locator("[data-brush='red']").click()
    assert inner.locator(".selected").inner_text() != ""
    page.close()


def test_the_module_renders_in_a_node_of_another_page(browser, session):
    """As anywidget calls it: the address is not the explorer's to keep."""
    page = browser.new_page()
    module, payload = as_module(), as_payload(gathering.gather(session))
    page.evaluate(
        """async ([module, payload]) => {
          const { default: widget } = await import(
            `data:text/javascript,${encodeURIComponent(module)}`);
          const el = document.body.appendChild(document.createElement("div"));
          await widget.render({ model: new Map([["payload", payload]]), el });
        }""",
        [module, payload],
    )
    page.locator(".status:not(:empty)").wait_for()
    page.select_option("[data-key=measure]", "similarity")
    sync_api.expect(page.locator(".scale")).to_contain_text("chance .14")
    assert page.evaluate("location.hash") == "" and page.locator("h1").inner_text() != ""
    page.close()
