"""A command that has commands: who mistypes one is told which there is."""

import click

from rpcd.meant import meant

__all__ = ["Commands"]


class Commands(click.Group):
    """A group that names the command that was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; a usage error where there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"there is no command '{name}'{meant(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)
