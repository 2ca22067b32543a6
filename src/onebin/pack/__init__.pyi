from .artifact import Artifact as Artifact, check_writable as check_writable, pack as pack
from .payload import RELEASE_LEVEL as RELEASE_LEVEL
