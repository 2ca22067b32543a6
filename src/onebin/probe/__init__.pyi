from .ask import (
    WITHOUT_SIDE_CARS as WITHOUT_SIDE_CARS,
    ProbeError as ProbeError,
    ask as ask,
    ask_artifact as ask_artifact,
    ask_script as ask_script,
    ask_stage as ask_stage,
    retry_skipping as retry_skipping,
)
