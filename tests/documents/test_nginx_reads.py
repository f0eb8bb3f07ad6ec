"""nginx itself, and the server, on files that have been edited."""

import http.client
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from rpcd import documents
from rpcd.documents.nginx.judge import judge
from rpcd.errors import Refused
from tests.conftest import Serve

NGINX = documents.resolve("nginx")

MAIN = "daemon off;\npid {0}/pid;\nerror_log stderr;\nevents {{ }}\nhttp {{ {1}\n access_log off; {2} }}\n"
TEMPORARY = " ".join(f"{name}_temp_path {{0}}/t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


def tried(directory: Path, main: Path) -> str:
    """What `nginx -t` has against a configuration; nothing where it takes it."""
    ran = subprocess.run(
        ["nginx", "-tqe", "stderr", "-p", str(directory), "-c", str(main)], capture_output=True, text=True, check=False
    )
    return ran.stderr if ran.returncode else ""


@contextmanager
def running(directory: Path, servers: str) -> Iterator[Path]:
    """The socket of an nginx with these servers."""
    path = directory / "socket"
    main = directory / "nginx.conf"
    main.write_text(MAIN.format(directory, TEMPORARY.format(directory), servers.replace("SOCKET", str(path))))
    process = subprocess.Popen(["nginx", "-p", str(directory), "-c", str(main), "-e", "stderr"])
    try:
        for _ in range(500):
            if path.exists():
                break
            time.sleep(0.01)
        yield path
    finally:
        process.terminate()
        process.wait(10)


def fetched(path: Path, names: Sequence[str]) -> list[bytes]:
    """What nginx answers to each name."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    found = []
    for name in names:
        connection.request("GET", "/" + name, headers={"Connection": "keep-alive"})
        found.append(connection.getresponse().read())
    connection.close()
    return found


WORDS = (
    "a",
    "b c",
    ";",
    "{",
    "}",
    '"',
    "'",
    "\\",
    "\\\\",
    "\n",
    "\r",
    "\t",
    "#",
    "t",
    "n",
    "r",
    ")",
    "(",
    "é",
    " ",
    ".",
    "\\.",
    "/",
)


def test_nginx_reads_the_words_that_were_written(tmp_path: Path) -> None:
    """A running nginx answers with exactly the texts that were written as arguments, in any kind of quotes."""
    chance = random.Random(6)  # noqa: S311 - cases, no secrets
    words = ["".join(chance.choice(WORDS) for _ in range(chance.randrange(1, 7))) for _ in range(600)]
    text = "server { listen unix:SOCKET; keepalive_requests 9999;\n"
    for number, (word, quote) in enumerate(zip(words, ("", "'", '"') * 200, strict=True)):
        before = f"location /{number} {{ return 200 {quote}x{quote}; }}\n".encode()
        text += documents.update(NGINX, before, (f"location /{number}", "return", "1"), word).decode()
    with running(tmp_path, text + "}\n") as path:
        assert fetched(path, list(map(str, range(600)))) == [word.encode() for word in words]


def test_nginx_reads_words_as_the_judge_does(tmp_path: Path) -> None:
    """However an argument is spelled, what nginx answers is what the judge has read."""
    chance = random.Random(7)  # noqa: S311 - cases, no secrets
    spellings, expected = list[str](), list[bytes]()
    while len(spellings) < 600:
        spelled = "".join(chance.choice((*WORDS, '"', "'")) for _ in range(chance.randrange(1, 8)))
        try:
            tree = judge(f"b {{ a 200 {spelled}; }}\nc 1;")
        except Refused:
            continue
        match tree:
            case {"b": {"a": [str(), str(word)], **others}, "c": "1"} if not others:
                spellings.append(spelled)
                expected.append(word.encode())
    content = "".join(f"location /{number} {{ return 200 {spelled}; }}\n" for number, spelled in enumerate(spellings))
    with running(tmp_path, f"server {{ listen unix:SOCKET; keepalive_requests 9999;\n{content}}}\n") as path:
        assert fetched(path, list(map(str, range(600)))) == expected


def test_nginx_takes_debians_files_after_edits(tmp_path: Path) -> None:
    """A whole tree of Debian's, edited in its main file, a site, a snippet and the types, is what nginx -t takes."""
    tree = tmp_path / "nginx"
    shutil.copytree("/etc/nginx", tree, symlinks=True)
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(b"/etc/nginx", str(tree).encode()))
    (tree / "sites-enabled/default").unlink(missing_ok=True)
    shutil.copy(tree / "sites-available/default", tree / "sites-enabled/default")
    edits: list[tuple[str, documents.Key, documents.Value]] = [
        ("nginx.conf", ("pid",), f"{tmp_path}/pid"),
        ("nginx.conf", ("error_log",), "stderr"),
        ("nginx.conf", ("http", "access_log"), "off"),
        ("nginx.conf", ("events", "multi_accept"), "on"),
        ("nginx.conf", ("worker_processes",), "2"),
        ("nginx.conf", ("http", "log_format"), ["short", "$remote_addr \"$request\" {\\x22}; '$status'"]),
        ("nginx.conf", ("http", "map $uri $kind"), {"default": "", '"~*a{2} b"': "x;y", "hostnames": None}),
        (
            "sites-enabled/default",
            ("server", "0", "listen"),
            [["127.0.0.1:1080", "default_server"], [f"unix:{tmp_path}/s"]],
        ),
        ("sites-enabled/default", ("server", "0", "root"), "/srv/my site; load_module /tmp/x.so"),
        ("sites-enabled/default", ("server", "0", "location /", "expires"), "1d"),
        (
            "sites-enabled/default",
            ("server", "0", "location ~ \\.(png|gif)$"),
            {"add_header": [["X-A", "1;"], ["X-B", "{"]]},
        ),
        ("sites-enabled/default", ("server", "0", 'if ($uri ~ "a{2}")'), {"return": "404"}),
        ("sites-enabled/default", ("server", "1"), {"listen": f"unix:{tmp_path}/t", "return": ["200", '"\n$uri']}),
        ("mime.types", ("types", "text/x-shop"), ["shop", "shp"]),
        ("snippets/fastcgi-php.conf", ("fastcgi_index",), "start.php"),
    ]
    for name, key, value in edits:
        path = tree / name
        path.write_bytes(documents.update(NGINX, path.read_bytes(), key, value))
    assert tried(tree, tree / "nginx.conf") == ""
    path = tree / "nginx.conf"
    path.write_bytes(documents.update(NGINX, path.read_bytes(), ("http", "gzipp"), "on"))
    assert 'unknown directive "gzipp"' in tried(tree, tree / "nginx.conf")


@pytest.mark.parametrize("name", ["my name", "a;b", "{", '"', "x\\ny", "#"])
def test_nginx_sees_one_name(name: str, tmp_path: Path) -> None:
    """A name of any kind is the name of one directive to nginx too, which does not know it."""
    text = documents.update(NGINX, b"error_log stderr;\nevents { }\n", (f'"{name}"' if name != '"' else '"\\""',), "x")
    (tmp_path / "nginx.conf").write_bytes(text)
    assert f'unknown directive "{name}"'.replace("\\n", "\n") in tried(tmp_path, tmp_path / "nginx.conf")


def test_the_server_edits_nginx(serve: Serve) -> None:
    """Keys of a site are got, listed, updated and deleted over the socket, and what is no key is refused."""
    text = "# Shop\nserver {\n    listen 80;\n    # How large.\n    client_max_body_size 1m;\n    location / { }\n}\n"
    server = serve(
        """
[targets.site]
path   = "{scratch}/site.conf"
format = "nginx"

[[grants]]
users   = [0]
methods = ["get_key", "update_key", "delete_key", "list_keys"]
targets = ["site"]
keys    = ["server.*.client_max_body_size", "server.*.listen"]
""",
        {"site.conf": text},
    )
    size = "server.0.client_max_body_size"
    assert server.call("get_key", target="site", key=size)["value"] == "1m"
    assert {one["key"] for one in server.call("list_keys", target="site")["keys"]} == {size, "server.0.listen"}
    server.call("update_key", target="site", key=size, value="2m; load_module /tmp/x.so")
    server.call("update_key", target="site", key="server.0.listen", value=["81", "ssl"])
    path = server.scratch / "site.conf"
    assert path.read_text() == text.replace("1m", '"2m; load_module /tmp/x.so"').replace("80", "81 ssl")
    server.call("delete_key", target="site", key=size)
    assert "1m" not in path.read_text()
    refused = server.error("update_key", target="site", key=size, value={"a": "b"}, dry_run=True)
    assert server.error("update_key", target="site", key="server.0.root", value="/")["data"]["kind"] == "denied"
    assert refused["data"]["kind"] in {"denied", "not_editable"}
    refused = server.error("update_key", target="site", key="server.0.listen", value=[["80"], "81"])
    assert refused["data"] == {"kind": "not_editable", "reason": "structure"}
