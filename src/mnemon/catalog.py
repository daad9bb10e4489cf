"""Every table in one metadata: imports every domain's models, and does nothing else."""

from mnemon.agents import models as agents
from mnemon.conversations import models as conversations
from mnemon.db.base import Base
from mnemon.graph import models as graph
from mnemon.identity import models as identity
from mnemon.integrations import models as integrations
from mnemon.jobs import models as jobs
from mnemon.knowledge import models as knowledge
from mnemon.memory import models as memory
from mnemon.operations import models as operations
from mnemon.workflow import models as workflow
from mnemon.workspace import models as workspace

metadata = Base.metadata

__all__ = [
    "agents",
    "conversations",
    "graph",
    "identity",
    "integrations",
    "jobs",
    "knowledge",
    "memory",
    "metadata",
    "operations",
    "workflow",
    "workspace",
]
