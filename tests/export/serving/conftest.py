from __future__ import annotations

from served_models import exported, model_server_module, server

__all__ = ["exported", "model_server_module", "server"]
