"""DeepIndex (Liu et al., ICMR 2015): an inverted file over deep visual words."""
