"""`rpcd completion`: what makes a shell complete rpcd's commands, methods and targets."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

__all__ = ["completion"]

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, methods and targets.

    Methods and targets are those that the server tells you of.

    \b
      rpcd completion bash > /usr/share/bash-completion/completions/rpcd
      rpcd completion zsh > /usr/share/zsh/vendor-completions/_rpcd
      rpcd completion fish > ~/.config/fish/completions/rpcd.fish
    """  # noqa: D301 - click means the character
    made = SHELLS[shell](context.find_root().command, {}, "rpcd", "_RPCD_COMPLETE")
    # the method of the base class: bash's own starts bash, to see how old it is here
    click.echo(ShellComplete.source(made).strip())
