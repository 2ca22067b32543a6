from .settings import Limits as Limits, ServiceSettings as ServiceSettings
from .sizes import OrderSize as OrderSize, Sizes as Sizes
