"""What proves a deletion: receipts in a chain, their archive, and what they are good for."""
