from .ask import (
    ProbeError as ProbeError,
)
from .ask import (
    ask as ask,
)
from .ask import (
    ask_artifact as ask_artifact,
)
from .ask import (
    ask_stage as ask_stage,
)
from .ask import (
    retry_skipping as retry_skipping,
)
