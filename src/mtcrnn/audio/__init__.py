"""Sounds as arrays: files, mu-law codes, features."""
