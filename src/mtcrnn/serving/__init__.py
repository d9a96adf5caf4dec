"""Serving pages to this machine: the port, the address with its token, and who may ask."""
