"""How steps are run: many in one compiled call, observed, divided among devices.

`GlassBox` (in `mlp_lab.models`) holds the step itself; the mix-ins here run it inside Keras'
`fit`, `evaluate` and `predict`. docs/design.md tells which file does what.
"""
