"""The command line, `mtcrnn COMMAND`: one file for each group of commands."""
