"""The engine programs of the nets: `program(builder, ...)` in one file per family, named as in `models.nets`."""
