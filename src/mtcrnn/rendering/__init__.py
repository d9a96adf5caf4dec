"""Rendering: players, cascades of tiers, live streams, parameter curves, output files and plots."""
