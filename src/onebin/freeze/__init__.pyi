from .pyinstaller import freeze as freeze
from .sizes import in_artifact as in_artifact
from .tree import Contents as Contents, FrozenTree as FrozenTree
