"""`python -m chainbell.engine`: the command line."""

from chainbell.engine.cli import main

if __name__ == "__main__":
    main()
