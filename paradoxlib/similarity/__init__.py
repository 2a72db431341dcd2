"""How alike two networks are: kernels, units, CKA, other measures."""
