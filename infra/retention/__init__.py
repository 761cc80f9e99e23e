"""What people do about retention: purge, erase, prove, and bring back what a restore has lost."""
