"""Trains a model: `python train.py --flagfile=configs/fashion_mnist.flags`."""

import sys

from mlp_lab.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
