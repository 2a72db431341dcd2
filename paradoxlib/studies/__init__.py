"""The settings of a study (`*.yaml`), where it runs, training and evaluation."""
