from .ask import (
    ProbeError as ProbeError,
    ask as ask,
    ask_artifact as ask_artifact,
    ask_stage as ask_stage,
    retry_skipping as retry_skipping,
)
