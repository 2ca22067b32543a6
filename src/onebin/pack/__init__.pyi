from .artifact import Artifact as Artifact
from .artifact import check_writable as check_writable
from .artifact import pack as pack
from .artifact import write_beside as write_beside
from .components import OTHER_LICENCES as OTHER_LICENCES
from .payload import RELEASE_LEVEL as RELEASE_LEVEL
