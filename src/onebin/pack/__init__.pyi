from .artifact import Artifact as Artifact, Packing as Packing, check_writable as check_writable, pack as pack
from .components import licences_in as licences_in
from .payload import RELEASE_LEVEL as RELEASE_LEVEL
from .sbom import bill_of_materials as bill_of_materials
