"""The engine programs of nets that only the models of the 2020 code need."""
