"""Runs on disk: folders, checkpoints, training state, logs and locks; recipes; models of the original code."""
