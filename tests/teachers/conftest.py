from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr("transformers.utils.hub._is_offline_mode", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
