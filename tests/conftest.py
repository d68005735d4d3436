import pytest


@pytest.fixture(autouse=True)
def usual_log_level(monkeypatch):
    """A command run inside the test process sets it; the processes of later tests would start with other noise."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
