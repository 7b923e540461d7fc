"""The home page: cards, code examples with the visitor's address, footer."""

from playwright.sync_api import Page, expect


def expect_examples_for(page: Page, address: str) -> None:
    for title in ("Python", "curl", "MCP"):
        page.get_by_role("tab", name=title).click()
        code = page.locator(".cm-content:visible")
        expect(code).to_contain_text(f"{address}{'' if title == 'Python' else '/gradio_api'}")
        assert code.inner_text().count("http") == 1
        assert not page.locator(".cm-lineNumbers:visible").count()  # beside wrapped lines they would be wrong


def test_examples_call_the_server(visit, server):
    expect_examples_for(visit("/"), server.url)


def test_examples_show_the_address_of_the_visitors_browser(visit, server):
    page, address = visit("/"), server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{address}?__theme=light")
    expect_examples_for(page, address)


def test_a_proxy_can_serve_the_suite_under_a_path(visit, start_server):
    server = start_server(IMAGE_SPACES_ROOT_PATH="/images")
    page, address = visit("/"), server.url.replace("127.0.0.1", "localhost") + "/images"
    page.route(
        f"{address}/**", lambda route: route.continue_(url=route.request.url.replace("/images/", "/", 1))
    )
    page.goto(f"{address}/")
    expect_examples_for(page, address)
    page.locator(".is-cards a[href=edges]").click()
    expect(page.get_by_role("heading", name="Edges")).to_be_visible()
    assert page.url == f"{address}/edges"


def test_cards_show_images_and_lead_to_their_pages(visit):
    page = visit("/")
    page.wait_for_function(
        "[...document.querySelectorAll('.is-cards img')].every(image => image.naturalWidth)"
    )
    assert page.locator(".is-cards img").count() == page.locator(".is-cards a").count() > 1


def test_the_api_is_listed_on_pages_with_functions(visit):
    page = visit("/")
    link = page.get_by_role("button", name="Use via API or MCP")
    expect(page.get_by_role("button", name="Settings")).to_be_visible()
    expect(link).to_be_hidden()
    page.locator(".is-cards a[href=edges]").click()
    link.click()
    expect(page.get_by_text("detect_edges_in_many").first).to_be_visible()


def test_the_menu_describes_the_chosen_engine(visit):
    page = visit("/edges", width=390, height=844)
    menu = page.get_by_label("Engine", exact=True).locator("visible=true")
    note = page.locator(".is-engine .is-note").locator("visible=true").first
    first = note.inner_text()
    menu.click()
    option = page.get_by_role("option").nth(1)
    title = option.inner_text().strip()
    option.click()
    expect(menu).to_have_value(title)
    expect(note).not_to_have_text(first)
    assert menu.evaluate("field => field.scrollWidth <= field.clientWidth")  # not cut off
