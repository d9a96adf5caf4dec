"""Shared foundations: errors, file writing, validation, random numbers, compiled arithmetic. No audio, no torch."""
