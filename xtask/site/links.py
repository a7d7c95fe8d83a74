"""Checks every link of the site: each leads to a file in it, and each anchor is on that page.

    python3 links.py SITE

Addresses on the network are not asked for.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Lines of Rust's sources: scripts make these anchors.
MADE_BY_SCRIPTS = "api/rust/src/"
# Doxygen 1.9 links to the section of nested classes also where all of them are private.
EMPTY_SECTION = "#nested-classes"


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: "set[str]" = set()
        self.anchors = {"", "top"}
        self.feed(path.read_text(errors="replace"))

    def handle_starttag(self, tag: str, attributes: "list[tuple[str, str | None]]") -> None:
        for name, value in attributes:
            if value is None:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.add(value)


def main(site: Path) -> int:
    paths = sorted(site.rglob("*.html"))
    pages = {path: Page(path) for path in paths}
    broken, checked = [], 0
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or "${" in link or link == EMPTY_SECTION:
                continue
            checked += 1
            there = path.parent / unquote(parts.path) if parts.path else path
            there = there.resolve()
            there = there / "index.html" if there.is_dir() else there
            # Some tools write such anchors as they are, some encoded.
            anchors = {parts.fragment, unquote(parts.fragment)}
            if not there.is_file():
                broken.append(f"{path.relative_to(site)}: {link}: no such file")
            elif there.suffix == ".html" and not anchors & pages[there].anchors:
                if not there.relative_to(site).as_posix().startswith(MADE_BY_SCRIPTS):
                    broken.append(f"{path.relative_to(site)}: {link}: no such anchor")
    print("\n".join(broken))
    print(f"{checked} links on {len(pages)} pages, {len(broken)} of them broken")
    return 1 if broken or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
