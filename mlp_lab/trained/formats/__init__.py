"""The forms in which a model is exported: how each is written, and run by its own runtime."""

from mlp_lab.trained.formats import litert, onnx, saved_model

FORMATS = {"saved_model": saved_model, "onnx": onnx, "litert": litert}
"""Modules by name; each has `FILE`, `write(model, signature, path)` and `runner(path)`."""
