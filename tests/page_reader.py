"""A reader of HTML pages, with the checks that all pages share."""

import html.parser
import re


class PageReader(html.parser.HTMLParser):
    """Collects what a browser would fetch, and checks that every tag is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text):
        super().__init__()
        self.open_tags, self.addresses, self.tags, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open_tags == []

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag


def read_page(text):
    """Reads a page, and checks that it is whole and fetches nothing."""
    page = PageReader(text)
    kinds = ("#", "data:image/jpeg;base64,")
    assert all(address.startswith(kinds) for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)", text))
    assert "@import" not in text
    known = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"' <)]*", text)) <= known
    assert len(page.ids) == len(set(page.ids))
    return page
