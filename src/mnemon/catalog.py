"""Every table in one metadata: imports every domain's models, and does nothing else."""

from mnemon.agents import models as agents
from mnemon.conversations import models as conversations
from mnemon.db.base import Base
from mnemon.identity import models as identity
from mnemon.memory import models as memory

metadata = Base.metadata

__all__ = ["agents", "conversations", "identity", "memory", "metadata"]
