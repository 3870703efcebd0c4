"""The reference: the six lesson modules, complete. The stubs in `src/malaria` are made from them."""
