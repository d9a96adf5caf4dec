"""Labelled sounds: param files, data sets, and the batches that training reads from them."""
