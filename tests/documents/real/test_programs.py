"""Files that were edited through lenses, as the programs read them whose files they are."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rpcd import documents
from rpcd.documents import Value
from rpcd.documents.key import parse_key
from tests.documents.real.debian import unpack

pytestmark = pytest.mark.slow


def edited(lens: str, text: str, edits: Mapping[str, Value]) -> str:
    """`text` with keys that have other values."""
    form = documents.resolve(f"augeas:{lens}")
    content = documents.encode(text)
    for key, value in edits.items():
        content = documents.update(form, content, parse_key(key), value)
    return documents.decode(content)


def output(directory: Path, script: str) -> str:
    """What a script prints that runs in a directory, as root of mounts of its own."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-euc", script]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_resolver_reads_hosts(tmp_path: Path) -> None:
    """A name that was added, and one that was changed, lead to their addresses."""
    text = "127.0.0.1 localhost\n10.0.0.1 a.example a # one\n"
    hosts = edited(
        "hosts", text, {"2.ipaddr": "10.0.0.2", "2.alias.1": "b", "3": {"ipaddr": "10.9.9.9", "canonical": "c"}}
    )
    (tmp_path / "hosts").write_text(hosts)
    found = output(tmp_path, "mount --bind hosts /etc/hosts; getent hosts b; getent hosts c")
    assert [line.split() for line in found.splitlines()] == [["10.0.0.2", "a.example", "a", "b"], ["10.9.9.9", "c"]]


def test_mount_reads_fstab(tmp_path: Path) -> None:
    """The options of a file system are those that it was given."""
    text = "# <file system> <mount point>\nUUID=1 / ext4 defaults,noatime 0 1\n"
    fstab = edited("fstab", text, {"1.opt.1": "relatime", "1.opt.2": {"": "errors", "value": "remount-ro"}})
    (tmp_path / "fstab").write_text(fstab)
    found = output(tmp_path, "findmnt --tab-file fstab --noheadings --output OPTIONS /")
    assert found.strip() == "defaults,relatime,errors=remount-ro"


def test_sudo_reads_sudoers(tmp_path: Path) -> None:
    """The file passes visudo, and a command stands in place of another."""
    text = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%admin ALL=(ALL) NOPASSWD: /bin/ls, /bin/cat\n"
    sudoers = edited("sudoers", text, {"spec.1.host_group.command.1": "/bin/id", "spec.1.user": "%wheel"})
    path = tmp_path / "sudoers"
    path.write_text(sudoers)
    path.chmod(0o440)
    found = output(tmp_path, "visudo --check --strict --file=sudoers; cvtsudoers --output-format=sudoers sudoers")
    assert "parsed OK" in found
    assert "%wheel ALL = (ALL) NOPASSWD: /bin/ls, /bin/id" in found


def test_sshd_reads_its_file(tmp_path: Path) -> None:
    """Keywords have the values that they were given; one that was added stands before the conditions."""
    unpack(tmp_path, "openssh-server", "libwrap0")
    text = (tmp_path / "usr/share/openssh/sshd_config").read_text() + "\nMatch User backup\n\tX11Forwarding no\n"
    (tmp_path / "sshd_config").write_text(
        edited("sshd", text, {"X11Forwarding": "no", "Port": "2222", "Match.Settings.X11Forwarding": "yes"})
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    found = output(
        tmp_path,
        """
        { cat /etc/passwd; echo sshd:x:74:65534::/:/bin/false; } >passwd
        mount --bind passwd /etc/passwd
        mount -t tmpfs none /run
        mkdir -m 755 /run/sshd
        for user in root backup; do
            LD_LIBRARY_PATH=$(echo usr/lib/*-linux-gnu) \\
                "$PWD/usr/sbin/sshd" -T -f sshd_config -h "$PWD/key" -C user=$user
        done
        """,
    )
    lines = found.splitlines()
    assert lines.count("port 2222") == 2
    assert [line for line in lines if line.startswith("x11forwarding")] == ["x11forwarding no", "x11forwarding yes"]


def test_postfix_reads_its_file(tmp_path: Path) -> None:
    """Parameters have the values that they were given, also over several lines."""
    unpack(tmp_path, "postfix")
    text = "myhostname = a.example\nmynetworks = 127.0.0.0/8\n\t[::1]/128\nbiff = no\n"
    changes: dict[str, Value] = {
        "myhostname": "b.example",
        "mynetworks": "10.0.0.0/8\n\t::1/128",
        "inet_protocols": "ipv4",
    }
    (tmp_path / "main.cf").write_text(edited("postfix_main", text, changes))
    (tmp_path / "master.cf").touch()
    found = output(tmp_path, "LD_LIBRARY_PATH=usr/lib/postfix usr/sbin/postconf -c . -n")
    values = dict(line.split(" = ") for line in found.splitlines())
    assert values["myhostname"] == "b.example"
    assert values["mynetworks"].split() == ["10.0.0.0/8", "::1/128"]
    assert values["inet_protocols"] == "ipv4"
