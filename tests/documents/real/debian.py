"""Configuration files of Debian packages, as their `.deb` files have them; nothing is installed.

Packages are fetched by apt-get, once, into `build/debian` of the checkout.
"""

import io
import os
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.server import REPOSITORY

__all__ = ["RULES", "Found", "Rule", "files", "unpack"]

STORE = REPOSITORY / "build" / "debian"

PACKAGES = """
adduser apache2 apt bind9 chrony cloud-init cron dbus dnsmasq dokuwiki fail2ban fontconfig-config
golang-github-containers-common grub2-common haproxy hostapd libc-bin libpam-runtime libwrap0 librust-bitflags-dev
librust-itertools-dev librust-log-dev librust-num-traits-dev librust-rand-dev librust-regex-dev librust-serde-dev
librust-syn-dev librust-time-dev librust-url-dev login logrotate mariadb-common mariadb-server netbase netplan.io
nginx-common node-ajv node-debug node-express node-glob node-semver openssh-client openssh-server passwd php8.2-common
php8.2-fpm postfix procps roundcube-core rsyslog ruby-rails-i18n samba-common sudo supervisor systemd tomcat10
unattended-upgrades vsftpd xfce4-settings
""".split()  # noqa: SIM905 - a list that grows, for people to read


@dataclass(frozen=True)
class Rule:
    """Which paths have which format, and how many of such files are taken."""

    format: str
    paths: str
    options: Mapping[str, str] = field(default_factory=dict)
    most: int = 25


RULES = (
    Rule(
        "ini",
        r"/lib/systemd/system/[^/]+\.(service|socket|timer|path)|/etc/systemd/[a-z]+\.conf",
        {"preset": "systemd"},
        40,
    ),
    Rule("ini", r".*\.desktop", {"preset": "desktop"}),
    Rule("ini", r"/usr/lib/php/.*/php\.ini-.*|/usr/share/php8.2-common/.*\.ini|/etc/php/.*\.conf", {"preset": "php"}),
    Rule("ini", r"/etc/mysql/.*\.cnf", {"preset": "my.cnf"}),
    Rule("ini", r".*/supervisor/(supervisord|skel/sample|tests/fixtures/[a-z0-9-]+)\.conf", {"preset": "supervisor"}),
    Rule("ini", r"/etc/fail2ban/.*\.(conf|local)", most=30),
    Rule("env", r"/etc/default/[a-z0-9-]+"),
    Rule("toml", r".*/(Cargo|\.?rustfmt|triagebot)\.toml|.*/containers/.*\.conf"),
    Rule("yaml", r".*/netplan/examples/.*\.yaml|.*/\.github/workflows/.*\.yml|/etc/cloud/.*\.cfg", most=40),
    Rule("yaml", r".*/rails/locale/.*\.yml"),
    Rule("json", r".*/package\.json|/etc/containers/.*\.json|.*/\.cargo_vcs_info\.json|.*/manifest\.json"),
    Rule(
        "php",
        r"/etc/(dokuwiki|roundcube)/.*\.php|.*/lang/(de|en|fr|it)/lang\.php|.*/localization/(de_DE|fr_FR|it_IT)/.*\.inc",
    ),
    Rule("properties", r".*\.properties"),
    Rule("xml", r"/usr/share/fontconfig/conf\.avail/.*\.conf|.*/dbus-1/.*\.conf|.*/tomcat10/etc/.*\.xml"),
    Rule("nginx", r"/etc/nginx/.*|.*/nginx.*\.conf"),
    Rule("augeas:aptconf", r"/etc/apt/apt\.conf\.d/.*"),
    Rule("augeas:cron", r"/etc/cron\.d/.*|/etc/crontab"),
    Rule("augeas:dnsmasq", r"/etc/dnsmasq\.conf"),
    Rule("augeas:httpd", r"/etc/apache2/.*\.(conf|load)", most=40),
    Rule("augeas:logrotate", r"/etc/logrotate\.conf|/etc/logrotate\.d/.*"),
    Rule("augeas:login_defs", r"/etc/login\.defs"),
    Rule("augeas:pam", r"/etc/pam\.d/.*"),
    Rule("augeas:protocols", r"/etc/protocols"),
    Rule("augeas:rsyslog", r"/etc/rsyslog\.conf|/etc/rsyslog\.d/.*"),
    Rule("augeas:services", r"/etc/services"),
    Rule("augeas:shellvars", r"/etc/(adduser|deluser)\.conf"),
    Rule("augeas:simplevars", r"/etc/vsftpd\.conf"),
    Rule("augeas:ssh", r"/etc/ssh/ssh_config"),
    Rule("augeas:sshd", r"/usr/share/openssh/sshd_config"),
    Rule("augeas:sudoers", r"/etc/sudoers|/etc/sudoers\.d/.*"),
    Rule("augeas:sysctl", r"/etc/sysctl\.conf|/usr/lib/sysctl\.d/.*\.conf"),
    Rule("augeas:tmpfiles", r"/usr/lib/tmpfiles\.d/.*\.conf"),
    Rule("augeas:postfix_main", r"/usr/share/postfix/main\.cf.*"),
    Rule("augeas:postfix_master", r"/usr/share/postfix/master\.cf.*"),
    Rule("augeas:chrony", r"/usr/share/chrony/chrony\.conf|/etc/chrony/chrony\.conf"),
)


@dataclass(frozen=True)
class Found:
    """A file of a package, and how it is read."""

    name: str
    rule: Rule
    content: bytes


def files() -> Iterator[Found]:
    """The files of all packages to which a rule applies; of each rule so many."""
    taken: Counter[int] = Counter()
    for package in sorted(_fetched()):
        for path, content in _unpacked(package):
            rule = next((number for number, rule in enumerate(RULES) if re.fullmatch(rule.paths, path)), None)
            if rule is not None and content.strip() and taken[rule] < RULES[rule].most:
                taken[rule] += 1
                yield Found(f"{package.name.partition('_')[0]}:{path}", RULES[rule], content)


def unpack(directory: Path, *packages: str) -> None:
    """Lay out all files of packages below a directory."""
    for path in _fetched():
        if path.name.partition("_")[0] in packages:
            subprocess.run(["dpkg-deb", "--extract", path, directory], check=True)


def _fetched() -> list[Path]:
    """The packages; the lists of what there is are brought up to date where they name what has gone."""
    STORE.mkdir(parents=True, exist_ok=True)
    there = {path.name.partition("_")[0] for path in STORE.glob("*.deb")}
    missing = [package for package in PACKAGES if package not in there]
    command = ["apt-get", "--quiet", "download", *missing]
    if missing and subprocess.run(command, cwd=STORE, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "--quiet", "update"], capture_output=True, check=True)
        subprocess.run(command, cwd=STORE, capture_output=True, check=True)
    return [path for path in STORE.glob("*.deb") if path.name.partition("_")[0] in PACKAGES]


def _unpacked(package: Path) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of the regular files of a package."""
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in sorted(archive, key=lambda member: member.name):
            if member.isreg() and member.size <= 256 * 1024:
                reader = archive.extractfile(member)
                assert reader is not None
                yield os.path.join("/", member.name.removeprefix(".").lstrip("/")), reader.read()
