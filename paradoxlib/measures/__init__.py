"""How alike two networks are by any measure: of weights, features, outputs, paths between them."""
