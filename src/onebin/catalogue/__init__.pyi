from .blame import placed as placed, stage_of as stage_of
from .catalogue import Catalogue as Catalogue
from .checking import CatalogueRequest as CatalogueRequest, check_catalogue as check_catalogue
from .local import Places as Places
from .offers import HostOffer as HostOffer, PluginOffer as PluginOffer
from .order import Order as Order
from .parts import HOST as HOST, Part as Part, Parts as Parts, parts_of as parts_of
from .results import CatalogueResult as CatalogueResult, CheckedOrder as CheckedOrder
