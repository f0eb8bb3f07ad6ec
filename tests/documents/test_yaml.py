"""YAML files."""

import time
from itertools import pairwise

import pytest
import yaml

from rpcd import documents
from rpcd.documents import Manner
from rpcd.documents.document import MAX_DEPTH
from rpcd.documents.key import parse_key
from rpcd.errors import Refused

YAML = documents.resolve("yaml")

WIDE = " " * 30_000

COMPOSE = """\
# the shop
version: '3'   # of the format
x-common: &common
  restart: always
  logging: &logging
    driver: json-file
services:
  web:
    <<: *common
    image: nginx:1.25   # pinned
    ports:
    - "80:80"
    - 443:443
    # no more ports
    environment: {DB: db, DEBUG: no}
    command: |
      run \\
        --all

    labels: []
  db:
    <<: *common
    image: "mariadb:11"
    environment:
      # the port
      PORT: 3306

# the end
volumes:
  data:
"""

NETPLAN = """\
network:
    version: 2
    ethernets:
        eth0:
            dhcp4: no
            addresses:
                - 10.0.0.2/24
                - 10.0.0.3/24
            nameservers:
                addresses: [1.1.1.1, 8.8.8.8]
"""

KUBERNETES = """\
---
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  ports:
  - port: 80
    targetPort: 8080
  - port: 443
---
# the second
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  labels: {}
"""

WORKFLOW = """\
name: CI
on:
  push:
    branches: [ main ]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Test
        run: |
          make test
          make check
        env:
          TOKEN: ${{ secrets.TOKEN }}
"""

ASSISTANT = """\
homeassistant:
  name: Home
  secret: !secret home
  latitude: 52.5
automation: !include automations.yaml
light:
  - platform: mqtt
    name: "Lamp"
scene: !include_dir_merge_list {a: 1, b: [x]}
"""

INVENTORY = """\
all:
  hosts:
    mail.example.com:
  children:
    webservers:
      hosts:
        foo.example.com:
          http_port: 80
        bar.example.com:
      vars:
        ntp_server: ntp.example.com
"""


def changed(text: str, old: str, new: str) -> str:
    """`text` with one place changed."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


PUT: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, text
    # A value in place of another, in its quotes.
    ("a: 1\n", "a", 2, "a: 2\n"),
    ("a: 1", "a", "x", "a: x"),
    ("a:   1   # why\n", "a", "b c", "a:   b c   # why\n"),
    ("a: 'x'\n", "a", "it's", "a: 'it''s'\n"),
    ('a: "x"\n', "a", 'q"\\\n\t\x00\x7f\x85\u2028\ufeff', 'a: "q\\"\\\\\\n\\t\\u0000\\u007f\\u0085\\u2028\\ufeff"\n'),
    ("a: 'x'\n", "a", "b\nc", 'a: "b\\nc"\n'),
    ("a: x\nb: 'y'\n", "a", "no", "a: 'no'\nb: 'y'\n"),
    ("a: x\n", "a", "", 'a: ""\n'),
    ("a: x\n", "a", None, "a: null\n"),
    ("a: x\n", "a", True, "a: true\n"),
    ("a: No\n", "a", True, "a: Yes\n"),
    ("a: ON\n", "a", False, "a: OFF\n"),
    ("a: x\n", "a", 1e22, "a: 1.0e+22\n"),
    ("a: x\n", "a", -0.0, "a: -0.0\n"),
    ("a: x\n", "a", 10**30, f"a: {10**30}\n"),
    ("a: 012\nb: 0x1f\nc: 1:20\n", "b", 32, "a: 012\nb: 32\nc: 1:20\n"),
    ("a: x\n  y\n# c\nb: 1\n", "a", "z", "a: z\n# c\nb: 1\n"),
    ('a: "x\n\n  y" # c\n', "a", "z", 'a: "z" # c\n'),
    ("a:\n  x\nb: 1\n", "a", "z", "a:\n  z\nb: 1\n"),
    ("? a\n: x\n? b\n: y\n", "b", 1, "? a\n: x\n? b\n: 1\n"),
    ("a:\n- b\n-   c: 1\n    d: 2\n", "a.1.d", 3, "a:\n- b\n-   c: 1\n    d: 3\n"),
    ("a: 2001-12-14\n", "a", "2002-01-01", "a: 2002-01-01\n"),
    ("a: 2001-12-14 21:59:43\n", "a", "2002-01-01T00:00:00", "a: 2002-01-01T00:00:00\n"),
    ("a: 2001-12-14\n", "a", "2002-99-01", 'a: "2002-99-01"\n'),
    ("a: x\n", "a", "2002-01-01", 'a: "2002-01-01"\n'),
    # Tags and anchors.
    ("a: !!str 1\n", "a", "2", 'a: !!str "2"\n'),
    ("a: !!str 1\n", "a", 2, "a: 2\n"),
    ("a: &x 1\n", "a", 2, "a: &x 2\n"),
    ("a: &x !!int 1\n", "a", [1], "a: &x\n  - 1\n"),
    ("a: &x\n  b: 1\n", "a", 2, "a: &x 2\n"),
    ("- &x # c\n  b: 1\n- 2\n", "0", {"d": 1}, "- &x # c\n  d: 1\n- 2\n"),
    ("a: !t 1\nb: 2\n", "b", 3, "a: !t 1\nb: 3\n"),
    ("a: &x {b: 1}\nc: *x\n", "c", 2, "a: &x {b: 1}\nc: 2\n"),
    # Block scalars.
    ("a: |\n  x\nb: 1\n", "a", "y\nz\n", "a: |\n  y\n  z\nb: 1\n"),
    ("a: |- # c\n    x\n\nb: 1\n", "a", "y\n\n z\n", "a: | # c\n    y\n\n     z\n\nb: 1\n"),
    ("a: |+\n  x\n\nb: 1\n", "a", "y\nz", "a: |-\n  y\n  z\nb: 1\n"),
    ("a: >\n  x\n  y\n", "a", "y\nz\n", "a: >\n  y\n\n  z\n"),
    ("a: >\n  x\n  y\n", "a", "y\n z\n", "a: |\n  y\n   z\n"),
    ("a: |2\n   x\nb: 1\n", "a", "y\nz\n", "a: |\n  y\n  z\nb: 1\n"),
    ("a: |\n  x\nb: 1\n", "a", " y\nz\n", 'a: " y\\nz\\n"\nb: 1\n'),
    ("a: |\n  x\nb: 1\n", "a", "y\n\n", 'a: "y\\n\\n"\nb: 1\n'),
    ("a: |\n  x\nb: 1\n", "a", "y\x07\n", 'a: "y\\u0007\\n"\nb: 1\n'),
    ("a: |\n  x\nb: 1\n", "a", "z", "a: z\nb: 1\n"),
    ("a: | # c\n  x\nb: 1\n", "a", 5, "a: 5 # c\nb: 1\n"),
    ("a: |\n  x\nb: 1\n", "b", "y\nz", "a: |\n  x\nb: |-\n  y\n  z\n"),
    ("a: |\n  x\nb: 1 # c", "b", "y\nz\n", "a: |\n  x\nb: | # c\n  y\n  z\n"),
    ("a: 1\nb: 1\n", "b", "y\nz", 'a: 1\nb: "y\\nz"\n'),
    ("a:\n  - |\n    x\n", "a.1", "y\nz\n", "a:\n  - |\n    x\n  - |\n    y\n    z\n"),
    # Collections in place of others.
    ("a: 1 # c\nb: 2\n", "a", {"x": [1, {"w": "z"}]}, "a: # c\n  x:\n    - 1\n    - w: z\nb: 2\n"),
    ("a: # c\n  x: 1\nb: 2\n", "a", 5, "a: 5 # c\nb: 2\n"),
    ("a: # c\n  x: 1 # d\n  # e\n  w: 2\n", "a", {"w": 3, "z": 4}, "a: # c\n  # e\n  w: 3\n  z: 4\n"),
    (
        "a:\n  x: 1 # d\n  # e\n  y: 2\n  w: 3\n",
        "a",
        {"x": 1, "y": 3, "z": 4},
        "a:\n  x: 1 # d\n  # e\n  y: 3\n  z: 4\n",
    ),
    ("a:\n- 1 # x\n- 2 # y\n- 3 # z\n", "a", [1, 3], "a:\n- 1 # x\n- 3 # z\n"),
    ("a:\n- 1 # x\n- 2 # y\n", "a", [1, 4, 5, 2], "a:\n- 1 # x\n- 4\n- 5\n- 2 # y\n"),
    ("a:\n- 1 # x\n- 2 # y\n", "a", [1, 4], "a:\n- 1 # x\n- 4 # y\n"),
    ("a:\n- 1 # x\n- 2 # y\n", "a", [3, 2], "a:\n- 3 # x\n- 2 # y\n"),
    ("a:\n- b: 1 # x\n  c: 2\n- 2\n", "a", [{"b": 1, "c": 3}, 2], "a:\n- b: 1 # x\n  c: 3\n- 2\n"),
    ("a:\n- 1 # x\n", "a", [0, 1], "a:\n- 0\n- 1\n"),
    ("- - 1\n  - 2\n", '"0"', [3], "- - 3\n"),
    ("- a: 1\n  b: 2\n", '"0"', {"b": 3}, "- b: 3\n"),
    ("a:\n  b: 1\n  c: 2\n", "a", {"b": 1, "c": 2}, "a:\n  b: 1\n  c: 2\n"),
    ("a: {x: 1}\n", "a", {"w": [1]}, "a: {w: [1]}\n"),
    ("a: {}\n", "a", {"w": [1]}, "a:\n  w:\n    - 1\n"),
    ("a:\n    x: 1\n", "a.v", {"z": {"w": []}}, "a:\n    x: 1\n    v:\n        z:\n            w: []\n"),
    # What is new.
    ("a: 1 # c\n# end\n", "b", "x", "a: 1 # c\nb: x\n# end\n"),
    ("a: 1", "b.c.d", "x", "a: 1\nb:\n  c:\n    d: x"),
    ("a: 'x'\n", "b", "y", "a: 'x'\nb: 'y'\n"),
    ("a: 1\n", "a.b".join('""'), 2, "a: 1\na.b: 2\n"),
    ("a: 1\n", '"on"', 2, 'a: 1\n"on": 2\n'),
    ("a: 1\n", '"80"', 2, 'a: 1\n"80": 2\n'),
    ("a: 1\n", '"x: #y\\""', 2, 'a: 1\n"x: #y\\"": 2\n'),
    ("on: 1\n80: 2\n~: 3\n", "on", 2, "on: 2\n80: 2\n~: 3\n"),
    ("on: 1\n80: 2\n~: 3\n", '"80"', 3, "on: 1\n80: 3\n~: 3\n"),
    ("on: 1\n80: 2\n~: 3\n", '"~"', 4, "on: 1\n80: 2\n~: 4\n"),
    ("a:\nb: 1\n", "a", "x", "a: x\nb: 1\n"),
    ("a: # c\nb: 1\n", "a", "x", "a: x # c\nb: 1\n"),
    ("a:\nb: 1\n", "a.c", "x", "a:\n  c: x\nb: 1\n"),
    ("-\n- b\n", "0", "x", "- x\n- b\n"),
    ("- a\n\n# c\n", '"1"', {"b": 1, "c": 2}, "- a\n- b: 1\n  c: 2\n\n# c\n"),
    ("- - 1\n  - 2\n", '"0"."2"', [3], "- - 1\n  - 2\n  - - 3\n"),
    ("", "a", 1, "a: 1\n"),
    ("# c\n", "a", 1, "# c\na: 1\n"),
    ("# c", "a", 1, "# c\na: 1"),
    ("\ufeff", "a", 1, "\ufeffa: 1\n"),
    ("--- # c\n# d\n", "a", 1, "--- # c\na: 1\n# d\n"),
    ("# a\n{}\n# b\n", "a", 1, "# a\na: 1\n# b\n"),
    ("--- {}\n", "a", 1, "---\na: 1\n"),
    ("[]\n", '"0"', 1, "- 1\n"),
    ("a: |\n  x\nb: 1", "c", "y\nz\n", "a: |\n  x\nb: 1\nc: |\n  y\n  z\n"),
    ("a: 1", "a", {"b": 2}, "a:\n  b: 2"),
    ("&x : 1\n", '""', 2, "&x : 2\n"),
    ("&k : 1\na: 2\n", "a", 3, "&k : 1\na: 3\n"),
    ("&k a: 1\n&l b: 2\n", "b", 3, "&k a: 1\n&l b: 3\n"),
    ("? a\n? b\n", "c", 3, "? a\n? b\nc: 3\n"),
    ('"a\\x41\\u00e9\\n": 1\n"b\\ c": 2\n', '"b c"', 3, '"a\\x41\\u00e9\\n": 1\n"b\\ c": 3\n'),
    ("? |\n  a\n: 1\nb: 2\n", "b", 3, "? |\n  a\n: 1\nb: 3\n"),
    # Several documents.
    ("a: 1\n---\nb: 1\n", '"0"', [1, 2], "- 1\n- 2\n---\nb: 1\n"),
    ("a: 1\n--- 2\n", '"1"', {"b": 1}, "a: 1\n---\nb: 1\n"),
    ("a: 1\n--- &x 2\n", '"1"', {"b": 1}, "a: 1\n--- &x\nb: 1\n"),
    ("a: 1\n---\n", '"1"', 2, "a: 1\n---\n2\n"),
    ("a: 1\n---\nb\n", '"2"', {"b": [1]}, "a: 1\n---\nb\n---\nb:\n  - 1\n"),
    ("a: 1\n---\nb", '"2".c', "x", "a: 1\n---\nb\n---\nc: x"),
    # Between brackets and braces.
    ("{a: 1, b: 2}\n", "c", "x", "{a: 1, b: 2, c: x}\n"),
    ("{a: 1, b: 2}\n", "a", {"c": ["x,y"]}, '{a: {c: ["x,y"]}, b: 2}\n'),
    ('{"a":1}\n', "a", "x: y", '{"a":"x: y"}\n'),
    ("a: [1, b: 2]\n", "a.0", 3, "a: [3, b: 2]\n"),
    ("a: [1, b: 2]\n", "a.1.b", 3, "a: [1, b: 3]\n"),
    ("a: [x, [y]]\n", "a.1.1", "z", "a: [x, [y, z]]\n"),
    ("a: {b, c: }\n", "a.b", 1, "a: {b: 1, c: }\n"),
    ("a: {b, c: }\n", "a.c", 1, "a: {b, c: 1 }\n"),
    ("a: {b: {}}\n", "a.b.c", 1, "a: {b: {c: 1}}\n"),
    ("a: [\n  x, # one\n  y # two\n]\n", "a.2", "z", "a: [\n  x, # one\n  y, # two\n  z\n]\n"),
    ("a: [\n  x,\n  y, # two\n]\n", "a.2", "z", "a: [\n  x,\n  y, # two\n  z,\n]\n"),
    # Line ends, byte order marks, tabs, bytes.
    ("a: 1\r\nb:\r\n  c: x\r\n", "b.d", {"e": [1]}, "a: 1\r\nb:\r\n  c: x\r\n  d:\r\n    e:\r\n      - 1\r\n"),
    ("a: |\r\n  x\r\nb: 1\r\n", "a", "y\nz\n", "a: |\r\n  y\r\n  z\r\nb: 1\r\n"),
    ("\ufeffa: 1\n", "a", 2, "\ufeffa: 2\n"),
    ("\ufeffa: 1\n", "b", 2, "\ufeffa: 1\nb: 2\n"),
    ("a:\t1\t# c\nb: 2\n", "a", 3, "a:\t3\t# c\nb: 2\n"),
    ("a: \udcff\nb: 1\n", "b", 2, "a: \udcff\nb: 2\n"),
    ("a: \udcff # \udcfe\nb: 1\n", "a", "é", "a: é # \udcfe\nb: 1\n"),
    ("%YAML 1.1\n---\na: 1\n...\n", "b", 2, "%YAML 1.1\n---\na: 1\nb: 2\n...\n"),
]


@pytest.mark.parametrize(("before", "key", "value", "after"), PUT)
def test_values_are_put(before: str, key: str, value: documents.Value, after: str) -> None:
    """A value is replaced where it stands, or added where a person would add it, in the way of the file."""
    assert documents.update(YAML, documents.encode(before), parse_key(key), value) == documents.encode(after)
    found = documents.open_document(YAML, documents.encode(after)).get(parse_key(key))
    assert documents.same(found, value)


REMOVE = [
    # text, key, text
    ("a: 1 # c\n# d\nb: 2\n", "a", "# d\nb: 2\n"),
    ("a: 1\nb: 2", "b", "a: 1"),
    ("a: 1\r\nb: 2", "b", "a: 1"),
    ("\ufeffa: 1\nb: 2\n", "a", "\ufeffb: 2\n"),
    ("a: 1\n", "a", "{}\n"),
    ("# c\na: 1\n# d\n", "a", "# c\n{}\n# d\n"),
    ("a: # c\n  # d\n  b: 1 # e\n# f\n", "a.b", "a: {} # c\n  # d\n# f\n"),
    ("a: &x\n  b: 1\n", "a.b", "a: &x {}\n"),
    ("a:\n- b\n", "a.0", "a: []\n"),
    ("- b: 1\n- 2\n", '"0".b', "- {}\n- 2\n"),
    ("- - 1\n- 2\n", '"0"."0"', "- []\n- 2\n"),
    ("- a: 1\n  b: 2\n", '"0".a', "- b: 2\n"),
    ("- a: 1 # c\n  # d\n  b: 2\n", '"0".a', "-\n  # d\n  b: 2\n"),
    ("- a: 1\n  b: 2\n", '"0".b', "- a: 1\n"),
    ("a: |\n  x\n\n  y\n\nb: 1\n", "a", "\nb: 1\n"),
    ("a: x\n  y\nb: 1\n", "a", "b: 1\n"),
    ("a:\n  b:\n    c: 1\n  d: 2\n", "a.b", "a:\n  d: 2\n"),
    ("? a\n: 1\n? [b]\n: 2\n", "a", "? [b]\n: 2\n"),
    ("a: !secret x\nb: 1\n", "a", "b: 1\n"),
    ("a: [1, 2, 3]\n", "a.0", "a: [2, 3]\n"),
    ("a: [1, 2, 3]\n", "a.2", "a: [1, 2]\n"),
    ("a: [ 1 ]\n", "a.0", "a: []\n"),
    ("{a: 1, b: {c: 2}}\n", "b.c", "{a: 1, b: {}}\n"),
    ("a: [\n  1, # x\n  2, # y\n  3 # z\n]\n", "a.1", "a: [\n  1, # x\n  3 # z\n]\n"),
    ("a: [\n  1, # x\n  3 # z\n]\n", "a.1", "a: [\n  1, # x\n]\n"),
    ("a: &x 1\nb: 2\n", "a", "b: 2\n"),
    ("a: &x 1\nb: *x\n", "b", "a: &x 1\n"),
]


@pytest.mark.parametrize(("before", "key", "after"), REMOVE)
def test_values_are_removed(before: str, key: str, after: str) -> None:
    """A member or element goes with its lines; the last one leaves an empty mapping or sequence, and every comment."""
    assert documents.delete(YAML, documents.encode(before), parse_key(key)) == documents.encode(after)


SHAPES: list[tuple[str, str, documents.Value, str, str]] = [
    # text, key, value, old, new
    (COMPOSE, "version", "4", "'3'", "'4'"),
    (COMPOSE, "services.web.image", "nginx:1.26", "nginx:1.25", "nginx:1.26"),
    (COMPOSE, "services.web.restart", "no", "labels: []\n", "labels: []\n    restart: 'no'\n"),
    (COMPOSE, "services.web.ports.0", "81:80", '"80:80"', '"81:80"'),
    (COMPOSE, "services.web.ports.2", "53:53/udp", "443:443\n", "443:443\n    - '53:53/udp'\n"),
    (COMPOSE, "services.web.environment.NEW", "x", "DEBUG: no}", "DEBUG: no, NEW: x}"),
    (COMPOSE, "services.web.environment.DEBUG", "no", "DEBUG: no}", "DEBUG: 'no'}"),
    (COMPOSE, "services.web.command", "run\nit\n", "run \\\n        --all\n", "run\n      it\n"),
    (COMPOSE, "services.web.labels", ["a=b"], "labels: []", "labels:\n    - a=b"),
    (COMPOSE, "services.db.environment.USER", "root", "3306\n", "3306\n      USER: root\n"),
    (
        COMPOSE,
        "services.cache",
        {"image": "redis", "ports": ["1:2"], "run": "x\nz\n"},
        "3306\n",
        "3306\n  cache:\n    image: redis\n    ports:\n    - '1:2'\n    run: |\n      x\n      z\n",
    ),
    (COMPOSE, "volumes.data.driver", "local", "  data:\n", "  data:\n    driver: local\n"),
    (NETPLAN, "network.ethernets.eth0.dhcp4", True, "dhcp4: no", "dhcp4: yes"),
    (NETPLAN, "network.ethernets.eth0.addresses.2", "fe80::1/64", "3/24\n", '3/24\n                - "fe80::1/64"\n'),
    (NETPLAN, "network.ethernets.eth0.nameservers.addresses.2", "9.9.9.9", "8.8.8.8]", "8.8.8.8, 9.9.9.9]"),
    (
        NETPLAN,
        "network.ethernets.eth1",
        {"addresses": ["10.0.0.4/24"]},
        "8.8.8.8]\n",
        "8.8.8.8]\n        eth1:\n            addresses:\n                - 10.0.0.4/24\n",
    ),
    (KUBERNETES, "0.spec.ports.0.targetPort", "http", "8080", "http"),
    (KUBERNETES, "0.spec.ports.2", {"port": 9}, "- port: 443\n", "- port: 443\n  - port: 9\n"),
    (KUBERNETES, "1.metadata.labels.app", "shop", "labels: {}\n", "labels:\n    app: shop\n"),
    (KUBERNETES, "1.spec.replicas", 2, "labels: {}\n", "labels: {}\nspec:\n  replicas: 2\n"),
    (WORKFLOW, "on.push.branches.1", "dev", "[ main ]", "[ main, dev ]"),
    (WORKFLOW, "jobs.test.steps.1.run", "make all\n", "make test\n          make check\n", "make all\n"),
    (WORKFLOW, "jobs.test.steps.0.with.depth", 0, "@v4\n", "@v4\n        with:\n          depth: 0\n"),
    (ASSISTANT, "homeassistant.latitude", 53, "52.5", "53"),
    (ASSISTANT, "light.0.name", "Licht", "Lamp", "Licht"),
    (INVENTORY, 'all.hosts."mail.example.com".port', 25, "mail.example.com:\n", "mail.example.com:\n      port: 25\n"),
]


@pytest.mark.parametrize(("text", "key", "value", "old", "new"), SHAPES)
def test_what_people_write_is_edited(text: str, key: str, value: documents.Value, old: str, new: str) -> None:
    """Compose files, netplan, Kubernetes, workflows, Home Assistant, Ansible: one place changes, as people write it."""
    after = documents.update(YAML, text.encode(), parse_key(key), value).decode()
    assert after == changed(text, old, new)


LOOKALIKES = [
    "", "~", "null", "Null", "y", "N", "yes", "No", "on", "OFF", "true", "FALSE", "1", "-1", "+1", "012", "0o14",
    "0x1f", "0b11", "1_000", "1:20", "190:20:30", "1.5", ".5", "1e3", "1.0e+3", ".inf", "-.INF", ".nan", "nan", "=",
    "<<", "Infinity", "2001-12-14", "2001-12-14 21:59:43", "2001-1-1", "-", "- x", "?", "? x", ":", ": x", "x:", "x: y",
    "x #y", "#x", "[x", "{x", "]", "}", ",", "x, y", "&x", "*x", "!x", "|", ">", "%x", "@x", "`x", "'x", '"x', " x",
    "x ", "\t", "---", "...", "--- x", "x\n", "\n", "\nx", "x\n\ny\n", " x\ny\n", "x\n y\n", "x \ny\n", "\u2028",
    "x\u2029", "\x85",
    "\ufeff", "\x00", "\x1b[0m", "\x7f", "\r", "x\r\ny", "\ud7ff", "\ue000", "\ufffe", "\U0010ffff", "\U0010dcff",
    "\n[root]\nadmin=1", "x\nroot: yes", "x\n---\nroot: yes", '"\nroot: yes', "'\nroot: yes", "}, root: yes",
    "!!python/object:os.system", "{{ x }}", "${x}", "x" * 2000, "é", "\U0001f600", "1.2.3.4", "5m", "10.0.0.0/8",
]  # fmt: skip
"""Strings that some reader takes for something else, or that would begin something of their own."""

HOLDERS = [
    "a: z\nk: @\nb: 1\n",
    "a: [z, @]\n",
    "{a: {k: @}, b: 1}\n",
    "- a\n- - @\n",
    "a: 'q'\nk: '@'\n",
    'k: "@"\n',
    "k: |\n  @\nb: 1\n",
]
"""Texts in which one value is replaced."""


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("value", LOOKALIKES)
def test_strings_stay_strings(holder: str, value: str) -> None:
    """Whatever a string looks like, every reader gets that string, and nothing beside it."""
    text = holder.replace("@", "0.25")
    (key,) = [
        entry.key for entry in documents.open_document(YAML, text.encode()).entries() if _is_quarter(text, entry.key)
    ]
    after = documents.update(YAML, text.encode(), key, value)
    assert documents.open_document(YAML, after).get(key) == value
    for read in (yaml.CSafeLoader, yaml.SafeLoader):
        found = yaml.load(after.decode(), Loader=read)  # noqa: S506 - both are safe
        for segment in key:
            found = found[int(segment) if isinstance(found, list) else segment]
        assert found == value


def _is_quarter(text: str, key: tuple[str, ...]) -> bool:
    return documents.open_document(YAML, text.encode()).get(key) in (0.25, "0.25", "0.25\n")


@pytest.mark.parametrize(
    "name", [name for name in LOOKALIKES if name.isprintable() and name != "<<" and len(name) < 1000]
)
def test_names_stay_names(name: str) -> None:
    """Whatever the name of a new key looks like, it is that string; in a block, between braces, and further down."""
    for text, above in (("a: 1\n", ()), ("{a: 1}\n", ()), ("a: 1\n", ("b",))):
        after = documents.update(YAML, text.encode(), (*above, name), "x")
        found = yaml.safe_load(after.decode())
        for segment in above:
            found = found[segment]
        assert found[name] == "x"
        assert len(found) == 2 - len(above)


REFUSED: list[tuple[str, str, documents.Value, str]] = [
    # text, key, value, reason
    ("a: 1\n", "a.b", 1, "structure"),
    ("a: ~\n", "a.b", 1, "structure"),
    ("null\n", "a", 1, "structure"),
    ("x\n", "a", 1, "structure"),
    ("a: 1\n", "a", float("nan"), "type"),
    ("a: 1\n", "a", [float("inf")], "type"),
    ("a: 1\n", "a", "\udcff", "characters"),
    ("a: 1\n", '"<<"', {"b": 1}, "characters"),
    ("a: 1\n", "a", {"<<": 1}, "characters"),
    ("a: 1\na: 2\n", "b", 1, "duplicate"),
    ("a: 1\n'a': 2\n", "b", 1, "duplicate"),
    ("on: 1\nyes: 2\n", "b", 1, "duplicate"),
    ("1: 1\n0x1: 2\n", "b", 1, "duplicate"),
    ("a: &x {b: 1}\nc: {<<: *x, <<: *x}\n", "b", 1, "duplicate"),
    ("a: !t 1\n", "a", 2, "tag"),
    ("a: !t {b: 1}\n", "a.b", 2, "tag"),
    ("a: !!binary aGk=\n", "a", "x", "tag"),
    ("%TAG !! tag:x,1:\n--- !!map\na: 1\n", "a", 2, "tag"),
    ("a: &x 1\nb: *x\n", "a", 2, "shared"),
    ("a: &x {c: 1}\nb: *x\n", "b.c", 2, "shared"),
    ("a: {c: &x 1}\nb: *x\n", "a", 2, "shared"),
    ("a: 1\u2028b: 2\n", "a", 2, "ambiguous"),
    ("a: 1 # \x85b: 2\n", "a", 2, "ambiguous"),
    ("a: 1\rb: 2\n", "a", 2, "ambiguous"),
    ("a: 1\n\ufeffb: 2\n", "a", 2, "ambiguous"),
    ("a: &x [*x]\n", "b", 2, "aliases"),
    ("a: *x\n", "b", 2, "aliases"),
    ("&a a: &b b\n*b : *a\n", "b", 2, "proof"),
    ("a: |\n  x", "b", 2, "proof"),
    ("a: 1\n...\nb: 1\n", "a", 2, "syntax"),
    ("a: b: c\n", "a", 2, "syntax"),
    ("a:\n\t- b\n", "a", 2, "syntax"),
    ("a: \x07\n", "a", 2, "syntax"),
    ("a: {<<: 1}\n", "b", 2, "structure"),
    ("%TAG !a! x\n" * 200 + "---\na: 1\n", "b", 2, "syntax"),
    ("a: {\n  ? b\n  : c}\n", "a.b.d", 2, "structure"),
    ("a: [b: 1]\n", "a.0.c", 2, "structure"),
]


@pytest.mark.parametrize(("text", "key", "value", "reason"), REFUSED)
def test_what_cannot_be_done_is_refused(text: str, key: str, value: documents.Value, reason: str) -> None:
    """What is no YAML, what readers disagree about, what has a tag of its own and what others share is not changed."""
    with pytest.raises(Refused) as refused:
        documents.update(YAML, documents.encode(text), parse_key(key), value)
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [", 2, 1),
        ("a: 1\n b: 2\n", 2, 3),
        ("\ufeffa: 'é\n", 2, 1),
        ("a: 1\nb: *x\n", 2, 4),
        ("é: 1\u2028\n", 1, 5),
        ("a: é\x07\n", 1, 5),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, line: int, column: int) -> None:
    """The refusal has line and column, and nothing of the text."""
    with pytest.raises(Refused) as refused:
        documents.open_document(YAML, text.encode())
    assert {name: refused.value.data.get(name) for name in ("line", "column")} == {"line": line, "column": column}


@pytest.mark.parametrize(
    ("text", "key", "shared", "reason"),
    [
        ("a: &x {c: 1}\nb: *x\n", "a", False, "shared"),
        ("a: &x {c: 1}\nb: *x\n", "a", True, "shared"),  # there would be nothing left to stand for
        ("a: {c: &x 1}\nb: *x\n", "a", True, "shared"),
        ("a: &x {c: 1}\nb: {<<: *x}\n", "b.c", False, "shared"),
        ("a: &x {c: 1}\nb: {<<: *x}\n", "b.c", True, "shared"),
        ("a: &x {c: 1}\nb: {<<: *x}\n", "a", True, "shared"),
        ("a: &x {c: 1}\nb: *x\n", "b.c", True, "shared"),  # braces would be needed where it is written
        ("a: [b: 1]\n", "a.0.b", False, "structure"),
        ("a: 1\n--- 2\n", '"1"', False, "structure"),
    ],
)
def test_what_cannot_go_stays(text: str, key: str, shared: bool, reason: str) -> None:  # noqa: FBT001 - a case
    """What others stand for is not taken from under them, and no document from between others."""
    with pytest.raises(Refused) as refused:
        documents.delete(YAML, text.encode(), parse_key(key), Manner(shared=shared))
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)


def test_what_is_merged_elsewhere_is_not_put_whole() -> None:
    """Neither what `<<` stands for is replaced, nor is anything put below an empty value that others share."""
    for text, key in (("a: &x {c: 1}\nb: {<<: *x}\n", "a"), ("a: &x {}\nb: *x\n", "b.c")):
        with pytest.raises(Refused) as refused:
            documents.update(YAML, text.encode(), parse_key(key), {"d": 1}, Manner(shared=True))
        assert refused.value.data["reason"] == "shared"


@pytest.mark.parametrize("value", [float("inf"), [float("nan")], {"a": float("-inf")}])
def test_the_locator_refuses_such_numbers_itself(value: documents.Value) -> None:
    """Whoever asks a document directly is refused as one who asks for an update."""
    with pytest.raises(Refused) as refused:
        YAML.open("b: 1\n").put(("a",), value)
    assert refused.value.data == {"reason": "type"}


@pytest.mark.parametrize("key", ["a.2", "a.01", "a.x"])
def test_elements_are_added_at_the_end_only(key: str) -> None:
    """An array has no holes: the element after the last one can be added, none beyond."""
    with pytest.raises(Refused) as refused:
        documents.update(YAML, b"a:\n- 1\n", parse_key(key), 1)
    assert refused.value.kind == "no_such_key"


SHARED: list[tuple[str, documents.Value, str, str, list[str]]] = [
    # key, value, old, new, keys that have the value then
    ("x-common.restart", "never", "restart: always", "restart: never", ["services.web.restart", "services.db.restart"]),
    (
        "services.db.logging.driver",
        "local",
        "json-file",
        "local",
        ["x-common.logging.driver", "services.web.logging.driver"],
    ),
    (
        "x-common.logging",
        {"driver": "z"},
        "json-file",
        "z",
        ["services.web.logging.driver", "services.db.logging.driver"][:0],
    ),
    ("x-common.new", 1, "json-file\n", "json-file\n  new: 1\n", ["services.web.new", "services.db.new"]),
]


@pytest.mark.parametrize(("key", "value", "old", "new", "others"), SHARED)
def test_what_is_shared_changes_for_all_when_asked(
    key: str, value: documents.Value, old: str, new: str, others: list[str]
) -> None:
    """A value behind an anchor is changed only where the caller says so, and then for everybody who shares it."""
    with pytest.raises(Refused) as refused:
        documents.update(YAML, COMPOSE.encode(), parse_key(key), value)
    assert refused.value.data["reason"] == "shared"
    after = documents.update(YAML, COMPOSE.encode(), parse_key(key), value, Manner(shared=True))
    assert after.decode() == changed(COMPOSE, old, new)
    document = documents.open_document(YAML, after)
    assert all(document.get(parse_key(other)) == value for other in others)


@pytest.mark.parametrize(("opening", "end"), [("- ", "x"), ("? ", "x"), ("- - ", "[x]")])
def test_depth_is_bounded_in_blocks_too(opening: str, end: str) -> None:
    """As deep as the limit is read; one deeper is refused before anything recurses."""
    levels = opening.count("-") + opening.count("?")
    for depth, refused in ((MAX_DEPTH - end.count("["), False), (MAX_DEPTH + levels, True), (60_000, True)):
        content = (opening * (depth // levels) + end).encode()
        if refused:
            with pytest.raises(Refused, match="not_editable") as refusal:
                documents.open_document(YAML, content)
            assert refusal.value.data["reason"] == "depth"
        else:
            documents.check(YAML, content)


def test_a_billion_laughs_are_not_told() -> None:
    """Aliases that stand for aliases are counted as what they stand for, and refused before anybody follows them."""
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for one, other in pairwise("abcdefghi"):
        text += f"{other}: &{other} [{','.join([f'*{one}'] * 9)}]\n"
    start = time.process_time()
    with pytest.raises(Refused) as refused:
        documents.check(YAML, text.encode())
    assert refused.value.data["reason"] == "aliases"
    assert time.process_time() - start < 1
    few = text[: text.index("d: ")]
    assert len(str(documents.open_document(YAML, few.encode()).get(()))) > 4000


def test_aliases_are_as_deep_as_what_they_stand_for() -> None:
    """A tree is not deeper than the limit, whatever puts it together."""
    half = "[" * 40 + "]" * 40
    documents.check(YAML, f"a: &a {half}\nb: [*a]\n".encode())
    with pytest.raises(Refused) as refused:
        documents.check(YAML, f"a: &a {half}\nb: {'[' * 30}*a{']' * 30}\n".encode())
    assert refused.value.data["reason"] == "depth"


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("a: \udcff\n", "a", "bytes"),
        ("a: {b: \udcff}\n", "a", "bytes"),
        ("a: .inf\n", "a", "type"),
        ("a: !t 1\n", "a", "tag"),
        ("a: [!t 1]\n", "a", "tag"),
        ("a: !t {b: 1}\n", "a.b", "tag"),
        ("a: 2001-99-99\n", "a", "tag"),
        (f"a: {'1' * 400}\n", "a", "tag"),
        ("a: {[b]: 1}\n", "a", "characters"),
    ],
)
def test_what_cannot_be_told_is_not(text: str, key: str, reason: str) -> None:
    """Bytes, tags, endless numbers and what no member can be named like stays as it is, and can be edited around."""
    with pytest.raises(Refused) as refused:
        documents.open_document(YAML, documents.encode(text)).get(parse_key(key))
    assert (refused.value.kind, refused.value.data["reason"]) == ("not_editable", reason)
    assert documents.update(YAML, documents.encode(text), ("z",), 1) == documents.encode(text + "z: 1\n")


TOLD: list[tuple[str, documents.Value]] = [
    ("a: no", False),
    ("a: 012", 10),
    ("a: 1:20", 80),
    ("a: 0x1f", 31),
    ("a: 1e3", "1e3"),
    ("a: 1.5e+3", 1500.0),
    ("a: ~", None),
    ("a:", None),
    ("a: 2001-12-14", "2001-12-14"),
    ("a: 2001-12-14 21:59:43", "2001-12-14T21:59:43"),
    ("a: =", "="),
    ("a: !!str 1", "1"),
    ("a: !!int '1'", 1),
    ("a: ! 'x'", "x"),
    ("a: 'it''s'", "it's"),
    ('a: "\\x41\\\n  b"', "Ab"),
    ("a: x\n  y\n\n  z", "x y\nz"),
    ("a: |\n  x\n   y\n", "x\n y\n"),
    ("a: >+\n  x\n  y\n\n", "x y\n\n"),
    ("b: &x {c: 1}\na: *x", {"c": 1}),
    ("b: &x {c: 1, d: 2}\na:\n  d: 3\n  <<: *x", {"c": 1, "d": 3}),
    ("b: &x {c: 1}\nd: &y {c: 2, e: 3}\na: {<<: [*x, *y]}", {"c": 1, "e": 3}),
    ("a: [\U0010dcff]", ["\U0010dcff"]),
]


@pytest.mark.parametrize(("text", "value"), TOLD)
def test_values_are_told_as_libyaml_reads_them(text: str, value: documents.Value) -> None:
    """YAML 1.1 decides what a scalar is; aliases and merge keys are what they stand for; dates are text."""
    assert documents.same(documents.open_document(YAML, text.encode()).get(("a",)), value)


def test_entries_tell_what_there_is() -> None:
    """Every member and element has its entry with type and lines; what is shared has those where it is written."""
    text = "a: &x # c\n  b: 1\nd: {e: no, f: [1.5, ~]}\ng:\n  <<: *x\n  h: *x\ni: !t {j: k}\n? [l]\n: 1\n"
    found = documents.open_document(YAML, text.encode()).entries()
    assert [(".".join(entry.key), entry.type, text[entry.start : entry.end]) for entry in found] == [
        ("a", "object", "a: &x # c\n  b: 1\n"),
        ("a.b", "integer", "  b: 1\n"),
        ("d", "object", "d: {e: no, f: [1.5, ~]}\n"),
        ("d.e", "boolean", "e: no"),
        ("d.f", "array", "f: [1.5, ~]"),
        ("d.f.0", "number", "1.5"),
        ("d.f.1", "null", "~"),
        ("g", "object", "g:\n  <<: *x\n  h: *x\n"),
        ("g.h", "object", "  h: *x\n"),
        ("g.h.b", "integer", "  b: 1\n"),
        ("g.b", "integer", "  b: 1\n"),
        ("i", "object", "i: !t {j: k}\n"),
        ("i.j", "string", "j: k"),
    ]


@pytest.mark.parametrize(
    "text", ["a: &x k\nb:\n  *x : 1\n", "{?a: 1}\n", "? a\n  b\n: 1\n", "!<tag:yaml.org,2002:str> a: 1\n"]
)
def test_what_readers_name_differently_is_not_listed(text: str) -> None:
    """Where the locator does not find the keys that the judge has read, nobody could say where a secret stands."""
    document = documents.open_document(YAML, text.encode())
    with pytest.raises(Refused) as refused:
        document.entries()
    assert refused.value.data["reason"] == "ambiguous"
    assert document.get(())


def test_several_documents_are_an_array() -> None:
    """A file of several documents is an array of them, and one of a single document is that."""
    document = documents.open_document(YAML, KUBERNETES.encode())
    assert document.get(parse_key("1.kind")) == "Deployment"
    assert [entry.key for entry in document.entries() if len(entry.key) == 1] == [("0",), ("1",)]
    assert documents.open_document(YAML, b"---\na: 1\n...\n").get(("a",)) == 1


@pytest.mark.parametrize("key", ["x", "a.1", "a.01", "a.x", "b.c.d", "on"])
def test_keys_that_are_not_there(key: str) -> None:
    """Neither getting nor removing finds what is not there."""
    document = documents.open_document(YAML, b"a: [1]\nb: {c: x}\n'yes': 1\n")
    for ask in (document.get, document.remove):
        with pytest.raises(Refused) as refused:
            ask(parse_key(key))
        assert refused.value.kind == "no_such_key"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"a:\n{WIDE}b: 1\n", "a.c"),
        (f"a:\n{WIDE}- 1\n", "a.1"),
        (f"a:\n{WIDE}- b: 1\n", "a.0.c"),
        (f"a:\n{WIDE}b: |\n{WIDE} x\n", "a.b"),
        (f"b: 1\na:{WIDE}1\n", "a"),
        (f"a: [\n{WIDE}1\n]\n", "a.1"),
        (f"{WIDE}a: 1\n", "b"),
    ],
)
def test_little_is_not_made_much_of(text: str, key: str) -> None:
    """No wide margin is written once for each of thousands of lines."""
    lines: documents.Value = [{"x": "1\n2\n"}] * 4000
    for value in (lines, "x\n" * 8000):
        assert len(documents.update(YAML, text.encode(), parse_key(key), value)) < 1_000_000
