"""``python -m mnemon`` is the command line."""

from mnemon.doors.cli.main import main

if __name__ == "__main__":
    main()
