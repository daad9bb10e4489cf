"""Other people's interfaces and formats over our services."""
