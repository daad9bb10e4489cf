"""One module for each group of commands; each command is a function that Typer reads."""
