"""Lays out the guide for MkDocs: the project's pages, and the files of source that they link to.

    python3 pages.py TARGET

Each page stands where it stands in the project, so that links between pages lead on. A file of
source becomes a page of its own; the C header is the one that Doxygen made.
"""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
LANGUAGES = {".h": "c", ".hpp": "cpp", ".rs": "rust", ".py": "python", ".js": "javascript", ".patch": "diff"}
# What has pages of its own, from the site's top.
ELSEWHERE = {"include/treenail.h": "api/c/treenail_8h.html"}
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
FENCE = "`" * 8


def main(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target / "docs", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(Path(__file__).with_name("extra.css"), target)
    left = [name for name in FIRST if (ROOT / name).exists()]
    left += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
    seen = set(left)
    while left:
        place = left.pop()
        for linked in lay(place, target):
            if linked not in seen:
                seen.add(linked)
                left.append(linked)


def lay(place: str, target: Path) -> "list[str]":
    """Writes the page of one file or folder. Returns what it links to."""
    source = ROOT / place
    if source.is_dir():
        names = "\n".join(sorted(child.name for child in source.iterdir()))
        write(target / place / "index.md", f"# {place}\n\n```text\n{names}\n```\n")
        return []
    if source.suffix == ".md":
        linked: "list[str]" = []
        write(target / place, with_links(source.read_text(), place, linked))
        return linked
    language = LANGUAGES.get(source.suffix, "text")
    text = source.read_text().rstrip("\n")
    write(target / f"{place}.md", f"# {place}\n\n{FENCE}{language}\n{text}\n{FENCE}\n")
    return []


def with_links(text: str, place: str, linked: "list[str]") -> str:
    """The text with its links changed to where things are in the site; `linked` gets their files."""

    def change(match: "re.Match[str]") -> str:
        path, hash, anchor = match[2].partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(place), path))
        if "://" in path or not path or not (ROOT / there).exists():
            return match[0]
        if there in ELSEWHERE:
            path = os.path.relpath(ELSEWHERE[there], os.path.dirname(place) or ".")
            return f"{match[1]}{path}{match[3]}"
        if (ROOT / there).is_dir():
            there = f"{there}/README.md" if (ROOT / there / "README.md").exists() else there
        if there.startswith("docs/") and not there.endswith(".md"):
            return match[0]  # a picture, which is there as it is
        linked.append(there)
        page = there if there.endswith(".md") else f"{there}/index.md"
        if (ROOT / there).is_file() and not there.endswith(".md"):
            page = f"{there}.md"
        page = os.path.relpath(page, os.path.dirname(place) or ".")
        return f"{match[1]}{page}{hash}{anchor}{match[3]}"

    # Code has the same signs, as in a C++ lambda.
    blocks = text.split("```")
    blocks[::2] = [LINK.sub(change, block) for block in blocks[::2]]
    return "```".join(blocks)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
