"""Files whose content root executes, or obeys: whoever may write one of them is root, whatever the grants say.

Not a complete list, which there cannot be: what a check of the settings can name is what administrators really name as
targets, on Debian and its kin.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from rpcd.settings.places import resolved
from rpcd.settings.targets import Target

__all__ = ["executed"]

TREES: Final[Mapping[str, str]] = {
    "/etc/systemd": "systemd runs what units and generators name",
    "/run/systemd": "systemd runs what units and generators name",
    "/usr/lib/systemd": "systemd runs what units and generators name",
    "/usr/local/lib/systemd": "systemd runs what units and generators name",
    "/etc/init.d": "init runs it",
    "/etc/cron.d": "cron runs it",
    "/etc/cron.hourly": "cron runs it",
    "/etc/cron.daily": "cron runs it",
    "/etc/cron.weekly": "cron runs it",
    "/etc/cron.monthly": "cron runs it",
    "/var/spool/cron": "cron runs it",
    "/etc/sudoers.d": "sudo obeys it",
    "/etc/polkit-1": "polkit obeys it",
    "/etc/pam.d": "every login obeys it, and loads the modules that it names",
    "/etc/security": "every login obeys it",
    "/etc/ssh": "sshd runs the commands that it names, and lets in whom it names",
    "/etc/profile.d": "root's shell runs it",
    "/etc/skel": "the shells of new users run it",
    "/root": "root's programs read it, and its shell runs some of it",
    "/etc/ld.so.conf.d": "every program loads libraries from where it says",
    "/etc/nginx/modules-enabled": "nginx's master, which is root, loads the libraries that it names",
    "/etc/apache2": "apache's master, which is root, loads the libraries that it names",
    "/etc/php": "PHP loads the libraries and files that it names, also where root runs it",
    "/etc/logrotate.d": "logrotate runs the scripts in it",
    "/etc/apt": "apt runs the hooks that it names",
    "/etc/dpkg": "dpkg runs the hooks that it names",
    "/etc/udev": "udev runs what its rules name",
    "/etc/modprobe.d": "modprobe runs what it names",
    "/etc/sysctl.d": "the kernel runs programs that it names (kernel.core_pattern)",
    "/etc/tmpfiles.d": "systemd makes and removes what it names, anywhere",
    "/etc/network": "ifup runs the commands that it names",
    "/etc/supervisor": "supervisor runs what it names",
    "/etc/initramfs-tools": "it becomes part of what boots",
    "/etc/grub.d": "update-grub runs it",
    "/boot": "it is what boots",
    "/usr": "root runs programs and loads libraries from there",
    "/opt": "root may run programs from there",
}
"""Directories, with all below them, and who executes what is there. The longest that holds a file counts."""

SHARED_DATA: Final = ("/usr/share", "/usr/local/share", "/usr/local/etc")
"""Of `/usr`, what is only read."""

FILES: Final[Mapping[str, str]] = {
    "/etc/crontab": "cron runs it",
    "/etc/sudoers": "sudo obeys it",
    "/etc/sudo.conf": "sudo loads the libraries that it names",
    "/etc/doas.conf": "doas obeys it",
    "/etc/passwd": "every login obeys it",
    "/etc/shadow": "every login obeys it",
    "/etc/group": "every login obeys it",
    "/etc/environment": "every login takes its variables from it, LD_PRELOAD too",
    "/etc/profile": "root's shell runs it",
    "/etc/bash.bashrc": "root's shell runs it",
    "/etc/ld.so.preload": "every program loads the libraries that it names",
    "/etc/ld.so.conf": "every program loads libraries from where it says",
    "/etc/nginx/nginx.conf": "nginx's master, which is root, loads the libraries that it names",
    "/etc/logrotate.conf": "logrotate runs the scripts in it",
    "/etc/rc.local": "init runs it",
    "/etc/fstab": "it says what is mounted, and with which rights",
    "/etc/sysctl.conf": "the kernel runs programs that it names (kernel.core_pattern)",
    "/etc/default/grub": "update-grub runs it",
    "/etc/aliases": "mail servers run the commands that it names",
}
"""Single files, and who executes or obeys them."""

PARTS: Final[Mapping[str, str]] = {
    ".ssh": "sshd lets in whom it names, and ssh runs the commands that it names",
    ".bashrc": "a shell runs it",
    ".profile": "a shell runs it",
    ".bash_profile": "a shell runs it",
    ".zshrc": "a shell runs it",
}
"""Names that mean the same wherever they stand in a path."""


ENDINGS: Final[Mapping[str, str]] = {
    ".php": "PHP runs it, as root where cron or an administrator does",
    ".sh": "a shell runs it, as root where cron or an administrator does",
    ".service": "systemd runs what it names, as root unless it says otherwise",
}
"""How the names of programs end, wherever they are."""


def executed(target: Target) -> str | None:
    """Who executes a file of the target, as a clause; None where nothing is known of anybody."""
    directory, file = resolved(target)
    path = f"{directory}/{file}" if file is not None else directory
    found = (*_named(target, directory, path), _in_a_tree(path), *_by_its_ending(target, path))
    return next(filter(None, found), None)


def _named(target: Target, directory: str, path: str) -> Iterator[str | None]:
    yield FILES.get(path)
    if target.names is not None:
        for known, what in FILES.items():
            parent, _, name = known.rpartition("/")
            if parent == directory and target.names.fullmatch(name):
                yield what
    yield from (PARTS.get(part) for part in path.split("/"))


def _by_its_ending(target: Target, path: str) -> Iterator[str]:
    """For a directory: by the endings that a name may have."""
    for ending, what in ENDINGS.items():
        if path.endswith(ending) if target.names is None else target.names.fullmatch(f"a{ending}"):
            yield what


def _in_a_tree(path: str) -> str | None:
    if any(_is_below(path, tree) for tree in SHARED_DATA):
        return None
    holding = [tree for tree in TREES if _is_below(path, tree)]
    return TREES[max(holding, key=len)] if holding else None


def _is_below(path: str, tree: str) -> bool:
    return path == tree or path.startswith(tree + "/")
