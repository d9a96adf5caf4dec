"""Audio as arrays: reading and writing sound files, checks, mu-law codes, features, sub-bands."""
