"""The programs of the nets: `program(builder, ...)` in a file a family, named as in `models.nets`."""
