"""A run on disk: its folders, its models, its log; recipes; the models of the original."""
