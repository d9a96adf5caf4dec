"""Those of nets that only the 2020 code's models need."""
