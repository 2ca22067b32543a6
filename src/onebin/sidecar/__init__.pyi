from .container import Container as Container, read_container as read_container
from .facts import SideCarFacts as SideCarFacts
from .keys import SigningKey as SigningKey, development_key as development_key, signing_key as signing_key
from .packing import Packed as Packed, PackRequest as PackRequest, pack_plugin as pack_plugin
