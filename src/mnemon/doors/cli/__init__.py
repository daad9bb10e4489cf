"""The command line: parse, one call of a service, render. No SQL and no rules live here.

Nothing heavy is imported before a command runs, so that ``mnemon --help`` answers at once: the modules of
:mod:`mnemon.doors.cli.commands` import Typer at their top, and everything else inside their functions.
"""
