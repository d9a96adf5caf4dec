"""Nets of the 2020 code that only its models need."""
