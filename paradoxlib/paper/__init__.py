"""What the paper says: printed matrices, statements and their verdicts."""
