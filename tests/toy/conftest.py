"""These tests run where the toy's files lie beside all others: see tests/test_toy.py."""

collect_ignore_glob = ["*"]
