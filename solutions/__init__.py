"""The reference: the six lesson modules, complete; the stubs are made from them."""
