"""The job that rpcd exists for: a page under nginx and php-fpm, as www-data, changes a key in a file of root's."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Browser, Page, Site, listening, processes_of
from tests.harness.seqpacket import Connection
from tests.harness.server import REPOSITORY, verify_chain
from tests.harness.users import WWW_DATA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start services that run as different users"),
    pytest.mark.skipif(
        not (os.path.exists("/usr/sbin/nginx") and shutil.which("php-fpm8.2", path="/usr/sbin")),
        reason="Debian's nginx and php8.2-fpm are not installed",
    ),
]

STRANGER = 12345
"""A uid that no grant names."""


@pytest.fixture
def site(scratch: Path) -> Iterator[Site]:
    """The page, on a Unix socket."""
    site = Site.start(scratch, f"unix:{scratch}/run/http.sock")
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture
def browser(site: Site) -> Browser:
    """Somebody who looks at the page."""
    return Browser(site.directory / "run" / "http.sock")


def records(site: Site, **fields: Any) -> list[dict[str, Any]]:
    """The audit records with these fields; the chain has been verified."""
    audit = verify_chain(site.directory / "log" / "audit.jsonl")
    return [record for record in audit if all(record.get(name) == value for name, value in fields.items())]


def uids(pid: int) -> set[int]:
    """Every uid that a process has: real, effective, saved and of the file system (proc(5))."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return set(map(int, status["Uid"].split()))


def test_the_page_changes_a_key_in_a_file_of_roots(site: Site, browser: Browser) -> None:
    """The page saves a title: one value of a 0600 file of root's changes and no other byte, and the log tells it."""
    before = site.file.read_text()
    page = browser.open()
    assert page.status == 200
    assert page.fields["title"] == "A shop"
    assert 'maxlength="80"' in page.html  # the server told it
    page = browser.save(title="Ümläuts & Söhne")
    assert page.notice == "Saved: shop.title."
    assert page.fields["title"] == "Ümläuts & Söhne"

    assert site.file.read_text() == before.replace('"A shop"', '"Ümläuts & Söhne"')
    status = site.file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o600)

    (intent,) = records(site, event="intent")
    (outcome,) = records(site, event="outcome")
    assert (intent["method"], intent["target"], intent["keys"]) == ("update_key", "shop", ["shop.title"])
    assert intent["peer"]["uid"] == WWW_DATA
    assert intent["actor"] == "shopkeeper"
    assert intent["grant"].startswith("rpcd.toml:")
    assert (outcome["change"], outcome["verdict"], outcome["changed"]) == (intent["change"], "allowed", True)
    assert "Söhne" not in (site.directory / "log" / "audit.jsonl").read_text(errors="replace")


def test_who_runs_as_whom(site: Site, browser: Browser) -> None:
    """Workers of nginx and php-fpm are www-data and nothing else, rpcd is root, and only Unix sockets listen."""
    browser.open()
    processes = processes_of(site.directory)
    workers = [pid for pid, line in processes.items() if "pool demo" in line or "worker process" in line]
    assert len(workers) == 3
    assert [uids(pid) for pid in workers] == [{WWW_DATA}] * 3
    (server,) = [pid for pid, line in processes.items() if "__main__.py serve" in line]
    assert uids(server) == {0}
    assert listening(processes) == set()


def test_the_page_is_refused_what_it_has_not_been_granted(site: Site, browser: Browser) -> None:
    """The password in the same file stays out of the page and of the log, and the log tells who wanted it."""
    page = browser.open(browser.open().fields | {"action": "password"})
    assert page.notice == "This page is not allowed to do that. (denied)"
    assert "battery" not in page.html
    (denied,) = records(site, event="decided", verdict="denied")
    assert (denied["peer"]["uid"], denied["method"], denied["keys"]) == (WWW_DATA, "get_key", ["mail.password"])
    assert "battery" not in (site.directory / "log" / "audit.jsonl").read_text()


def test_nobody_else_can(site: Site, as_user: Callable[..., Any]) -> None:
    """Another user is refused everything, cannot open the file or php-fpm's socket, and the log tells it."""
    before = site.file.read_bytes()
    path = str(site.directory / "run" / "rpcd.sock")
    inner = (site.file, site.directory / "log" / "audit.jsonl", site.directory / "rpcd.toml")

    def act() -> tuple[list[str | None], list[str]]:
        with Connection(path) as connection:
            kinds = [
                connection.kind("ping"),
                connection.kind("get_key", target="shop", key="shop.title"),
                connection.kind("update_key", target="shop", key="shop.title", value="Taken over"),
                connection.kind("replace_file", target="shop", content=""),
            ]
        failures = []
        for file in inner:
            try:
                file.read_bytes()
            except PermissionError as error:
                failures.append(type(error).__name__)
        try:
            with socket.socket(socket.AF_UNIX) as fpm:
                fpm.connect(str(site.directory / "run" / "php.sock"))
        except PermissionError as error:
            failures.append(type(error).__name__)
        return kinds, failures

    assert as_user(STRANGER, STRANGER, [], act) == (["denied"] * 4, ["PermissionError"] * 4)
    assert site.file.read_bytes() == before
    denied = records(site, event="decided", verdict="denied")
    assert [record["peer"]["uid"] for record in denied] == [STRANGER] * 4
    assert denied[2]["method"] == "update_key"
    assert records(site, event="intent") == []


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_forms_of_other_sites(site: Site, browser: Browser, token: str) -> None:
    """A form without the session's token changes nothing."""
    page = browser.save(title="Taken over", token=token)
    assert page.status == 403
    assert "too old" in page.notice
    assert records(site, event="intent") == []


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("'><script>alert('A shop')</script>&amp;", "Saved: shop.title."),
        (
            '"><script>alert(1)</script>',
            "shop.title: The settings file cannot hold that value. It was not saved. (not_editable)",
        ),
    ],
)
def test_a_value_is_text_and_never_markup(browser: Browser, title: str, words: str) -> None:
    """A value that looks like HTML is shown as the text that it is, whether it could be saved or not."""
    page = browser.save(title=title)
    assert page.notice == words
    assert page.fields["title"] == title
    assert page.scripts == 0


def test_somebody_was_faster(site: Site, browser: Browser) -> None:
    """A change on top of somebody else's, made since the form was shown, is refused and said so."""
    form = browser.open().fields
    Browser(browser.socket).save(title="Changed meanwhile")
    page = browser.open(form | {"action": "save", "title": "Mine"})
    assert page.notice == "shop.title: Somebody else has changed this in the meantime. It was not saved. (conflict)"
    assert 'title = "Changed meanwhile"' in site.file.read_text()


WRONG = [
    ({"title": ""}, "The shop needs a title."),
    ({"title": "x" * 81}, "The title has one line, up to 80 characters."),
    ({"title": "x\n[mail]\nfrom = root"}, "The title has one line, up to 80 characters."),
    ({"from": "nobody"}, "That is not a mail address."),
]


@pytest.mark.parametrize(("typed", "words"), WRONG)
def test_what_the_page_does_not_take(site: Site, browser: Browser, typed: dict[str, str], words: str) -> None:
    """What cannot be right is said in plain words, and nothing is asked of rpcd."""
    page: Page = browser.save(**typed)
    assert page.notice == words
    assert page.fields.items() >= {name: value for name, value in typed.items() if "\n" not in value}.items()
    assert records(site, event="intent") == []


def test_a_loopback_port(scratch: Path) -> None:
    """For people nginx listens on a port of the loopback address, and nowhere else."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = Site.start(scratch, f"127.0.0.1:{port}")
    try:
        assert listening(processes_of(scratch)) == {f"0100007F:{port:04X}"}
    finally:
        site.stop()


@pytest.mark.parametrize("file", sorted((REPOSITORY / "contrib" / "demo" / "www").rglob("*.php")), ids=lambda f: f.name)
def test_every_file_is_php(file: Path) -> None:
    """Every file of the page declares strict types and has at most 120 characters in a line (PSR-12)."""
    text = file.read_text()
    assert "\ndeclare(strict_types=1);\n" in text
    assert max(map(len, text.splitlines())) <= 120
