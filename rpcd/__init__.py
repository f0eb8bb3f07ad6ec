"""rpcd: lets an unprivileged web application change exactly the configuration it has been granted."""

__version__ = "0.1.0"
