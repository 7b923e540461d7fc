"""What a visitor does on the home page, in a real browser."""

from playwright.sync_api import Page, expect


def expect_examples_for(page: Page, address: str) -> None:
    for title in ("Python", "curl", "MCP"):
        page.get_by_role("tab", name=title).click()
        code = page.locator(".cm-content:visible")
        expect(code).to_contain_text(f"{address}{'' if title == 'Python' else '/gradio_api'}")
        assert code.inner_text().count("http") == 1


def test_examples_call_the_server(visit, server):
    expect_examples_for(visit("/"), server.url)


def test_examples_show_the_address_by_which_the_visitor_came(visit, server):
    page, address = visit("/"), server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{address}?__theme=light")
    expect_examples_for(page, address)


def test_behind_a_proxy_that_serves_the_suite_under_a_path(visit, start_server):
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


def test_functions_are_listed_where_there_are_some(visit):
    page = visit("/")
    link = page.get_by_role("button", name="Use via API or MCP")
    expect(page.get_by_role("button", name="Settings")).to_be_visible()
    expect(link).to_be_hidden()
    page.locator(".is-cards a[href=edges]").click()
    link.click()
    expect(page.get_by_text("detect_edges_in_many").first).to_be_visible()
