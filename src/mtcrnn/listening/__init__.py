"""What can be heard in recordings: measures at every moment, texture statistics, and curves of what words mean."""
