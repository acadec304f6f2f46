"""Scalars and weight histograms for TensorBoard."""

import os

import keras


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard callback, set up for the lab.

    After every epoch: each log as `epoch_<name>` in `train/` and `validation/`, the
    learning rate, and a histogram of every layer's weights.

    Args:
      log_dir: folder for `train/` and `validation/`.
      histogram_freq: epochs between histograms; 0 for none.
      **kwargs: as for `keras.callbacks.TensorBoard`.
    """

    def __init__(self, log_dir="logs", histogram_freq=1, **kwargs):
        # Keras can draw no graph of a subclassed model, and would warn.
        kwargs.setdefault("write_graph", False)
        super().__init__(log_dir=os.fspath(log_dir), histogram_freq=histogram_freq, **kwargs)
