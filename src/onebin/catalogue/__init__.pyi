from .blame import placed as placed, stage_of as stage_of
from .catalogue import Catalogue as Catalogue
from .checking import CatalogueRequest as CatalogueRequest, check_catalogue as check_catalogue
from .local import copy_sources as copy_sources
from .offers import HostOffer as HostOffer, PluginOffer as PluginOffer
from .order import Order as Order
from .results import CatalogueResult as CatalogueResult, CheckedOrder as CheckedOrder
