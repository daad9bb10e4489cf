"""The embedders themselves, one module a provider; import the one you need."""
