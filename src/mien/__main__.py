"""Lets `python -m mien` do what `mien` does."""

from mien.cli import main

if __name__ == "__main__":
    main()
