"""What everything else stands on: errors, files, checks, random numbers, compiled arithmetic. No sound, no torch."""
