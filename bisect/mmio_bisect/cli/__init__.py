"""The command line: words in, sentences and exit codes out. One thin file a command; the work is done below.

`commands` is the table of them all; `app`, which reads it, imports a command's file when that command is asked for.
"""
