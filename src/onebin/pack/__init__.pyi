from .artifact import Artifact as Artifact, check_writable as check_writable, pack as pack, write_beside as write_beside
from .components import OTHER_LICENCES as OTHER_LICENCES
from .payload import RELEASE_LEVEL as RELEASE_LEVEL
