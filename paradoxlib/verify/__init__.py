"""Do results come out again: files, weights, accuracies, claims; the report."""
