"""The command line: words in, sentences and exit codes out. One thin file a command; the work is done below.

Nothing heavy is imported by importing a module here: `--help` is as quick as Python and Typer are.
"""
