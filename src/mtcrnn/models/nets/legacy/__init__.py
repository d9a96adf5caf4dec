"""Nets of the 2020 code that nothing but its models needs."""
