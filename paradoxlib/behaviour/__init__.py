"""What networks do: predictions, accuracies, compatibility, kinds of pair."""
