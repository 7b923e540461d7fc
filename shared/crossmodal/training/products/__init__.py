"""Training of JMC on products with texts."""
