"""Options: what a run depends on, read from flags or given in Python. Imports no TensorFlow."""
