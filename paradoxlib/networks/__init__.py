"""What networks are: architectures, weights, activations, transplants of parts."""
