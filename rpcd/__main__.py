"""`python -m rpcd`."""

from rpcd.cli import main

if __name__ == "__main__":
    main()
