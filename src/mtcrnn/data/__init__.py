"""Labelled sounds: param files, data sets, and what training reads of them."""
