"""Classes as strangers write them, for tests/test_as_keras.py."""
